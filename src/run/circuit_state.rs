//! The state of a circuit, as people have it and as it lies in memory.

use crate::error::{Error, Result};
use crate::kernel::Window;
use crate::kernel::cells::{GROUP_WORDS, Params, STATE_WORDS, Step};
use crate::tensor::Tensor;

/// What cells remember, in the order of memory.
pub(super) const CELL_NAMES: [&str; STATE_WORDS] = ["v", "w", "e", "i", "refractory"];

/// The one that is a whole number.
const REFRACTORY: usize = 4;

/// Parts of a number that f32 holds exactly, and the bits of each.
const PARTS: usize = 2;
const PART_BITS: u32 = 16;

/// Words of cells before the first step.
pub(super) fn fresh(p: &Params, tables: &[u32]) -> Vec<u32> {
    let cells = p.output.channels as usize;
    let step = Step::new(p, tables, &[], Window { batch: 1, start: 0, steps: 1, at: 0, clock: 0 }, 0);
    let mut words = vec![0; STATE_WORDS * cells];
    for word in 0..cells / 32 {
        for lane in 0..tables[GROUP_WORDS * word + 2] as usize {
            let at = 32 * word + lane;
            let state = step.initial(&step.row(word, lane), at);
            words[at] = state.v.to_bits();
            words[cells + at] = state.w.to_bits();
        }
    }
    words
}

/// One of the values that cells remember, out of their words; zero where there is no cell, which machines may leave as
/// they like.
pub(super) fn value(tables: &[u32], words: &[u32], which: usize) -> Vec<f32> {
    let cells = words.len() / STATE_WORDS;
    let own = words[which * cells..][..cells].iter().enumerate();
    let is_cell = |at: usize| at % 32 < tables[GROUP_WORDS * (at / 32) + 2] as usize;
    let value = |word: u32| if which == REFRACTORY { word as f32 } else { f32::from_bits(word) };
    own.map(|(at, &word)| if is_cell(at) { value(word) } else { 0.0 }).collect()
}

/// Sets one of the values that cells remember.
pub(super) fn set_value(words: &mut [u32], which: usize, values: &[f32]) {
    let cells = words.len() / STATE_WORDS;
    for (word, &value) in words[which * cells..].iter_mut().zip(values) {
        *word = if which == REFRACTORY { value as u32 } else { value.to_bits() };
    }
}

/// The shape of what is to arrive, in the steps from the next on.
pub(super) fn arriving_shape(ring: usize, words: usize) -> [usize; 3] {
    [ring, words / ring, PARTS]
}

/// Accumulators in the order of the steps to come.
pub(super) fn arriving(words: &[u32], ring: usize, clock: u64) -> Result<Tensor> {
    let of_step = words.len() / ring;
    let now = (clock % ring as u64) as usize * of_step;
    let ordered = words[now..].iter().chain(&words[..now]);
    Tensor::new(arriving_shape(ring, words.len()), ordered.flat_map(|&word| parts(word.into())).collect())
}

/// Accumulators as they lie in memory, out of [`arriving`].
pub(super) fn set_arriving(words: &mut [u32], values: &[f32], ring: usize, clock: u64) {
    for (word, parts) in words.iter_mut().zip(values.chunks_exact(PARTS)) {
        *word = parts[0] as u32 | (parts[1] as u32) << PART_BITS;
    }
    let of_step = words.len() / ring;
    words.rotate_right((clock % ring as u64) as usize * of_step);
}

/// A step in numbers that f32 holds exactly.
pub(super) fn clock(step: u64) -> Result<Tensor> {
    Tensor::new([2 * PARTS], parts(step).into_iter().chain(parts(step >> (2 * PART_BITS))).collect())
}

/// The step of [`clock`].
///
/// # Errors
/// A number that is none.
pub(super) fn step_of(name: &str, values: &[f32]) -> Result<u64> {
    let part = |(at, &value): (usize, &f32)| {
        let fits = value.fract() == 0.0 && (0.0..f32::from(u16::MAX) + 1.0).contains(&value);
        let error = || Error::Request(format!("state `{name}`: expected whole numbers below 65536, got {value}"));
        if fits { Ok((value as u64) << (PART_BITS * at as u32)) } else { Err(error()) }
    };
    values.iter().enumerate().map(part).sum()
}

/// The low and the high half of a word.
fn parts(word: u64) -> [f32; PARTS] {
    [word & 0xffff, (word >> PART_BITS) & 0xffff].map(|part| part as f32)
}
