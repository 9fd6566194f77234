//! Synapses by rule: how many there are, and where they end.

use saltatory::Error;
use saltatory::circuit::{Circuit, Connector, Distribution, Population, Projection};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::IfCurrDelta;
use saltatory::run::{Device, Simulation, SimulationOptions};

use crate::support::{self, DT};

/// How often each of `targets` cells is reached within three steps, if all of `sources` cells fire once: they sum
/// potentials up. Self-connections are of a population that fires by a current.
fn reached(connector: &Connector, sources: usize, targets: usize, seed: u64) -> Vec<f32> {
    let sums = IfCurrDelta { tau_m: 1e9, v_thresh: 1e6, v_rest: 0.0, ..Default::default() };
    let times = CellType::SpikeSourceArray { spike_times: vec![vec![0.0]; sources] };
    let circuit = Circuit::new(seed)
        .population(Population::new("from", sources, times))
        .population(Population::new("to", targets, sums).probes(0..targets))
        .projection(Projection::new("from", "to", connector.clone()).weight(1.0).delay(0.1));
    let done = support::run(&circuit, 6, &Device::Reference, 6);
    done.probes.last().unwrap().iter().map(|values| values[0]).collect()
}

#[test]
fn as_many_as_the_connector_says() {
    assert_eq!(reached(&Connector::AllToAll, 40, 50, 1), vec![40.0; 50]);
    assert_eq!(reached(&Connector::OneToOne, 50, 50, 1), vec![1.0; 50]);
    assert_eq!(reached(&Connector::FixedProbability(1.0), 40, 50, 1), vec![40.0; 50]);
    assert_eq!(reached(&Connector::FixedProbability(0.0), 40, 50, 1), vec![0.0; 50]);
    assert_eq!(reached(&Connector::FixedNumberPre(9), 40, 50, 1), vec![9.0; 50]);
    let total = |connector: &Connector, seed| reached(connector, 400, 500, seed).iter().sum::<f32>();
    assert_eq!(total(&Connector::FixedNumberPost(9), 1), 3600.0);
    assert_eq!(total(&Connector::FixedTotalNumber(1234), 1), 1234.0);
    let list = vec![(3, 4, 2.0, 0.1), (3, 4, 1.0, 0.1), (0, 1, -1.0, 0.2)];
    let expected: Vec<f32> = (0..6).map(|at| [0.0, -1.0, 0.0, 0.0, 3.0, 0.0][at]).collect();
    assert_eq!(reached(&Connector::FromList(list), 4, 6, 1), expected);
}

#[test]
fn chances_are_kept_and_targets_independent() {
    let (sources, targets) = (1000, 700);
    for p in [0.003, 0.1, 0.7] {
        let counts = reached(&Connector::FixedProbability(p), sources, targets, 2);
        let n = (sources * targets) as f64;
        let sum: f64 = counts.iter().map(|&c| f64::from(c)).sum();
        // Five standard deviations of a binomial distribution.
        assert!((sum - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt(), "{p}: {sum} of {n}");
        let mean = sum / targets as f64;
        let variance = counts.iter().map(|&c| (f64::from(c) - mean).powi(2)).sum::<f64>() / (targets - 1) as f64;
        let expected = sources as f64 * p * (1.0 - p);
        // The variance of so many counts has a relative deviation of the root of 2 over their number.
        let off = (variance / expected - 1.0).abs() / (2.0 / targets as f64).sqrt();
        assert!(off < 5.0, "{p}: variance {variance}, expected {expected}");
    }
    let fan_in = reached(&Connector::FixedNumberPost(100), sources, targets, 2);
    let spread = fan_in.iter().map(|&c| (f64::from(c) - 1e5 / 700.0).powi(2)).sum::<f64>() / 699.0;
    assert!((spread / (1e5 / 700.0) - 1.0).abs() < 0.3, "{spread}");
}

#[test]
fn weights_and_delays_follow_their_distributions() {
    let sums = IfCurrDelta { tau_m: 1e9, v_thresh: 1e6, v_rest: 0.0, ..Default::default() };
    let times = CellType::SpikeSourceArray { spike_times: vec![vec![0.0]; 2000] };
    let circuit = Circuit::new(1)
        .population(Population::new("from", 2000, times))
        .population(Population::new("to", 2000, sums).probes(0..2000))
        .projection(
            Projection::new("from", "to", Connector::OneToOne)
                .weight(Distribution::normal(3.0, 0.5))
                .delay(Distribution::uniform(0.1, 2.0)),
        );
    let done = support::run(&circuit, 24, &Device::Reference, 24);
    let last: Vec<f64> = done.probes.last().unwrap().iter().map(|values| f64::from(values[0])).collect();
    let mean = last.iter().sum::<f64>() / 2000.0;
    let deviation = (last.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2000.0).sqrt();
    assert!((mean - 3.0).abs() < 0.06 && (deviation - 0.5).abs() < 0.05, "{mean} {deviation}");
    // Delays of 1 to 20 steps: nothing before the first, everything after the last, half between.
    let arrived = |step: usize| done.probes[step].iter().filter(|values| values[0] != 0.0).count();
    assert_eq!((arrived(0), arrived(20)), (0, 2000));
    assert!((900..1100).contains(&arrived(10)), "{}", arrived(10));
}

#[test]
fn no_cell_reaches_itself_where_that_is_not_wanted() {
    // Every cell fires by itself at the same time, and counts what comes back.
    let cell = IfCurrDelta { tau_m: 1e9, v_rest: 0.0, v_thresh: 1.0, v_reset: -1e6, ..Default::default() };
    for (connector, expected) in [
        (Connector::AllToAll, Some(9.0)),
        (Connector::FixedNumberPre(5), Some(5.0)),
        (Connector::FixedProbability(0.5), None),
        (Connector::FixedNumberPost(5), None),
    ] {
        let circuit =
            |alone: bool| {
                let projection = Projection::new("a", "a", connector.clone()).weight(1.0).delay(0.5);
                Circuit::new(2)
                    .population(Population::new("a", 10, cell).v_init(2.0).probes(0..10))
                    .projection(if alone { projection.no_self_connections() } else { projection })
            };
        let counts: Vec<f32> = support::run(&circuit(true), 9, &Device::Reference, 9).probes[8]
            .iter()
            .map(|values| values[0] + 1e6)
            .collect();
        match expected {
            Some(expected) => assert_eq!(counts, vec![expected; 10], "{}", connector.name()),
            None => assert!(counts.iter().all(|&count| count < 10.0), "{counts:?}"),
        }
    }
}

#[test]
fn bad_circuits_are_refused_with_what_was_expected() {
    let good = || {
        Circuit::new(1).population(Population::new("a", 10, IfCurrDelta::default())).population(Population::new(
            "b",
            20,
            IfCurrDelta::default(),
        ))
    };
    let join = |connector| Projection::new("a", "b", connector).weight(1.0).delay(1.0);
    let cases = [
        (Circuit::new(1), "at least one population"),
        (good().population(Population::new("a", 1, IfCurrDelta::default())), "two populations are called `a`"),
        (good().population(Population::new("c", 0, IfCurrDelta::default())), "`c`: expected at least one cell"),
        (
            good().population(Population::new("c", 1, IfCurrDelta { tau_m: 0.0, ..Default::default() })),
            "`tau_m`: expected a number above zero, got 0",
        ),
        (good().population(Population::new("c", 1, IfCurrDelta::default()).probes([1])), "among 1 cells, got 1"),
        (good().projection(Projection::new("a", "x", Connector::AllToAll)), "there is no population `x`, but `a`, `b`"),
        (good().projection(join(Connector::OneToOne)), "as many targets as sources, 10, got 20"),
        (good().projection(join(Connector::FixedProbability(2.0))), "between 0 and 1, got 2"),
        (good().projection(join(Connector::AllToAll).delay(0.04)), "between one step of 0.1 ms"),
        (good().projection(join(Connector::AllToAll).weight(f64::NAN)), "weight: expected finite numbers"),
        (good().projection(join(Connector::FixedNumberPre(3)).procedural()), "cannot be drawn source by source"),
        (
            good().projection(join(Connector::FromList(vec![(0, 20, 1.0, 1.0)]))),
            "sources below 10 and targets below 20, got 0 to 20",
        ),
    ];
    for (circuit, expected) in cases {
        let error = circuit.check(DT).unwrap_err();
        assert!(matches!(error, Error::Request(_)) && error.to_string().contains(expected), "{error}: {expected}");
    }
    let huge = good().projection(join(Connector::FixedTotalNumber(1 << 50)));
    let error = Simulation::new(huge, DT, &SimulationOptions::default()).unwrap_err().to_string();
    assert!(error.contains("stored synapses need about 8192.0 TiB, 16.0 GiB are allowed"), "{error}");
    good().check(DT).unwrap();
    assert!(good().check(0.0).unwrap_err().to_string().contains("above zero"));
}
