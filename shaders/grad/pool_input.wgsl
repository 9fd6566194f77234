// Twin: src/kernel/grad/pool_input.rs.
