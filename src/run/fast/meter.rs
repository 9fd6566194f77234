//! Synaptic operations, counted by the number of spikes where all channels of a cell drive as many outputs.

use super::Run;
use crate::kernel::{Bindings, METER_WORDS, Window, meter};

/// A meter on an edge of spikes.
#[derive(Debug)]
pub(super) struct FastMeter {
    p: meter::Params,
    /// What each spike of a cell counts: outputs driven, and operations performed.
    cells: Vec<[u32; 2]>,
}

impl FastMeter {
    /// `None` where channels of a cell differ, as they do where weights are zero.
    pub fn new(p: &meter::Params, table: &[u32]) -> Option<FastMeter> {
        let (cells, channels) = (p.input.cells as usize, p.input.channels as usize);
        if p.input.planes != 1 {
            return None;
        }
        let (rows, table) = table.split_at(cells);
        let pairs = table.as_chunks::<2>().0;
        let alike = pairs.chunks(channels).map(|row| row.iter().all(|pair| *pair == row[0]).then_some(row[0]));
        let alike = alike.collect::<Option<Vec<_>>>()?;
        Some(FastMeter { p: *p, cells: rows.iter().map(|&row| alike[row as usize]).collect() })
    }
}

impl Run for FastMeter {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let (input, counters) = (slots.words(0), slots.words_mut(2));
        let edge = &self.p.input;
        let steps = if edge.series == 1 { window.steps } else { 1 };
        for sample in 0..window.batch {
            let mut sums = [0u64; 3];
            for t in 0..steps {
                let step = edge.step(input, window, t, sample);
                for (cell, &[driven, performed]) in step.chunks_exact(edge.cell_words()).zip(&self.cells) {
                    let mut spikes = 0;
                    for word in cell {
                        spikes += u64::from(word.count_ones());
                    }
                    sums[0] += spikes;
                    sums[1] += spikes * u64::from(driven);
                    sums[2] += spikes * u64::from(performed);
                }
            }
            meter::add(&mut counters[sample * METER_WORDS..(sample + 1) * METER_WORDS], sums);
        }
    }
}
