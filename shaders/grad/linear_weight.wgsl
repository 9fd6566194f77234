// Twin: src/kernel/grad/linear_weight.rs.
