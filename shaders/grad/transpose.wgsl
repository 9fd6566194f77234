// Twin: src/kernel/grad/transpose.rs.
