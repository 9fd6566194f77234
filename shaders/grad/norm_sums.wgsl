// Twin: src/kernel/grad/norm_sums.rs.
