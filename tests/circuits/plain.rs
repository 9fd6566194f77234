//! A plain simulation of the same circuits in f64, with PyNN's parameters in the differential equations.

use saltatory::circuit::{Circuit, Connector, Population, Projection, Receptor};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::SpikeSourcePoisson;
use saltatory::run::Device;

use crate::support::{self, DT, cells, is_conductance};

/// One cell of the plain simulation.
#[derive(Clone, Copy, Debug, Default)]
struct Plain {
    v: f64,
    w: f64,
    e: f64,
    i: f64,
    rest: u32,
}

/// One step of a cell, after Brian 2's schedule: state, threshold, synapses, reset.
fn step(cell: &CellType, s: &mut Plain, current: f64, arrived: [f64; 2]) -> bool {
    let kept = |tau: f64| (-DT / tau).exp();
    let active = s.rest == 0;
    let old = *s;
    // What a current that decays with `tau` adds within a step to a membrane of `tau_m`, by a thousand small steps.
    let synapse = |g: f64, tau: f64, tau_m: f64, cm: f64| {
        let n = 1000;
        let small = DT / f64::from(n);
        (0..n).fold(0.0, |v: f64, k| {
            let at = (f64::from(k) + 0.5) * small;
            v * (-small / tau_m).exp() + g * (-at / tau).exp() * small / cm * (-0.5 * small / tau_m).exp()
        })
    };
    let (h, threshold, reset, refractory, taus, jump): (f64, f64, f64, f64, Option<[f64; 2]>, f64) = match cell {
        CellType::IfCurrExp(p) => {
            let r = p.tau_m / p.cm;
            let leak =
                p.v_rest + (s.v - p.v_rest) * kept(p.tau_m) + r * (p.i_offset + current - s.w) * (1.0 - kept(p.tau_m));
            s.w += (1.0 - kept(p.tau_w)) * (p.a * (s.v - p.v_rest) - s.w);
            let h = leak + synapse(s.e, p.tau_syn_e, p.tau_m, p.cm) + synapse(s.i, p.tau_syn_i, p.tau_m, p.cm);
            (h, p.v_thresh, p.v_reset, p.tau_refrac, Some([p.tau_syn_e, p.tau_syn_i]), p.b)
        }
        CellType::IfCurrExpThreshold(p) => {
            let r = p.tau_m / p.cm;
            let leak = p.v_rest + (s.v - p.v_rest) * kept(p.tau_m) + r * (p.i_offset + current) * (1.0 - kept(p.tau_m));
            let h = leak + synapse(s.e, p.tau_syn_e, p.tau_m, p.cm) + synapse(s.i, p.tau_syn_i, p.tau_m, p.cm);
            let threshold = p.v_thresh + s.w;
            s.w *= kept(p.tau_theta);
            (h, threshold, p.v_reset, p.tau_refrac, Some([p.tau_syn_e, p.tau_syn_i]), p.theta_jump)
        }
        CellType::IfCurrDelta(p) => {
            let input = p.tau_m / p.cm * (p.i_offset + current);
            let h = p.v_rest + input + (s.v - p.v_rest - input) * kept(p.tau_m);
            (h, p.v_thresh, p.v_reset, p.tau_refrac, None, 0.0)
        }
        CellType::IfCondExp(p) => {
            let synaptic = s.e * (p.e_rev_e - s.v) + s.i * (p.e_rev_i - s.v);
            let h = s.v + DT * ((p.v_rest - s.v) / p.tau_m + (synaptic + p.i_offset + current) / p.cm);
            (h, p.v_thresh, p.v_reset, p.tau_refrac, Some([p.tau_syn_e, p.tau_syn_i]), 0.0)
        }
        CellType::EifCondExp(p) => {
            let synaptic = s.e * (p.e_rev_e - s.v) + s.i * (p.e_rev_i - s.v);
            let sharp = p.delta_t * ((s.v - p.v_thresh) / p.delta_t).exp();
            let flow = (p.v_rest - s.v + sharp) / p.tau_m + (synaptic + p.i_offset + current - s.w) / p.cm;
            s.w += DT / p.tau_w * (p.a / 1000.0 * (s.v - p.v_rest) - s.w);
            (s.v + DT * flow, p.v_spike, p.v_reset, p.tau_refrac, Some([p.tau_syn_e, p.tau_syn_i]), p.b)
        }
        CellType::EifCurrExp(p) => {
            let sharp = p.delta_t * ((s.v - p.v_thresh) / p.delta_t).exp();
            let h = s.v + DT / p.tau_m * (p.v_rest - s.v + sharp + p.r * (s.e + s.i + p.i_offset + current));
            (h, p.v_spike, p.v_reset, p.tau_refrac, Some([p.tau_syn_e, p.tau_syn_i]), 0.0)
        }
        CellType::QifCurrExp(p) => {
            let input = p.r * (s.e + s.i + p.i_offset + current);
            let h = s.v + DT / p.tau_m * (p.a0 * (s.v - p.v_rest) * (s.v - p.v_c) - s.w + input);
            let seen = if active { h } else { s.v };
            s.w += DT / p.tau_w * (p.a * (seen - p.v_rest) - s.w);
            (h, p.v_spike, p.v_reset, p.tau_refrac, Some([p.tau_syn_e, p.tau_syn_i]), p.b)
        }
        CellType::Izhikevich(p) => {
            let h = s.v + DT * (0.04 * s.v * s.v + 5.0 * s.v + 140.0 - s.w + p.i_offset + current);
            s.w += DT * p.a * (p.b * s.v - s.w);
            (h, 30.0, p.c, 0.0, None, p.d)
        }
        _ => unreachable!(),
    };
    let h = if active { h } else { old.v };
    let fires = active && h >= threshold;
    s.v = h;
    match taus {
        Some([tau_e, tau_i]) => {
            s.e = s.e * kept(tau_e) + arrived[0];
            s.i = s.i * kept(tau_i) + arrived[1];
        }
        None if active => s.v += arrived[0] + arrived[1],
        None => {}
    }
    s.rest = s.rest.saturating_sub(1);
    if fires {
        s.v = reset;
        s.w += jump;
        s.rest = (refractory / DT).round() as u32;
    }
    fires
}

#[test]
fn cells_synapses_and_delays_are_those_of_a_plain_simulation() {
    const STEPS: usize = 1500;
    const SIZE: usize = 12;
    for (at, cell) in cells().into_iter().enumerate() {
        // Weights with few digits, so that whole units say them exactly.
        let size = if is_conductance(&cell) { 1.0 / 128.0 } else { (support::weight(&cell) * 8.0).round() / 8.0 };
        let sign = if is_conductance(&cell) { 1.0 } else { -1.0 };
        let random = |n: usize| (n.wrapping_mul(2_654_435_761) >> 7) % 97;
        let list = |salt: usize, size: f64| -> Vec<(usize, usize, f64, f64)> {
            let pairs = (0..SIZE * SIZE).filter(|&n| random(n + salt) < 40);
            pairs
                .map(|n| (n / SIZE, n % SIZE, size * [0.5, 1.0][n % 2], DT * (1 + random(n + salt + 7) % 30) as f64))
                .collect()
        };
        let projections = [
            ("noise", list(1, size), None),
            ("cells", list(2, size / 8.0), None),
            ("cells", list(3, sign * size / 4.0), Some(())),
        ];
        let mut circuit =
            Circuit::new(9).population(Population::new("noise", SIZE, SpikeSourcePoisson { rate: 60.0 })).population(
                Population::new("cells", SIZE, cell.clone()).current(20.0, 0.03125).current(80.0, 0.0).probes(0..SIZE),
            );
        for (from, list, inhibits) in &projections {
            let receptor = if inhibits.is_some() { Receptor::Inhibitory } else { Receptor::Excitatory };
            let connector = Connector::FromList(list.clone());
            circuit = circuit.projection(Projection::new(*from, "cells", connector).receptor(receptor));
        }
        let done = support::run(&circuit, STEPS, &Device::Reference, 100);
        assert!(done.count(0) > 50 && done.count(1) > 30, "{}: {} spikes", cell.name(), done.count(1));

        let mut states = [Plain { v: cell.v_init(), ..Default::default() }; SIZE];
        if let CellType::Izhikevich(p) = &cell {
            states.iter_mut().for_each(|state| state.w = p.b * state.v);
        }
        let mut arriving = vec![[[0.0; 2]; SIZE]; STEPS + 40];
        let mut spikes = Vec::new();
        let mut off: f64 = 0.0;
        for t in 0..STEPS {
            let current = if (200..800).contains(&t) { 0.03125 } else { 0.0 };
            let mut fired: Vec<(usize, usize)> =
                done.spikes.iter().filter(|s| s.0 == t as u64 && s.1 == 0).map(|s| (0, s.2)).collect();
            for (n, state) in states.iter_mut().enumerate() {
                if step(&cell, state, current, arriving[t][n]) {
                    fired.push((1, n));
                    spikes.push((t as u64, n));
                }
                off = off.max((state.v - f64::from(done.probes[t][n][0])).abs());
            }
            for &(population, source) in &fired {
                for (from, list, inhibits) in &projections {
                    if (*from == "noise") == (population == 0) {
                        for &(_, target, weight, delay) in list.iter().filter(|synapse| synapse.0 == source) {
                            let at = t + (delay / DT).round() as usize;
                            arriving[at][target][usize::from(inhibits.is_some())] += weight;
                        }
                    }
                }
            }
        }
        let got: Vec<(u64, usize)> = done.spikes.iter().filter(|s| s.1 == 1).map(|s| (s.0, s.2)).collect();
        assert_eq!(got, spikes, "{at}: {}", cell.name());
        println!("{}: {} spikes, potentials within {off:.1e} mV", cell.name(), spikes.len());
        // Where the potential runs away a difference grows with it.
        let most = if matches!(cell, CellType::Izhikevich(_)) { 0.2 } else { 0.02 };
        assert!(off < most, "{}: {off}", cell.name());
    }
}
