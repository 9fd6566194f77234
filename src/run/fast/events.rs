//! Spikes as lists of the rows of weights that they drive, so that adding them up is one loop without branches by bit.
//!
//! The order contract sums the terms of eight words of inputs apart, so a list is in segments of eight words: an entry is
//! a row of its segment, of which there are at most 256.

use super::BLOCK;
use super::rows::SUM_WORDS;
use crate::kernel::words_of;

/// The places of the bits of a word, lowest first, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    places: [u8; 32],
    count: u8,
}

impl Word {
    /// A word without a bit.
    pub const EMPTY: Word = Word { places: [0; 32], count: 0 };

    #[inline(always)]
    pub fn new(bits: u32) -> Word {
        let mut word = Word::EMPTY;
        word.set(bits);
        word
    }

    /// Takes the bits of another word; what stood behind its last place stays.
    #[inline(always)]
    pub fn set(&mut self, bits: u32) {
        let (mut rest, mut at) = (bits, 0);
        // Eight at a time, whether there are so many or not: fewer branches that no one can foresee.
        while rest != 0 {
            for place in &mut self.places[at..at + 8] {
                *place = rest.trailing_zeros() as u8;
                rest &= rest.wrapping_sub(1);
            }
            at += 8;
        }
        self.count = bits.count_ones() as u8;
    }
}

/// Lists of rows, one after the other.
#[derive(Debug, Default)]
pub(super) struct Lists {
    entries: Vec<u8>,
    used: usize,
    segments: Vec<Segment>,
    /// Where the segments of each list begin.
    lists: Vec<u32>,
    /// Whether the last segment is of the last list.
    open: bool,
}

/// Rows of one segment.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Its number, and where its entries end.
    number: u32,
    end: u32,
}

impl Lists {
    /// Forgets all lists; makes room for so many words.
    pub fn clear(&mut self, words: usize) {
        self.entries.resize((words + 1) * 32, 0);
        self.used = 0;
        self.segments.clear();
        self.lists.clear();
    }

    /// Begins the next list.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.lists.push(self.segments.len() as u32);
        self.open = false;
    }

    /// Adds the rows of a word of inputs, whose number is `word` and whose first row is `row` of its segment.
    #[inline(always)]
    pub fn push(&mut self, word: usize, row: u8, spikes: &Word) {
        if spikes.count == 0 {
            return;
        }
        // All 32 places, of which the first `count` stay: the next word writes over the others.
        if let Some(to) = self.entries[self.used..].first_chunk_mut::<32>() {
            for i in 0..32 {
                to[i] = spikes.places[i].wrapping_add(row);
            }
        }
        self.used += usize::from(spikes.count);
        let (number, end) = ((word / SUM_WORDS) as u32, self.used as u32);
        match self.segments.last_mut() {
            Some(last) if last.number == number && self.open => last.end = end,
            _ => self.segments.push(Segment { number, end }),
        }
        self.open = true;
    }

    /// The segments of a list, in order: their numbers and entries.
    #[inline(always)]
    pub fn list(&self, list: usize) -> Segments<'_> {
        let first = self.lists[list] as usize;
        let end = self.lists.get(list + 1).map_or(self.segments.len(), |&end| end as usize);
        let start = if first == 0 { 0 } else { self.segments[first - 1].end as usize };
        Segments { segments: &self.segments[first..end], entries: &self.entries, start }
    }
}

/// The segments of a list: an iterator, as a closure would not be compiled for the instruction set of its caller.
pub(super) struct Segments<'a> {
    segments: &'a [Segment],
    entries: &'a [u8],
    start: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = (usize, &'a [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let (segment, rest) = self.segments.split_first()?;
        let entries = &self.entries[self.start..segment.end as usize];
        (self.segments, self.start) = (rest, segment.end as usize);
        Some((segment.number as usize, entries))
    }
}

/// The sum of the rows that entries name, in order.
#[inline(always)]
pub(super) fn added(entries: &[u8], rows: &[[f32; BLOCK]]) -> [f32; BLOCK] {
    let mut sum = [0.0; BLOCK];
    for &entry in entries {
        let row = &rows[usize::from(entry)];
        for i in 0..BLOCK {
            sum[i] += row[i];
        }
    }
    sum
}

/// Of inputs in cells of `channels`: the first row of each word of inputs within its segment, and that of each segment.
pub(super) fn places(cells: usize, channels: usize) -> (Vec<u8>, Vec<usize>) {
    let words = words_of(channels);
    let row = |word: usize| word / words * channels + word % words * 32;
    let offset = |word: usize| (row(word) - row(word / SUM_WORDS * SUM_WORDS)) as u8;
    let all = cells * words;
    ((0..all).map(offset).collect(), (0..all).step_by(SUM_WORDS).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_the_rows_of_every_bit_in_order() {
        let words = [0x8000_0001, 0, u32::MAX, 0x00ff_0000, 1, 2, 4, 8, 0x10, 0x8000_0000, 0];
        for channels in [32, 7, 40] {
            let (offsets, bases) = places(11, channels);
            let mut lists = Lists::default();
            lists.clear(2 * words.len());
            for _ in 0..2 {
                lists.begin();
                for (word, &bits) in words.iter().enumerate() {
                    lists.push(word, offsets[word], &Word::new(bits));
                }
            }
            for list in 0..2 {
                let mut rows = Vec::new();
                for (segment, entries) in lists.list(list) {
                    rows.extend(entries.iter().map(|&e| bases[segment] + e as usize));
                }
                let expected = words.iter().enumerate().flat_map(|(word, &bits)| {
                    let row = word / words_of(channels) * channels + word % words_of(channels) * 32;
                    (0..32).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| row + bit)
                });
                assert_eq!(rows, expected.collect::<Vec<_>>(), "{channels} channels, list {list}");
            }
        }
    }
}
