// Twin: src/neuron/backward.rs.
