//! Whether values are what they are taken for.

use std::sync::atomic::{AtomicBool, Ordering};

use super::spread;
use crate::error::{Error, Result};
use crate::network::InputKind;

/// Whether every value can be an input of this kind.
pub(crate) fn check_values(values: &[f32], kind: InputKind) -> std::result::Result<(), String> {
    let (bad, expected) = match kind {
        InputKind::Real => (first_not_finite(values), "finite numbers"),
        InputKind::Counts => (first_bad(values, |x| f32::from(x as u8) == x), "whole numbers from 0 to 255"),
        InputKind::Bits => (first_bad(values, |x| x == 0.0 || x == 1.0), "0 or 1"),
    };
    match bad {
        Some(at) => Err(format!("expected {expected}, got {} at element {at}", values[at])),
        None => Ok(()),
    }
}

/// Whether a sample of a batch has values of this kind.
pub(crate) fn check_sample(at: usize, sample: &[f32], kind: InputKind) -> Result<()> {
    check_values(sample, kind).map_err(|text| Error::Request(format!("sample {at}: {text}")))
}

/// Whether a gradient that somebody gives is finite; it is that of the outputs from a place on.
pub(crate) fn check_gradient(gradient: &[f32], first: usize) -> Result<()> {
    let Some(at) = first_not_finite(gradient) else { return Ok(()) };
    let message = format!("the gradient of the outputs is not finite: {} at {}", gradient[at], first + at);
    Err(Error::Request(message))
}

/// Where the first value is that is no finite number.
pub(crate) fn first_not_finite(values: &[f32]) -> Option<usize> {
    first_bad(values, |x| x.is_finite())
}

/// Values that are worth waking a thread to look at half of them: 2 MiB.
pub(super) const WORTH_THREADS: usize = 1 << 19;

/// Where the first value is that does not fit.
fn first_bad(values: &[f32], fits: impl Fn(f32) -> bool + Sync) -> Option<usize> {
    let (arch, all_good) = (pulp::Arch::new(), AtomicBool::new(true));
    let look = |values: &[f32]| {
        if !arch.dispatch(AllFit { values, fits: &fits }) {
            all_good.store(false, Ordering::Relaxed);
        }
    };
    if values.len() < WORTH_THREADS {
        look(values)
    } else {
        spread::each(values.chunks(WORTH_THREADS / 8), look)
    }
    if all_good.into_inner() { None } else { values.iter().position(|&x| !fits(x)) }
}

/// Whether values fit, to be dispatched.
struct AllFit<'a, F> {
    values: &'a [f32],
    fits: &'a F,
}

impl<F: Fn(f32) -> bool> pulp::NullaryFnOnce for AllFit<'_, F> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        // All of a chunk are looked at, without a branch between them, so that they are looked at side by side.
        let good = |chunk: &[f32]| chunk.iter().fold(true, |good, &x| good & (self.fits)(x));
        let (chunks, rest) = self.values.as_chunks::<1024>();
        chunks.iter().all(|chunk| good(chunk)) & good(rest)
    }
}
