// Twin: src/kernel/grad/norm_factors.rs.
