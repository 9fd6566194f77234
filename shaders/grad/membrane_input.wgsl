// Twin: src/kernel/grad/membrane_input.rs.
