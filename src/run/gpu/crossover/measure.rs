//! Measures where lists of events pay: the same layer on the same made-up spikes, over words and over lists.

use std::sync::Arc;
use std::time::Instant;

use super::super::context::Gpu;
use super::super::mapped;
use super::super::prepared::Prepared;
use super::super::schedule::{Dispatch, Schedule};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Window};
use crate::network::{InputKind, InputSpec, Network, compile};
use crate::neuron::Lif;
use crate::plan::{EventLists, LinearSize, Plan, Request};
use crate::random::Stream;

/// Shares of the inputs that fire in a step.
const RATES: [f64; 12] = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3];
/// Rates that are measured.
pub const CROSSOVER_RATES: usize = RATES.len();
/// Rounds, of which the fastest counts: what else the machine does only makes them slower.
const ROUNDS: usize = 5;
/// Seconds that a round takes at least, and the most runs that make it so long.
const ROUND: f64 = 0.01;
const MOST_RUNS: f64 = 64.0;
/// Seconds after which no other round begins: of what takes long, less is disturbed.
const MOST_SECONDS: f64 = 1.0;
const SEED: u64 = 20;

/// Up to which share of inputs lists are quicker, for a linear layer of spiking neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossover {
    /// The layer.
    pub size: LinearSize,
    /// Samples that were computed at once.
    pub batch: usize,
    /// By rate, ascending.
    pub points: Vec<CrossoverPoint>,
    /// The share, from 0 to 1; 0: lists are never quicker.
    pub share: f32,
}

/// Times of a layer at a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossoverPoint {
    /// The share of inputs that fire in a step.
    pub rate: f64,
    /// Seconds of a step of the batch, summed over words.
    pub words: f64,
    /// The same, over lists, with the making of the lists.
    pub list: f64,
}

impl Gpu {
    /// Measures up to which share of inputs lists of them are quicker, for a linear layer and batches of so many samples;
    /// keeps it where [`Gpu::keep_crossovers`] says. `seen` is told each point.
    ///
    /// # Errors
    /// A size without inputs, outputs, steps or samples, or with more steps than a kernel takes at once; a layer that does
    /// not fit the device, a device that is lost.
    pub fn measure_crossover(
        &self,
        size: LinearSize,
        batch: usize,
        mut seen: impl FnMut(CrossoverPoint),
    ) -> Result<Crossover> {
        if size.inputs == 0 || size.outputs == 0 || size.steps == 0 || batch == 0 {
            let LinearSize { inputs, outputs, steps } = size;
            return Err(Error::Request(format!(
                "expected at least one input, output, step and sample, got {inputs}, {outputs}, {steps}, {batch}"
            )));
        }
        let mut network = Network::new([size.inputs])
            .input(InputSpec { kind: InputKind::Bits, ..Default::default() })
            .linear(size.outputs)
            .spiking(Lif::tau(2.0))
            .build()?;
        network.init(SEED)?;
        let of = |lists| pollster::block_on(Timed::new(self, &network, size, batch, lists));
        let forms = [of(EventLists::Never)?, of(EventLists::UpTo(1.0))?];
        let mut points = Vec::new();
        for (place, rate) in RATES.into_iter().enumerate() {
            let spikes = spikes(size, batch, rate, Stream::new(SEED, place as u32));
            let [words, list] = pollster::block_on(times(&forms, &spikes))?;
            let point = CrossoverPoint { rate, words, list };
            seen(point);
            points.push(point);
        }
        let share = share(&points);
        if let Some(known) = self.crossovers() {
            known.add(self.info(), size, batch, share);
        }
        Ok(Crossover { size, batch, points, share })
    }
}

/// A layer in one of its forms, on the device.
struct Timed {
    prepared: Prepared,
    dispatches: Vec<Dispatch>,
    steps: usize,
}

impl Timed {
    async fn new(gpu: &Gpu, network: &Network, size: LinearSize, batch: usize, lists: EventLists) -> Result<Timed> {
        let request = Request {
            steps: size.steps,
            constant_input: false,
            meter: false,
            event_lists: lists,
            binding_limit: gpu.binding_limit() as usize,
            ..Request::default()
        };
        let plan = Arc::new(compile(network, &request)?);
        let prepared = Prepared::new(gpu, plan.clone(), batch).await?;
        if prepared.capacity() < batch {
            let message = format!("a batch of {batch} does not fit, {} do", prepared.capacity());
            return Err(Error::OutOfMemory { device: gpu.info().name.clone(), message });
        }
        let window = Window { batch, start: 0, steps: size.steps, at: 0, clock: 0 };
        let schedule = Schedule::whole(&plan, window, gpu.budget());
        prepared.tell(&schedule);
        // Not the read-out.
        let kernels: Vec<&Kernel> = Plan::steps(&plan).map(|step| &step.kernel).collect();
        let own = |d: &Dispatch| matches!(kernels[d.step], Kernel::Compact(_) | Kernel::LinearSpike(_));
        let dispatches = schedule.dispatches.into_iter().filter(own).collect();
        Ok(Timed { prepared, dispatches, steps: size.steps })
    }

    /// Seconds of so many runs.
    async fn run(&self, runs: usize) -> Result<f64> {
        let gpu = &self.prepared.gpu;
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        for _ in 0..runs {
            self.prepared.record(&mut encoder, &self.dispatches);
        }
        let begun = Instant::now();
        gpu.queue().submit([encoder.finish()]);
        // Reading a word waits for all of it.
        mapped::mapped(gpu, &[(self.prepared.buffer(self.prepared.plan().scores), 1)]).await?;
        Ok(begun.elapsed().as_secs_f64())
    }
}

/// Seconds of a step of each form, which take turns.
async fn times(forms: &[Timed; 2], spikes: &[u32]) -> Result<[f64; 2]> {
    let mut runs = [1; 2];
    for (form, runs) in forms.iter().zip(&mut runs) {
        let (gpu, input) = (&form.prepared.gpu, form.prepared.plan().input);
        gpu.queue().write_buffer(form.prepared.buffer(input), 0, bytemuck::cast_slice(spikes));
        // The first run has more to do.
        let first = form.run(1).await?;
        let once = if first < ROUND { form.run(1).await? } else { first };
        *runs = (ROUND / once).clamp(1.0, MOST_RUNS) as usize;
    }
    let begun = Instant::now();
    let mut fastest = [f64::INFINITY; 2];
    for round in 0..ROUNDS {
        if round > 0 && begun.elapsed().as_secs_f64() > MOST_SECONDS {
            break;
        }
        for ((form, runs), fastest) in forms.iter().zip(runs).zip(&mut fastest) {
            let seconds = form.run(runs).await? / (runs * form.steps) as f64;
            *fastest = fastest.min(seconds);
        }
    }
    Ok(fastest)
}

/// Bits of all steps and samples, of which so many fire.
fn spikes(size: LinearSize, batch: usize, rate: f64, stream: Stream) -> Vec<u32> {
    let word = |row: u32, word: u32| {
        let inputs = (size.inputs as u32 - 32 * word).min(32);
        let fires = |bit: u32| f64::from(stream.at(row).uniform(32 * word + bit)) < rate;
        (0..inputs).fold(0, |bits, bit| bits | u32::from(fires(bit)) << bit)
    };
    let words = size.inputs.div_ceil(32) as u32;
    (0..(size.steps * batch) as u32).flat_map(|row| (0..words).map(move |w| word(row, w))).collect()
}

/// The rate up to which lists should be read: that at which, with lists below and words above it, all points together take
/// the least part of the time over words, so that one point that others disturbed does not decide. Between two points it is
/// where the lines through them meet, over the logarithm of the rate.
fn share(points: &[CrossoverPoint]) -> f32 {
    let gain = |point: &CrossoverPoint| 1.0 - point.list / point.words;
    let (mut best, mut below, mut sum) = (0.0, 0, 0.0);
    for (at, point) in points.iter().enumerate() {
        sum += gain(point);
        if sum > best {
            (best, below) = (sum, at + 1);
        }
    }
    let share = match (below.checked_sub(1).map(|at| &points[at]), points.get(below)) {
        (None, _) => 0.0,
        (Some(last), None) => last.rate,
        (Some(last), Some(next)) => {
            let (won, lost) = (gain(last), -gain(next));
            let part = won / (won + lost).max(f64::MIN_POSITIVE);
            last.rate * (next.rate / last.rate).powf(part.clamp(0.0, 1.0))
        }
    };
    share as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(list: impl Fn(f64) -> f64) -> Vec<CrossoverPoint> {
        RATES.into_iter().map(|rate| CrossoverPoint { rate, words: 1.0, list: list(rate) }).collect()
    }

    #[test]
    fn the_share_is_where_the_lines_meet() {
        // As long as words at 3 %, a point, and at half the way from 5 to 10 % on the scale of logarithms.
        let share_of = |crossing: f64| f64::from(share(&points(|rate| 1.0 + (rate / crossing).ln())));
        for crossing in [0.0007, 0.01, 0.0707, 0.15] {
            assert!((share_of(crossing) / crossing - 1.0).abs() < 1e-5, "{crossing} {}", share_of(crossing));
        }
        assert!((share_of(0.03) - 0.03).abs() < 1e-6, "{}", share_of(0.03));
    }

    #[test]
    fn lists_may_always_win_or_never() {
        assert_eq!(share(&points(|_| 0.9)), 0.3);
        assert_eq!(share(&points(|_| 1.1)), 0.0);
        assert_eq!(share(&points(|_| 1.0)), 0.0);
    }

    #[test]
    fn a_point_that_others_disturbed_does_not_decide() {
        let slow_once = share(&points(|rate| if rate == 0.001 { 1.5 } else { 0.5 + rate / 0.1 }));
        let quick_once = share(&points(|rate| if rate == 0.3 { 0.9 } else { 0.5 + rate / 0.1 }));
        assert!((0.04..0.06).contains(&slow_once) && slow_once == quick_once, "{slow_once} {quick_once}");
    }

    #[test]
    fn as_many_spikes_are_made_up_as_asked_for() {
        let size = LinearSize { inputs: 1000, outputs: 1, steps: 20 };
        for (place, rate) in [(0, 0.3), (1, 0.01)] {
            let spikes = spikes(size, 3, rate, Stream::new(SEED, place));
            assert_eq!(spikes.len(), 20 * 3 * 32);
            let fired: u32 = spikes.iter().map(|word| word.count_ones()).sum();
            assert!((f64::from(fired) / 60_000.0 / rate - 1.0).abs() < 0.15, "{fired}");
            // None beyond the last input.
            assert!(spikes.iter().skip(31).step_by(32).all(|word| word >> 8 == 0));
            assert!(spikes[..32] != spikes[32..64]);
        }
    }
}
