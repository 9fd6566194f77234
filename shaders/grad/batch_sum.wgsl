// Twin: src/kernel/grad/batch_sum.rs.
