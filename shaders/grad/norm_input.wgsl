// Twin: src/kernel/grad/norm_input.rs.
