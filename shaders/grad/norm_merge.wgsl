// Twin: src/kernel/grad/norm_merge.rs.
