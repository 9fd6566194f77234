// Twin: src/kernel/grad/norm_moments.rs.
