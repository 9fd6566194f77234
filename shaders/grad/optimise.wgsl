// Twin: src/kernel/grad/optimise.rs.
