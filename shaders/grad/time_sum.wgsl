// Twin: src/kernel/grad/time_sum.rs.
