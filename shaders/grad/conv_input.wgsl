// Twin: src/kernel/grad/conv_input.rs.
