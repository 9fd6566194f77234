// Twin: src/kernel/grad/conv_weight.rs.
