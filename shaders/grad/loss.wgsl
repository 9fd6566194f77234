// Twin: src/kernel/grad/loss.rs.
