// Twin: src/kernel/grad/linear_input.rs.
