//! One step of all cells of a circuit, 32 neighbours of one kind at once: their terms are chosen when the code is compiled.

use crate::kernel::cells::{GROUP_WORDS, Params, STATE_WORDS, Step as Plain};
use crate::kernel::{Bindings, Window};
use crate::neuron::cell::{Arrived, Cell, CellState, flag};
use crate::run::spread;

/// Neighbours that are computed together: those of one word of spikes.
const LANES: usize = 32;
/// Cells that are worth waking a thread for, which takes 50 to 100 us.
const WORTH_A_THREAD: usize = 1 << 16;
/// Chances of the background that are compared one after the other; more are searched.
const FEW_CHANCES: usize = 64;

/// The kernel in its fast form.
#[derive(Debug)]
pub(super) struct FastCells(pub Params);

/// Memory of neighbouring cells: a part of each array.
struct Part<'a> {
    /// The first word of spikes.
    word: usize,
    state: [&'a mut [u32]; STATE_WORDS],
    arriving: [&'a mut [u32]; 2],
    output: &'a mut [u32],
}

impl FastCells {
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.0;
        let (input, tables) = (slots.words(0), slots.words(1));
        let (ring, state, output) = (slots.words_mut(2), slots.words_mut(3), slots.words_mut(4));
        let cells = p.output.channels as usize;
        let of_ring = 2 * cells * p.ring as usize;
        for sample in 0..window.batch {
            let ring = &mut ring[sample * of_ring..][..of_ring];
            if window.clock == 0 {
                ring.fill(0);
            }
            let plain = Plain::new(p, tables, input, window, sample);
            let slot = crate::kernel::propagate::ring_slot(window.clock, p.ring);
            let (e, i) = ring[2 * cells * slot..][..2 * cells].split_at_mut(cells);
            let state = &mut state[sample * STATE_WORDS * cells..][..STATE_WORDS * cells];
            let mut values = state.chunks_exact_mut(cells);
            let state = std::array::from_fn(|_| values.next().unwrap_or_default());
            let whole = Part { word: 0, state, arriving: [e, i], output: p.output.step_mut(output, window, 0, sample) };
            let tasks = rayon::current_num_threads().min(cells / WORTH_A_THREAD).max(1);
            let words = (cells / LANES).div_ceil(tasks);
            let run = |part: Part<'_>| arch.dispatch(Words { plain: &plain, part });
            if tasks == 1 { run(whole) } else { spread::each(whole.split(words).into_iter(), run) }
        }
    }
}

impl<'a> Part<'a> {
    /// In parts of so many words.
    fn split(self, words: usize) -> Vec<Part<'a>> {
        let count = self.output.len().div_ceil(words);
        let mut state = self.state.map(|values| values.chunks_mut(words * LANES));
        let mut arriving = self.arriving.map(|values| values.chunks_mut(words * LANES));
        let mut output = self.output.chunks_mut(words);
        let part = |at: usize| Part {
            word: at * words,
            state: std::array::from_fn(|value| state[value].next().unwrap_or_default()),
            arriving: std::array::from_fn(|receptor| arriving[receptor].next().unwrap_or_default()),
            output: output.next().unwrap_or_default(),
        };
        (0..count).map(part).collect()
    }
}

/// The words of a part, with the best instructions there are.
struct Words<'a, 'b> {
    plain: &'a Plain<'a>,
    part: Part<'b>,
}

impl pulp::NullaryFnOnce for Words<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Words { plain, part } = self;
        let Part { word: first, mut state, mut arriving, output } = part;
        for (at, out) in output.iter_mut().enumerate() {
            let range = at * LANES..(at + 1) * LANES;
            let mut group = Group {
                plain,
                word: first + at,
                state: state.each_mut().map(|values| &mut values[range.clone()]),
                arriving: arriving.each_mut().map(|values| &mut values[range.clone()]),
            };
            *out = group.step();
        }
    }
}

/// The cells of one word of spikes.
struct Group<'a> {
    plain: &'a Plain<'a>,
    word: usize,
    state: [&'a mut [u32]; STATE_WORDS],
    arriving: [&'a mut [u32]; 2],
}

/// Calls a method for the flags of cells that there are, each compiled for its own.
macro_rules! for_flags {
    ($flags:expr, $($known:expr),* ; $group:ident, $cell:ident, $count:ident) => {{
        $(const { assert!($known & SOURCES == 0) };)*
        match $flags {
            $(flags if flags == $known => $group.neurons::<{ $known }>($cell, $count),)*
            _ => $group.one_by_one($count),
        }
    }};
}

const SOURCES: u32 = flag::POISSON | flag::TIMES | flag::INPUT;

impl Group<'_> {
    /// Their spikes.
    #[inline(always)]
    fn step(&mut self) -> u32 {
        let [_, own, count] = [0, 1, 2].map(|at| self.plain.tables[GROUP_WORDS * self.word + at] as usize);
        let cell = self.plain.row(self.word, 0);
        if own == 1 {
            return self.one_by_one(count);
        }
        if cell.flags == flag::POISSON {
            return self.poisson(cell.rate, count);
        }
        let group = self;
        // Where spikes of the background arrive is no term of the equations.
        for_flags!(
            cell.flags & !flag::BACKGROUND_INHIBITS,
            0,
            flag::ADAPTS,
            flag::ADAPTS | flag::RAISES_THRESHOLD,
            flag::JUMPS,
            flag::CONDUCTANCE,
            flag::CONDUCTANCE | flag::EXPONENTIAL | flag::ADAPTS,
            flag::EXPONENTIAL,
            flag::QUADRATIC,
            flag::QUADRATIC | flag::ADAPTS | flag::ADAPTS_LATE,
            flag::QUADRATIC | flag::ADAPTS | flag::JUMPS;
            group, cell, count
        )
    }

    #[inline(always)]
    fn poisson(&self, rate: u32, count: usize) -> u32 {
        let mut fires = [0; LANES];
        for (lane, fires) in fires.iter_mut().enumerate() {
            *fires = u32::from(self.plain.random_of_source(LANES * self.word + lane) < rate);
        }
        bits(&fires, count)
    }

    /// As the plain twin computes them.
    #[inline(never)]
    fn one_by_one(&mut self, count: usize) -> u32 {
        let mut spikes = 0;
        for lane in 0..count {
            let at = LANES * self.word + lane;
            let cell = self.plain.row(self.word, lane);
            if let Some(fires) = self.plain.source(&cell, at) {
                spikes |= u32::from(fires) << lane;
                continue;
            }
            let arrived = self.arriving.each_mut().map(|sums| std::mem::take(&mut sums[lane]));
            let arrived = self.plain.arrived(&cell, at, arrived);
            let mut state = self.load(&cell, lane);
            spikes |= u32::from(cell.step(&mut state, arrived)) << lane;
            self.store(&state, lane);
        }
        spikes
    }

    #[inline(always)]
    fn load(&self, cell: &Cell, lane: usize) -> CellState {
        if self.plain.clock == 0 {
            return self.plain.initial(cell, LANES * self.word + lane);
        }
        let [v, w, e, i] = [0, 1, 2, 3].map(|value| f32::from_bits(self.state[value][lane]));
        CellState { v, w, e, i, refractory: self.state[4][lane] }
    }

    #[inline(always)]
    fn store(&mut self, state: &CellState, lane: usize) {
        let values = [state.v, state.w, state.e, state.i].map(f32::to_bits);
        for (to, bits) in self.state.iter_mut().zip(values.into_iter().chain([state.refractory])) {
            to[lane] = bits;
        }
    }

    /// Neurons whose flags are known, all of one kind.
    #[inline(always)]
    fn neurons<const FLAGS: u32>(&mut self, kind: Cell, count: usize) -> u32 {
        let cell = Cell { flags: FLAGS, ..kind };
        let sums: [[u32; LANES]; 2] = std::array::from_fn(|receptor| {
            let arriving: &mut [u32; LANES] = match (&mut *self.arriving[receptor]).try_into() {
                Ok(arriving) => arriving,
                Err(_) => return [0; LANES],
            };
            std::mem::replace(arriving, [0; LANES])
        });
        let sums = if kind.chances[1] > 0 { self.with_background(&kind, sums) } else { sums };
        let current = self.plain.changed_current(&cell);
        let mut currents = [current; LANES];
        if self.plain.p.input.is_real() {
            for (lane, current) in currents.iter_mut().enumerate().take(count) {
                *current = self.plain.current_of_input(LANES * self.word + lane, *current);
            }
        }
        let mut fires = [0u32; LANES];
        if self.plain.clock == 0 {
            (0..LANES).for_each(|lane| self.store(&self.plain.initial(&kind, LANES * self.word + lane), lane));
        }
        let [v, w, e, i, refractory] = &mut self.state;
        let (Ok(v), Ok(w), Ok(e), Ok(i), Ok(refractory)) = (
            <&mut [u32; LANES]>::try_from(&mut **v),
            <&mut [u32; LANES]>::try_from(&mut **w),
            <&mut [u32; LANES]>::try_from(&mut **e),
            <&mut [u32; LANES]>::try_from(&mut **i),
            <&mut [u32; LANES]>::try_from(&mut **refractory),
        ) else {
            return 0;
        };
        for lane in 0..LANES {
            let [v0, w0, e0, i0] = [v[lane], w[lane], e[lane], i[lane]].map(f32::from_bits);
            let mut state = CellState { v: v0, w: w0, e: e0, i: i0, refractory: refractory[lane] };
            let [arrived_e, arrived_i] = [sums[0][lane], sums[1][lane]].map(|sum| sum as i32 as f32 * cell.unit);
            let arrived = Arrived { e: arrived_e, i: arrived_i, current: currents[lane] };
            fires[lane] = u32::from(cell.step(&mut state, arrived));
            v[lane] = state.v.to_bits();
            if FLAGS & flag::ADAPTS != 0 {
                w[lane] = state.w.to_bits();
            }
            if FLAGS & flag::JUMPS == 0 {
                e[lane] = state.e.to_bits();
                i[lane] = state.i.to_bits();
            }
            refractory[lane] = state.refractory;
        }
        bits(&fires, count)
    }

    /// With the spikes of the background, which every cell draws for itself.
    #[inline(always)]
    fn with_background(&self, cell: &Cell, mut sums: [[u32; LANES]; 2]) -> [[u32; LANES]; 2] {
        let mut random = [0u32; LANES];
        for (lane, random) in random.iter_mut().enumerate() {
            *random = self.plain.random_of_background(LANES * self.word + lane);
        }
        let chances = &self.plain.tables[cell.chances[0] as usize..][..cell.chances[1] as usize];
        let mut spikes = [0u32; LANES];
        if chances.len() <= FEW_CHANCES {
            for &chance in chances {
                for lane in 0..LANES {
                    spikes[lane] += u32::from(chance <= random[lane]);
                }
            }
        } else {
            let search = |random: u32| chances.partition_point(|&chance| chance <= random) as u32;
            (0..LANES).for_each(|lane| spikes[lane] = search(random[lane]));
        }
        let to = &mut sums[usize::from(cell.flags & flag::BACKGROUND_INHIBITS != 0)];
        for lane in 0..LANES {
            to[lane] = to[lane].wrapping_add(spikes[lane].wrapping_mul(cell.background as u32));
        }
        sums
    }
}

/// A word of the first so many.
#[inline(always)]
fn bits(fires: &[u32; LANES], count: usize) -> u32 {
    let mut word = 0;
    for (lane, fires) in fires.iter().enumerate() {
        word |= fires << lane;
    }
    if count < LANES { word & ((1 << count) - 1) } else { word }
}
