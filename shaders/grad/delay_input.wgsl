// Twin: src/kernel/grad/delay_input.rs.
