//! What a simulation was, for people and for machines.

use std::fmt::Write;
use std::time::Duration;

use saltatory::circuit::Statistics;
use saltatory::plan::bytes_text;
use serde_json::{Value, json};

use super::setup::Setup;
use crate::cli::report::short;

/// What was measured.
pub struct Report<'a> {
    pub setup: &'a Setup,
    pub statistics: &'a Statistics,
    pub device: String,
    /// Bytes of synapses and tables, and of work.
    pub memory: [usize; 2],
    pub building: Duration,
    pub running: Duration,
    pub stopped: bool,
}

impl Report<'_> {
    /// Seconds that a second of the simulation took.
    fn factor(&self) -> f64 {
        self.running.as_secs_f64() / self.statistics.seconds().max(f64::MIN_POSITIVE)
    }

    /// Synapses that arrive at each population, on average over what chance does.
    fn synapses(&self) -> Vec<f64> {
        let circuit = &self.setup.circuit;
        let mut synapses = vec![0.0; circuit.populations.len()];
        for projection in &circuit.projections {
            if let Some(to) = circuit.find(&projection.to) {
                synapses[to] += circuit.expected_synapses(projection);
            }
        }
        synapses
    }

    pub fn text(&self) -> String {
        let Report { setup, statistics, device, memory, building, running, .. } = self;
        let mut out = String::new();
        let stopped = if self.stopped { ", stopped by a signal" } else { "" };
        let (seconds, dt, steps) = (statistics.seconds(), setup.dt, statistics.steps());
        let _ = writeln!(out, "{}  {seconds} s in {steps} steps of {dt} ms{stopped}  ({device})", setup.name);
        let populations = &setup.circuit.populations;
        let wide = populations.iter().map(|p| p.name.chars().count()).max().unwrap_or(0).max(10);
        let _ = writeln!(
            out,
            "\n  {:<wide$}  {:>9}  {:>10}  {:>9}  {:>6}  {:>11}",
            "population", "cells", "spikes", "rate", "CV", "synapses"
        );
        let synapses = self.synapses();
        for (at, population) in populations.iter().enumerate() {
            let of = statistics.population(at);
            let cv = of.cv.map_or_else(|| "-".into(), |cv| format!("{cv:.3}"));
            let _ = writeln!(
                out,
                "  {:<wide$}  {:>9}  {:>10}  {:>6.2} Hz  {cv:>6}  {:>11}",
                population.name,
                of.size,
                of.spikes,
                of.rate,
                short(synapses[at])
            );
        }
        let [constants, work] = memory.map(|bytes| bytes_text(bytes as u128));
        let _ = writeln!(out, "\n  memory   {constants} of synapses and tables, {work} of state and spikes");
        let factor = self.factor();
        let faster = if factor <= 1.0 { ("faster", 1.0 / factor.max(1e-12)) } else { ("slower", factor) };
        let _ = writeln!(
            out,
            "  time     {:.2} s to build, {:.2} s to run: real-time factor {factor:.3}, {:.1} times {} than real time",
            building.as_secs_f64(),
            running.as_secs_f64(),
            faster.1,
            faster.0
        );
        out
    }

    pub fn json(&self) -> Value {
        let Report { setup, statistics, .. } = self;
        let synapses = self.synapses();
        let populations = setup.circuit.populations.iter().enumerate().map(|(at, population)| {
            let of = statistics.population(at);
            json!({
                "name": population.name, "cell": population.cell.name(), "size": of.size, "spikes": of.spikes,
                "rate_hz": of.rate, "cv": of.cv, "cells_of_cv": of.cells_of_cv, "expected_synapses": synapses[at],
            })
        });
        json!({
            "name": setup.name, "device": self.device, "seed": setup.circuit.seed, "dt_ms": setup.dt,
            "steps": statistics.steps(), "simulated_seconds": statistics.seconds(), "stopped": self.stopped,
            "cells": setup.circuit.populations.iter().map(|population| population.size).sum::<usize>(),
            "spikes": statistics.spikes(), "expected_synapses": synapses.iter().sum::<f64>(),
            "constant_bytes": self.memory[0], "work_bytes": self.memory[1],
            "build_seconds": self.building.as_secs_f64(), "run_seconds": self.running.as_secs_f64(),
            "real_time_factor": self.factor(), "populations": populations.collect::<Vec<_>>(),
        })
    }
}
