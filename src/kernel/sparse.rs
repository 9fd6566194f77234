//! Linear layer of few synapses, target by target: currents of all steps. Twin of `shaders/sparse.wgsl`.
//!
//! The sum is the canonical one of [`super::sum`], without the weights that are not there: to the bit that of the layer
//! written out with zeros.
//!
//! Targets lie in slices of 64, one for each invocation of a workgroup. All of a slice have as many synapses as the one
//! with the most: where there are fewer, weights are zero. So neighbours read neighbours.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::sum::BLOCK_WORDS;
use super::{Bindings, Edge, Element, SlotInfo, Window, words_of};
use crate::shared::shared;

/// Targets of a slice.
pub(crate) const SLICE: usize = 64;
/// Steps that an invocation sums side by side.
pub(super) const CHUNK: usize = 8;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// Output: one cell of reals.
    pub output: Edge,
    /// 1: there are biases.
    pub bias: u32,
    /// The first output of this dispatch, a multiple of 64; others have the rest, where synapses are too many for one.
    pub first: u32,
    /// Outputs of this dispatch.
    pub count: u32,
    /// The most synapses that one of them has.
    pub most: u32,
}

shared!(Params as "Params" { input: Edge, output: Edge, bias: u32, first: u32, count: u32, most: u32 });

/// Input; where the rows of each slice begin, biases, synapses as position and weight; output.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("synapses", Element::Words), write("output", Element::Real)];

/// The shader.
pub fn shader(p: &Params) -> Shader {
    const SPARSE: &str = include_str!("../../shaders/sparse.wgsl");
    let pieces: &[_] = match p.input.planes {
        1 => &[SPARSE, include_str!("../../shaders/sparse_spikes.wgsl")],
        _ => &[SPARSE, include_str!("../../shaders/sparse_values.wgsl")],
    };
    Shader { pieces, reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    let steps = if p.output.series == 1 { steps } else { 1 };
    u64::from(p.count).div_ceil(SLICE as u64) * steps.div_ceil(CHUNK) as u64
}

/// The synapses of some targets: where the rows of every slice begin and where the last ends; a bias for each target, where
/// there are any; then row after row of a slice, `[lane, (position, weight)]`. `synapses` gives those of a target: where
/// the input lies ([`position`]), ascending, and the weight.
pub(crate) fn pack(targets: &[Vec<(u32, f32)>], bias: &[f32]) -> Vec<u32> {
    let mut words = vec![0];
    let mut rows = 0;
    for slice in targets.chunks(SLICE) {
        rows += slice.iter().map(Vec::len).max().unwrap_or(0);
        words.push(rows as u32);
    }
    words.extend(bias.iter().map(|bias| bias.to_bits()));
    words.reserve_exact(2 * SLICE * rows);
    for slice in targets.chunks(SLICE) {
        for row in 0..slice.iter().map(Vec::len).max().unwrap_or(0) {
            for lane in 0..SLICE {
                // What fills up lies where the last synapse does, so that no other block begins.
                let target = slice.get(lane).map_or(&[][..], Vec::as_slice);
                let none = (target.last().map_or(0, |last| last.0), 0.0);
                let (position, weight) = target.get(row).copied().unwrap_or(none);
                words.extend([position, weight.to_bits()]);
            }
        }
    }
    words
}

/// Where an input lies: 32 times its word among those of a step, if there were one plane, and its bit.
pub(crate) fn position(edge: &Edge, cell: u32, channel: u32) -> u32 {
    cell * words_of(edge.channels as usize) as u32 * 32 + channel
}

/// Synapses as they lie in memory.
pub(crate) struct Packed<'a> {
    rows: &'a [u32],
    pub bias: &'a [f32],
    synapses: &'a [[u32; 2]],
}

impl<'a> Packed<'a> {
    /// Those of a dispatch.
    pub fn new(p: &Params, words: &'a [u32]) -> Packed<'a> {
        let (rows, rest) = words.split_at((p.count as usize).div_ceil(SLICE) + 1);
        let (bias, synapses) = rest.split_at((p.bias * p.count) as usize);
        Packed { rows, bias: bytemuck::cast_slice(bias), synapses: bytemuck::cast_slice(synapses) }
    }

    /// The synapses of a target, with what fills up.
    pub fn of(&self, target: usize) -> impl Iterator<Item = (u32, f32)> + Clone + use<'a> {
        let (slice, lane) = (target / SLICE, target % SLICE);
        let rows = SLICE * self.rows[slice] as usize..SLICE * self.rows[slice + 1] as usize;
        let own = self.synapses[rows].iter().skip(lane).step_by(SLICE);
        own.map(|&[position, weight]| (position, f32::from_bits(weight)))
    }
}

impl Params {
    /// The value at a position in a bit plane, times what the plane stands for; of reals there is one plane.
    fn value(&self, step: &[u32], position: u32, plane: u32) -> f32 {
        let Edge { channels, planes, .. } = self.input;
        if planes == 0 {
            let padded = 32 * words_of(channels as usize) as u32;
            return f32::from_bits(step[(position / padded * channels + position % padded) as usize]);
        }
        let word = step[(position / 32 * planes + plane) as usize];
        ((word >> (position % 32) & 1) << plane) as f32
    }

    /// The current of a target in a step.
    fn current(&self, step: &[u32], synapses: impl Iterator<Item = (u32, f32)> + Clone) -> f32 {
        let (mut total, mut block, mut at) = (0.0f32, 0.0f32, 0);
        let mut rest = synapses.peekable();
        while let Some(&(first, _)) = rest.peek() {
            let block_of_first = first / (32 * BLOCK_WORDS as u32);
            if block_of_first != at {
                total += block;
                (block, at) = (0.0, block_of_first);
            }
            // Plane after plane of a word.
            let word = rest.clone().take_while(|(position, _)| position >> 5 == first >> 5);
            for plane in 0..self.input.planes.max(1) {
                for (position, weight) in word.clone() {
                    block += weight * self.value(step, position, plane);
                }
            }
            while rest.next_if(|(position, _)| position >> 5 == first >> 5).is_some() {}
        }
        total + block
    }
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, synapses) = (slots.words(0), Packed::new(p, slots.words(1)));
    let output = slots.words_mut(2);
    for t in 0..if p.output.series == 1 { window.steps } else { 1 } {
        for sample in 0..window.batch {
            let step = p.input.step(input, window, t, sample);
            let out = &mut p.output.step_mut(output, window, t, sample)[p.first as usize..][..p.count as usize];
            for (target, out) in out.iter_mut().enumerate() {
                let current = p.current(step, synapses.of(target));
                *out = synapses.bias.get(target).map_or(current, |bias| current + bias).to_bits();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::linear;

    #[test]
    fn the_sum_is_that_of_the_layer_written_out() {
        // Two words of 32 in a cell of 40 channels: blocks end within cells, positions skip.
        let (cells, channels, targets) = (13, 40, 70);
        let noise = |i: usize| (i.wrapping_mul(2654435761) >> 7 & 1023) as f32 / 777.0 - 0.6;
        let there = |target: usize, element: usize| noise(target * 977 + element) > 0.4 && target != 3;
        let bias: Vec<f32> = (0..targets).map(noise).collect();
        for planes in [0, 1, 3] {
            let input = Edge { cells, channels, planes, series: 1 };
            let elements = || (0..cells).flat_map(|cell| (0..channels).map(move |channel| (cell, channel)));
            let mut step = vec![0; input.step_words()];
            for (i, (cell, channel)) in elements().enumerate() {
                let cell = &mut step[cell as usize * input.cell_words()..][..input.cell_words()];
                let value = if planes == 0 { noise(i) } else { (i % 7 % (1 << planes)) as f32 };
                input.set(cell, channel as usize, value);
            }
            let weight = |target: usize, i: usize| noise(3 * i + target) / 3.0;
            let dense = elements().enumerate().flat_map(|(i, _)| {
                (0..targets).map(move |target| if there(target, i) { weight(target, i) } else { 0.0 })
            });
            let dense: Vec<f32> = dense.chain(bias.iter().copied()).collect();
            let own = |target| {
                let own = elements().enumerate().filter(move |(i, _)| there(target, *i));
                own.map(|(i, (cell, channel))| (position(&input, cell, channel), weight(target, i))).collect()
            };
            let packed = pack(&(0..targets).map(own).collect::<Vec<_>>(), &bias);
            let (mut expected, mut block) = (vec![0.0; targets], vec![0.0; targets]);
            linear::currents(&input, &step, &dense, &mut expected, &mut block);
            let output = Edge { cells: 1, channels: targets as u32, planes: 0, series: 1 };
            let p = Params { input, output, bias: 1, first: 0, count: targets as u32, most: cells * channels };
            let mut out = vec![0; targets];
            let mut slots = Bindings::default();
            slots.push_read(&step);
            slots.push_read(&packed);
            slots.push_write(&mut out);
            run(&p, Window { batch: 1, start: 0, steps: 1, at: 0, clock: 0 }, &mut slots);
            let out: Vec<f32> = out.into_iter().map(f32::from_bits).collect();
            assert_eq!(out, expected, "planes {planes}");
            assert!(out[3] == bias[3] && out[4] != bias[4]);
        }
    }
}
