//! Circuits: cells, synapses and delays against a plain simulation; the same on every machine; synapses by rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod inputs;
mod machines;
mod plain;
mod rules;
#[cfg(feature = "gpu")]
mod sabotage;
mod support;
