// Twin: src/kernel/grad/square_sum.rs.
