//! What grows in a sweep, and through which values.

use std::ops::RangeInclusive;

use saltatory::workloads::Variant;
use saltatory::{Error, Result};

use super::super::case::Case;

/// All sweeps.
const NAMES: [&str; 4] = ["steps", "batch", "neurons", "rate"];

/// Steps of a sample, sizes of a batch, neurons alone, and neurons with as many inputs: from and to a power of two.
const STEPS: RangeInclusive<u32> = 2..=6;
const BATCH: RangeInclusive<u32> = 0..=8;
const NEURONS: RangeInclusive<u32> = 12..=20;
const LAYERS: RangeInclusive<u32> = 8..=12;
/// Spikes per hundred inputs and steps.
const RATES: [f64; 8] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];

/// A workload of which one thing grows.
pub struct Series {
    pub sweep: &'static str,
    pub workload: &'static str,
    /// What grows, in the plural, and one of it.
    pub unit: [&'static str; 2],
    /// How many of these, and what is run then.
    pub points: Vec<(f64, Case)>,
}

/// The series of these sweeps.
pub fn series(names: &[String]) -> Result<Vec<Series>> {
    let mut chosen = Vec::new();
    for name in names {
        let before = chosen.len();
        chosen.extend(NAMES.into_iter().filter(|known| name == "all" || name == known).flat_map(of));
        if chosen.len() == before {
            return Err(Error::Request(format!("--sweep {name}: there are {}, all", NAMES.join(", "))));
        }
    }
    Ok(chosen)
}

fn of(sweep: &'static str) -> Vec<Series> {
    let series = |workload, unit, points| Series { sweep, workload, unit, points };
    match sweep {
        "steps" => ["spiking-cnn", "lif"].map(|name| series(name, ["steps", "step"], steps(name))).into(),
        "batch" => vec![series("spiking-cnn", ["samples", "sample"], batches("spiking-cnn"))],
        "neurons" => vec![
            series("lif", ["neurons", "neuron"], neurons("lif", NEURONS, 1)),
            series("sparse-fc-5", ["synapses", "synapse"], neurons("sparse-fc-5", LAYERS, 2)),
        ],
        _ => vec![series("sparse-fc", ["% firing", "%"], rates("sparse-fc-1"))],
    }
}

fn steps(name: &'static str) -> Vec<(f64, Case)> {
    let point = |steps| (steps as f64, Case::of(name, 1, Variant { steps: Some(steps), ..Variant::default() }));
    powers(STEPS).map(point).collect()
}

fn batches(name: &'static str) -> Vec<(f64, Case)> {
    powers(BATCH).map(|batch| (batch as f64, Case::of(name, batch, Variant::default()))).collect()
}

/// A layer of `n` neurons and `n` inputs has `n` to the power of two synapses.
fn neurons(name: &'static str, powers_of_two: RangeInclusive<u32>, dimensions: i32) -> Vec<(f64, Case)> {
    let point =
        |n| ((n as f64).powi(dimensions), Case::of(name, 1, Variant { neurons: Some(n), ..Variant::default() }));
    powers(powers_of_two).map(point).collect()
}

fn rates(name: &'static str) -> Vec<(f64, Case)> {
    let variant = |rate: f64| Variant { rate: Some((rate / 100.0) as f32), ..Variant::default() };
    RATES.into_iter().map(|rate| (rate, Case::of(name, 1, variant(rate)))).collect()
}

fn powers(of_two: RangeInclusive<u32>) -> impl Iterator<Item = usize> {
    of_two.map(|power| 1 << power)
}

#[cfg(test)]
mod tests {
    use super::{NAMES, series};

    #[test]
    fn all_sweeps_can_be_named_together() {
        let all = series(&["all".into()]).unwrap();
        assert_eq!(all.len(), series(&NAMES.map(String::from)).unwrap().len());
        for series in all {
            let x: Vec<f64> = series.points.iter().map(|(x, _)| *x).collect();
            assert!(x.len() >= 5 && x.is_sorted() && x[0] > 0.0, "{} {x:?}", series.sweep);
        }
        assert!(series(&["stepz".into()]).is_err_and(|e| e.to_string().contains("steps, batch, neurons, rate")));
    }
}
