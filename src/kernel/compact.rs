//! Spikes become ordered lists of the elements that fired, one for each step: what reads them follows their number.
//! Twin of `shaders/compact.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window, words_of};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Bits.
    pub input: Edge,
    /// The most events that a list holds: of a step with more there is their number alone.
    pub most: u32,
    /// 1: a list for every step; 0: one, of the first step of the window.
    pub series: u32,
}

shared!(Params as "Params" { input: Edge, most: u32, series: u32 });

/// Spikes; the lists `[time, batch]`: how many elements `[cell, channel]` fired, then which, ascending.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Words), write("events", Element::Words)];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/compact.wgsl")], reads: &[] }
}

/// Workgroups of a sample: one has all of a step, in order.
pub fn groups(p: &Params, steps: usize) -> u64 {
    if p.series == 1 { steps as u64 } else { 1 }
}

/// Words of a list of up to so many events.
pub fn list_words(most: usize) -> usize {
    1 + most
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let events = slots.words_mut(1);
    let words = list_words(p.most as usize);
    for t in 0..if p.series == 1 { window.steps } else { 1 } {
        let step = if p.series == 1 { window.start + t } else { 0 };
        for sample in 0..window.batch {
            let list = &mut events[(step * window.batch + sample) * words..][..words];
            fill(&p.input, p.input.step(input, window, t, sample), list);
        }
    }
}

/// The list of the bits of a step.
fn fill(edge: &Edge, step: &[u32], list: &mut [u32]) {
    let fired: u32 = step.iter().map(|bits| bits.count_ones()).sum();
    let (count, events) = list.split_at_mut(1);
    count[0] = fired;
    if fired as usize > events.len() {
        return;
    }
    let mut events = events.iter_mut();
    for (word, &bits) in step.iter().enumerate() {
        let (cell, first) = (word / words_of(edge.channels as usize), word % words_of(edge.channels as usize));
        let mut left = bits;
        while left != 0 {
            if let Some(event) = events.next() {
                *event = cell as u32 * edge.channels + 32 * first as u32 + left.trailing_zeros();
            }
            left &= left - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three cells of 40 channels, two steps, two samples.
    const EDGE: Edge = Edge { cells: 3, channels: 40, planes: 1, series: 1 };
    const WINDOW: Window = Window { batch: 2, start: 0, steps: 2, at: 0, clock: 0 };
    const FIRED: [&[u32]; 4] = [&[0, 39, 40, 71, 72, 119], &[], &[5], &[79, 80]];

    fn lists(most: u32, window: Window) -> Vec<u32> {
        let mut input = vec![0; 4 * EDGE.step_words()];
        for (row, fired) in FIRED.iter().enumerate() {
            for &element in *fired {
                let (cell, channel) = ((element / 40) as usize, (element % 40) as usize);
                let cell = &mut input[row * EDGE.step_words() + cell * EDGE.cell_words()..][..EDGE.cell_words()];
                EDGE.set_count(cell, channel, 1);
            }
        }
        let mut events = vec![u32::MAX; 4 * list_words(most as usize)];
        let mut slots = Bindings::default();
        slots.push_read(&input);
        slots.push_write(&mut events);
        run(&Params { input: EDGE, most, series: 1 }, window, &mut slots);
        events
    }

    #[test]
    fn elements_are_listed_in_the_order_of_the_sum() {
        let lists = lists(120, WINDOW);
        for (list, fired) in lists.chunks(121).zip(FIRED) {
            assert_eq!(list[0] as usize, fired.len());
            assert_eq!(&list[1..=fired.len()], fired);
            assert!(list[1 + fired.len()..].iter().all(|&word| word == u32::MAX));
        }
    }

    #[test]
    fn of_a_step_with_too_many_there_is_their_number_alone() {
        let lists = lists(2, WINDOW);
        assert_eq!(lists, [6, u32::MAX, u32::MAX, 0, u32::MAX, u32::MAX, 1, 5, u32::MAX, 2, 79, 80]);
    }

    #[test]
    fn a_window_writes_its_own_steps() {
        let lists = lists(2, Window { start: 1, steps: 1, ..WINDOW });
        assert_eq!(lists[..6], [u32::MAX; 6]);
        assert_eq!(lists[6..], [1, 5, u32::MAX, 2, 79, 80]);
    }
}
