//! With strides: a task for a tap, a word of input channels and a block of outputs, whose sums stay in the first cache. A
//! spike adds the gradients under it to one row.

use rayon::prelude::*;

use super::super::Part;
use crate::kernel::conv::Geometry;
use crate::kernel::grad::conv_weight::Params;
use crate::kernel::words_of;
use crate::run::fast::BLOCK;

/// The sums of a task: a row for every channel of a word.
type Sums = [[f32; BLOCK]; 32];

/// What a task sums.
#[derive(Clone, Copy)]
struct Task {
    tap: usize,
    word: usize,
    block: usize,
}

/// The computation of a task, to be dispatched.
struct Call<'a, 'b> {
    p: &'a Params,
    parts: &'a [Part<'b>],
    /// What is there already: gradients of parts of the batch before.
    before: &'a [f32],
    task: Task,
}

pub(super) fn run(p: &Params, parts: &[Part<'_>], written: &mut [f32]) {
    let g = &p.geometry;
    let (inputs, outputs) = (g.input.channels as usize, g.out_channels as usize);
    let taps = (g.kernel[0] * g.kernel[1]) as usize;
    let (words, blocks) = (words_of(inputs), outputs.div_ceil(BLOCK));
    let tasks = (0..taps * words * blocks).map(|at| Task {
        tap: at / blocks / words,
        word: at / blocks % words,
        block: at % blocks,
    });
    let arch = pulp::Arch::new();
    let before: &[f32] = written;
    let tasks: Vec<Task> = tasks.collect();
    let sums: Vec<Box<Sums>> = tasks.par_iter().map(|&task| arch.dispatch(Call { p, parts, before, task })).collect();
    for (task, sums) in tasks.iter().zip(sums) {
        let width = (outputs - task.block * BLOCK).min(BLOCK);
        for (channel, row) in sums.iter().take(inputs - task.word * 32).enumerate() {
            let at = (task.tap * inputs + task.word * 32 + channel) * outputs + task.block * BLOCK;
            written[at..at + width].copy_from_slice(&row[..width]);
        }
    }
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = Box<Sums>;

    #[inline(always)]
    fn call(self) -> Box<Sums> {
        let Call { p, parts, before, task } = self;
        let g = &p.geometry;
        let (inputs, outputs) = (g.input.channels as usize, g.out_channels as usize);
        let width = (outputs - task.block * BLOCK).min(BLOCK);
        let mut sums: Box<Sums> = Box::new([[0.0; BLOCK]; 32]);
        for (channel, row) in sums.iter_mut().take(inputs - task.word * 32).enumerate() {
            let at = (task.tap * inputs + task.word * 32 + channel) * outputs + task.block * BLOCK;
            row[..width].copy_from_slice(&before[at..at + width]);
        }
        let mut own: Box<Sums> = Box::new([[0.0; BLOCK]; 32]);
        for part in parts {
            let (input, gradient) = (part.slots.words(0), part.slots.values::<f32>(1));
            let steps = if p.gradient.series == 1 { part.window.steps } else { 1 };
            for sample in 0..part.window.batch {
                own.fill([0.0; BLOCK]);
                for t in 0..steps {
                    let step = g.input.step(input, part.window, t, sample);
                    let of = &gradient[p.gradient.offset(part.window, t, sample)..][..p.gradient.elements()];
                    add_step(g, task, step, of, &mut own);
                }
                for (sum, own) in sums.iter_mut().zip(own.iter()) {
                    for i in 0..BLOCK {
                        sum[i] += own[i];
                    }
                }
            }
        }
        sums
    }
}

/// Adds what a step of a sample gives.
#[inline(always)]
fn add_step(g: &Geometry, task: Task, step: &[u32], of: &[f32], own: &mut Sums) {
    let (channels, outputs) = (g.input.channels as usize, g.out_channels as usize);
    let width = (outputs - task.block * BLOCK).min(BLOCK);
    let (tap_y, tap_x) = (task.tap / g.kernel[1] as usize, task.tap % g.kernel[1] as usize);
    let [height, columns] = g.out_size.map(|extent| extent as usize);
    let cell_words = g.input.cell_words();
    let planes = g.input.planes as usize;
    for y in 0..height {
        for x in 0..columns {
            let Some(source) = g.source(y, x, tap_y, tap_x) else { continue };
            let cell = &step[source * cell_words..(source + 1) * cell_words];
            let of = &of[(y * columns + x) * outputs + task.block * BLOCK..];
            if planes == 0 {
                let row = row_of(of, width);
                for (own, x) in own.iter_mut().zip(&cell[task.word * 32..channels.min(task.word * 32 + 32)]) {
                    let x = f32::from_bits(*x);
                    for i in 0..BLOCK {
                        own[i] += x * row[i];
                    }
                }
            } else if planes == 1 {
                let mut bits = cell[task.word];
                if bits == 0 {
                    continue;
                }
                let row = row_of(of, width);
                while bits != 0 {
                    let own = &mut own[bits.trailing_zeros() as usize & 31];
                    bits &= bits - 1;
                    for i in 0..BLOCK {
                        own[i] += row[i];
                    }
                }
            } else {
                let row = row_of(of, width);
                let words = &cell[task.word * planes..][..planes];
                let mut bits = words.iter().fold(0, |all, word| all | word);
                while bits != 0 {
                    let bit = bits.trailing_zeros() as usize & 31;
                    bits &= bits - 1;
                    let x = words.iter().rev().fold(0, |n, word| n << 1 | word >> bit & 1) as f32;
                    for i in 0..BLOCK {
                        own[bit][i] += x * row[i];
                    }
                }
            }
        }
    }
}

/// The gradients of a block of outputs, zero where there are none.
#[inline(always)]
fn row_of(of: &[f32], width: usize) -> [f32; BLOCK] {
    let mut row = [0.0; BLOCK];
    if width == BLOCK {
        row.copy_from_slice(&of[..BLOCK]);
    } else {
        row[..width].copy_from_slice(&of[..width]);
    }
    row
}
