//! Up to which rate of firing a linear layer on a GPU is quicker with lists of events: both times, by rate.

use saltatory::plan::LinearSize;
use saltatory::run::Device;
use saltatory::run::gpu::{Crossover, Gpu};
use saltatory::{Error, Result};
use serde_json::{Value, json};

use super::super::{Outcome, devices, print, progress};
use super::chart::Chart;
use super::{Arguments, about};

/// Inputs and outputs of the layer, where nothing else is asked for.
const NEURONS: usize = 4096;
/// Steps that are computed at once.
const STEPS: usize = 16;

/// Measures it on the device, for each size of batches.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let device = devices::choose(&arguments.device)?;
    let Device::Gpu(gpu) = &device else {
        let message = "expected a GPU (`--device gpu`): a CPU makes lists of its own wherever they are quicker";
        return Err(Error::Request(format!("--crossover --device {}: {message}", arguments.device)));
    };
    let mut chart = arguments.plot.as_deref().map(|path| Chart::new("--plot", path)).transpose()?;
    let batches = if arguments.batch.is_empty() { &[1][..] } else { &arguments.batch };
    for &batch in batches {
        let measured = measure(gpu, arguments.neurons.unwrap_or(NEURONS), batch)?;
        if let Some(chart) = &mut chart {
            chart.crossover(&measured);
        }
        let lines = || json(&measured, &device.name()).iter().map(|line| format!("{line}\n")).collect();
        let text: String = if arguments.json { lines() } else { text(&measured, &device.name()) };
        print(&text)?;
    }
    if let Some(chart) = chart {
        chart.write(&about(&gpu.info().name))?;
    }
    Ok(Outcome::Good)
}

fn measure(gpu: &Gpu, neurons: usize, batch: usize) -> Result<Crossover> {
    let size = LinearSize { inputs: neurons, outputs: neurons, steps: STEPS };
    let bar = progress::steps(saltatory::run::gpu::CROSSOVER_RATES, "rates");
    let measured = gpu.measure_crossover(size, batch, |_| bar.inc(1));
    bar.finish_and_clear();
    measured
}

/// A table for people.
fn text(measured: &Crossover, device: &str) -> String {
    let Crossover { size, batch, points, share } = measured;
    let LinearSize { inputs, outputs, steps } = size;
    let mut text = format!("{inputs} inputs, {outputs} outputs, {steps} steps at once, batch {batch}, {device}\n");
    text += &format!("{:>10} {:>16} {:>16} {:>8}\n", "% firing", "us a step, words", "us a step, lists", "quicker");
    for point in points {
        let [rate, words, list] = [100.0 * point.rate, 1e6 * point.words, 1e6 * point.list];
        text += &format!("{rate:>10} {words:>16.1} {list:>16.1} {:>8.2}\n", words / list);
    }
    match share {
        0.0 => text + "lists of events are never quicker\n",
        share => text + &format!("lists of events are quicker up to {:.2} % of the inputs\n", 100.0 * share),
    }
}

/// Lines for machines: the points, then the share.
fn json(measured: &Crossover, device: &str) -> Vec<Value> {
    let Crossover { size, batch, points, share } = measured;
    let point = |point: &saltatory::run::gpu::CrossoverPoint| {
        json!({
            "kind": "point", "batch": batch, "rate": point.rate, "words_seconds_a_step": point.words,
            "list_seconds_a_step": point.list,
        })
    };
    let whole = json!({
        "kind": "crossover", "device": device, "inputs": size.inputs, "outputs": size.outputs, "steps": size.steps,
        "batch": batch, "share": share,
    });
    points.iter().map(point).chain([whole]).collect()
}
