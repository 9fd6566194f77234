//! Which axes of an array are samples and time, and which belong to one step of one sample.
//!
//! With `shape` the input's shape, in the order of the file:
//!
//! | array | is read as |
//! |---|---|
//! | `[N, *shape]` | N samples |
//! | `[N, T, *shape]`, or `[T, N, *shape]` with `time_first` | N sequences of T steps |
//! | `[T, *shape]` with `single_sequence` | one sequence of T steps |
//! | `[T]` where shape is `[1]` | one sequence of T steps: the drive of a single neuron |
//!
//! `[N, *shape]` and `[T, *shape]` look the same: without `single_sequence` the first axis is samples. Axes of extent one
//! may be missing or added. A step may come flattened, or where shape is `[n]`, not flattened.

use crate::network::{ChannelOrder, InputSpec};
use crate::tensor::{Shape, element_count};

/// What the axes of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axes {
    /// The number of samples.
    pub samples: usize,
    /// Steps per sample; `None`: samples without time.
    pub steps: Option<usize>,
    /// Whether all samples of a step lie together, rather than all steps of a sample.
    pub time_first: bool,
}

/// Reads the axes of an array of shape `dims`, or says what was expected.
pub(crate) fn fit(dims: &[usize], spec: &InputSpec, time_first: bool, single: bool) -> Result<Axes, String> {
    let step = in_file(spec);
    let found = if single || (dims.len() == 1 && step == [1]) {
        as_one(dims, &step)
    } else {
        best([as_samples(dims, &step, time_first), as_sequences(dims, &step, time_first)])
    };
    let axes =
        found.ok_or_else(|| format!("{}, got {dims:?}{}", expected(&step, time_first, single), hint(dims, &step)))?;
    match axes {
        Axes { samples: 0, .. } => Err(format!("expected at least one sample, got shape {dims:?}")),
        Axes { steps: Some(0), .. } => Err(format!("expected at least one step, got shape {dims:?}")),
        axes => Ok(axes),
    }
}

/// The shape of a step, with its axes in the order of the file.
pub(crate) fn in_file(spec: &InputSpec) -> Shape {
    let mut shape = spec.shape.clone();
    if spec.channels == ChannelOrder::Last && !shape.is_empty() {
        shape.rotate_left(1);
    }
    shape
}

/// A reading of the axes, and how far it stretches them.
type Reading = Option<(Stretch, Axes)>;

/// How axes are like those expected, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stretch {
    Exact,
    AxesOfOne,
    Flattened,
}

fn stretch(axes: &[usize], step: &[usize]) -> Option<Stretch> {
    let squeeze = |shape: &[usize]| -> Shape { shape.iter().copied().filter(|&d| d != 1).collect() };
    if axes == step {
        Some(Stretch::Exact)
    } else if squeeze(axes) == squeeze(step) {
        Some(Stretch::AxesOfOne)
    } else if (axes.len() == 1 || step.len() == 1) && element_count(axes) == element_count(step) {
        Some(Stretch::Flattened)
    } else {
        None
    }
}

/// The reading that stretches least; at a tie the first.
fn best<const N: usize>(readings: [Reading; N]) -> Option<Axes> {
    readings.into_iter().flatten().min_by_key(|&(how, _)| how).map(|(_, axes)| axes)
}

fn as_samples(dims: &[usize], step: &[usize], time_first: bool) -> Reading {
    let (&samples, rest) = dims.split_first()?;
    let how = stretch(rest, step)?;
    (!time_first).then_some((how, Axes { samples, steps: None, time_first: false }))
}

fn as_sequences(dims: &[usize], step: &[usize], time_first: bool) -> Reading {
    let (&[outer, inner], rest) = dims.split_first_chunk()?;
    let how = stretch(rest, step)?;
    let (samples, steps) = if time_first { (inner, outer) } else { (outer, inner) };
    Some((how, Axes { samples, steps: Some(steps), time_first }))
}

fn as_one(dims: &[usize], step: &[usize]) -> Option<Axes> {
    let one = |steps, rest: &[usize]| {
        Some((stretch(rest, step)?, Axes { samples: 1, steps: Some(steps), time_first: false }))
    };
    let (&steps, rest) = dims.split_first()?;
    let batched = match dims {
        [1, steps, rest @ ..] => one(*steps, rest),
        _ => None,
    };
    best([one(steps, rest), batched])
}

fn expected(step: &[usize], time_first: bool, single: bool) -> String {
    let inner: String = step.iter().map(|d| format!(", {d}")).collect();
    match (single, time_first) {
        (true, _) => format!("expected one sequence [T{inner}]"),
        (false, true) => format!("expected sequences [T, N{inner}]"),
        (false, false) => format!("expected samples [N{inner}] or sequences [N, T{inner}]"),
    }
}

fn hint(dims: &[usize], step: &[usize]) -> &'static str {
    if stretch(dims, step).is_some() { ": the axis of samples is missing" } else { "" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn spec(shape: &[usize]) -> InputSpec {
        InputSpec { shape: shape.to_vec(), ..InputSpec::default() }
    }

    fn read(dims: &[usize], shape: &[usize]) -> (usize, Option<usize>) {
        let axes = fit(dims, &spec(shape), false, false).unwrap();
        (axes.samples, axes.steps)
    }

    #[test]
    fn samples_and_sequences() {
        let image = [1, 28, 28];
        assert_eq!(read(&[5, 1, 28, 28], &image), (5, None));
        assert_eq!(read(&[5, 28, 28], &image), (5, None));
        assert_eq!(read(&[5, 784], &image), (5, None));
        assert_eq!(read(&[5, 7, 1, 28, 28], &image), (5, Some(7)));
        assert_eq!(read(&[5, 7, 784], &image), (5, Some(7)));
        assert_eq!(read(&[5, 28, 28], &[784]), (5, None));
        assert_eq!(read(&[5, 28, 28], &[28]), (5, Some(28)));
        assert_eq!(read(&[5, 1, 28, 28], &[28, 28]), (5, Some(1)));
        assert_eq!(read(&[1, 1000, 1], &[1]), (1, Some(1000)));
        assert_eq!(read(&[3, 9], &[1]), (3, Some(9)));
    }

    #[test]
    fn one_axis_is_the_drive_of_one_neuron() {
        assert_eq!(read(&[9], &[1]), (1, Some(9)));
        assert_eq!(read(&[9], &[1, 1, 1]), (9, None));
    }

    #[test]
    fn a_single_sequence_has_to_be_asked_for() {
        for dims in [&[9, 2, 4, 4][..], &[1, 9, 2, 4, 4], &[9, 1, 2, 4, 4], &[9, 32]] {
            let axes = fit(dims, &spec(&[2, 4, 4]), false, true).unwrap();
            assert_eq!((axes.samples, axes.steps), (1, Some(9)), "{dims:?}");
        }
        assert_eq!(read(&[9, 2, 4, 4], &[2, 4, 4]), (9, None));
    }

    #[test]
    fn time_first_swaps_the_outer_axes() {
        let axes = fit(&[7, 5, 3], &spec(&[3]), true, false).unwrap();
        assert_eq!(axes, Axes { samples: 5, steps: Some(7), time_first: true });
        assert!(fit(&[5, 3], &spec(&[3]), true, false).is_err());
    }

    #[test]
    fn channels_last_moves_the_channels() {
        let spec = InputSpec { channels: ChannelOrder::Last, ..spec(&[3, 4, 5]) };
        assert_eq!(fit(&[2, 4, 5, 3], &spec, false, false).unwrap().samples, 2);
        assert!(fit(&[2, 3, 4, 5], &spec, false, false).is_err());
    }

    #[test]
    fn other_shapes_are_refused() {
        let image = spec(&[1, 28, 28]);
        for dims in [&[][..], &[784], &[5, 27, 28], &[28, 28], &[5, 14, 56], &[0, 28, 28], &[2, 0, 28, 28, 1]] {
            assert!(fit(dims, &image, false, false).is_err(), "{dims:?}");
        }
        let message = fit(&[5, 3], &image, false, false).unwrap_err();
        assert_eq!(message, "expected samples [N, 1, 28, 28] or sequences [N, T, 1, 28, 28], got [5, 3]");
    }
}
