// Twin: src/kernel/grad/mask.rs.
