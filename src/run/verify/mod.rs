//! Does a device compute what the plain twins compute, to the bit?
//!
//! [`cases`] are small networks in which every kernel appears in all its forms, each with inputs. What a device must
//! give on them is not a tolerance but the same bits: every product is rounded on its own, every sum has one order.

mod circuits;
mod networks;

use super::{Device, Options, Output};
use crate::error::Result;
use crate::network::{InputKind, Network, Readout};
use crate::plan::EventLists;
use crate::run::Session;
use crate::tensor::Tensor;

pub use networks::networks;

/// Samples of a case.
const SAMPLES: usize = 5;
/// The form in which samples differ in length.
const RAGGED: &str = "of different length";
/// Steps of a case, and of one that needs several windows of time.
const STEPS: usize = 6;
const LONG: usize = 40;
/// Where layers read lists of events: as many inputs as fire in a step, so that some read words.
const LISTS: EventLists = EventLists::UpTo(0.3);

/// A network, what is asked of it, and what it is given.
#[derive(Clone, Debug)]
pub struct Case {
    /// The network, and the request in words.
    pub name: String,
    /// The network, with weights.
    pub network: Network,
    /// The request, but for the device.
    pub options: Options,
    /// Samples `[samples, ...]` or `[samples, time, ...]`.
    pub input: Tensor,
    /// Whether all samples but the first end before the last step.
    pub ragged: bool,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// As [`Case::name`].
    pub name: String,
    /// The first thing that differs; `None`: equal to the bit.
    pub difference: Option<String>,
    /// Spikes that were fired: a comparison of silence proves nothing.
    pub spikes: u64,
}

/// Every case.
///
/// # Errors
/// None, but for a fault in a case itself.
pub fn cases() -> Result<Vec<Case>> {
    let base = Options { steps: Some(STEPS), ..Default::default() };
    let forms = [
        ("static", true, base.clone()),
        ("series", false, base.clone()),
        ("recorded", false, Options { readout: Some(Readout::Trace), record: true, ..base.clone() }),
        ("in slices", false, Options { slice: Some(4), ..base.clone() }),
        (
            "recorded in slices",
            false,
            Options { readout: Some(Readout::Max), record: true, slice: Some(4), ..base.clone() },
        ),
        (RAGGED, false, Options { readout: Some(Readout::Sum), slice: Some(4), ..base.clone() }),
        ("long", false, Options { steps: Some(LONG), ..base }),
    ];
    let mut cases = Vec::new();
    for (name, network) in networks()? {
        // Few are long: the largest, and one with delays and recurrence.
        let long = matches!(name, "images" | "delays and recurrence");
        for (form, constant, options) in forms.iter().filter(|form| long || form.0 != "long") {
            let input = input(&network, if *constant { None } else { options.steps })?;
            let lists = name == "event lists" || options.slice.is_some() && options.record;
            let options = Options { event_lists: lists.then_some(LISTS), ..options.clone() };
            let (name, network) = (format!("{name}, {form}"), network.clone());
            cases.push(Case { name, network, options, input, ragged: *form == RAGGED });
        }
    }
    Ok(cases)
}

/// A number in [0, 1) from a seed.
fn noise(i: usize) -> f32 {
    let x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1u64 << 24) as f32
}

/// Samples for a network.
fn input(network: &Network, steps: Option<usize>) -> Result<Tensor> {
    let mut shape = vec![SAMPLES];
    shape.extend(steps);
    shape.extend(&network.input.shape);
    let count = shape.iter().product();
    let value = |i: usize| match network.input.kind {
        InputKind::Real => noise(i) * 3.0 - 0.5,
        InputKind::Counts => (noise(i) * noise(i + 999) * 6.0).floor(),
        InputKind::Bits => f32::from(noise(i) < 0.3),
    };
    Tensor::new(shape, (0..count).map(value).collect())
}

impl Case {
    /// The output on a device.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run(&self, device: &Device) -> Result<Output> {
        self.run_in(&mut self.session(device)?)
    }

    /// The output in a session.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_in(&self, session: &mut Session) -> Result<Output> {
        if !self.ragged {
            return session.run(&self.input);
        }
        let shape = self.input.shape();
        let (samples, steps) = (shape[0], shape[1]);
        let frame = self.input.len() / samples / steps;
        let rows = self.input.data().chunks(steps * frame).enumerate();
        let rows: Vec<&[f32]> = rows.map(|(i, row)| &row[..frame * (1 + (steps - 1 + 2 * i) % steps)]).collect();
        session.run_samples(&rows, Some(steps))
    }

    /// A session on a device.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn session(&self, device: &Device) -> Result<Session> {
        Session::new(self.network.clone(), Options { device: device.clone(), ..self.options.clone() })
    }
}

/// Runs every case by the plain twins and on a device.
///
/// # Errors
/// A device that fails.
pub fn verify(device: &Device, mut seen: impl FnMut(&Verdict)) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    for case in cases()? {
        let (expected, got) = (case.run(&Device::Reference)?, case.run(device)?);
        let spikes = expected.metrics.populations.iter().map(|p| p.spikes).sum();
        let verdict = Verdict { name: case.name, difference: difference(&expected, &got), spikes };
        seen(&verdict);
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The first thing in which two outputs differ, to the bit but for the sign of zeros.
pub fn difference(expected: &Output, got: &Output) -> Option<String> {
    // A driver may take `0 + x` for `x`, so that what is zero keeps its sign: of zeros it is not compared.
    let bits = |x: &f32| if *x == 0.0 { 0 } else { x.to_bits() };
    let first = |what: String, a: &[f32], b: &[f32]| {
        let at = (0..a.len().max(b.len())).find(|&i| a.get(i).map(bits) != b.get(i).map(bits))?;
        Some(format!("{what} at {at}: expected {:?}, got {:?}", a.get(at), b.get(at)))
    };
    let recordings = expected.recordings.iter().zip(&got.recordings).enumerate();
    for (sample, (ours, theirs)) in recordings {
        for (a, b) in ours.iter().zip(theirs) {
            let place = |what: &str| format!("sample {sample}, `{}`, {what}", a.layer);
            let found = first(place("current"), &a.i, &b.i)
                .or_else(|| first(place("potential before the reset"), &a.h, &b.h))
                .or_else(|| first(place("potential"), &a.v, &b.v));
            if found.is_some() || a.spikes != b.spikes {
                return found.or_else(|| Some(place("spikes")));
            }
        }
    }
    if expected.steps != got.steps {
        return Some(format!("steps {:?}, got {:?}", expected.steps, got.steps));
    }
    if expected.recordings.len() != got.recordings.len() {
        return Some(format!("{} recordings, got {}", expected.recordings.len(), got.recordings.len()));
    }
    first("scores".into(), expected.scores.data(), got.scores.data()).or_else(|| {
        let differs = expected.metrics != got.metrics;
        differs.then(|| format!("counters: expected {:?}, got {:?}", expected.metrics, got.metrics))
    })
}
