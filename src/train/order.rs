//! In which order samples come, and which of them are kept for validation: by the seed alone, and the epoch.

use crate::error::{Error, Result};
use crate::random::Stream;

/// Places of streams, behind those of layers.
const ORDER: u32 = 0x8000_0000;
const SPLIT: u32 = 0x8000_0001;

/// The order of so many samples in an epoch, counted from 0.
pub fn order(seed: u64, epoch: usize, samples: usize) -> Vec<usize> {
    shuffled(Stream::new(seed, ORDER).at(epoch as u32), samples)
}

/// The samples to learn from and those for validation, each in their order in the file.
///
/// # Errors
/// A part that would leave one of the two empty.
pub fn split(seed: u64, part: f64, samples: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    let kept = (samples as f64 * part).round() as usize;
    if kept == 0 || kept >= samples {
        let message = format!("a split of {part}: expected some of the {samples} samples on both sides, got {kept}");
        return Err(Error::Request(message));
    }
    let mut learnt = shuffled(Stream::new(seed, SPLIT), samples);
    let mut validation = learnt.split_off(samples - kept);
    learnt.sort_unstable();
    validation.sort_unstable();
    Ok((learnt, validation))
}

/// The numbers from 0, by Fisher and Yates.
fn shuffled(stream: Stream, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, stream.below(last as u32, last as u32 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_sample_comes_once_and_every_epoch_is_another() {
        let first = order(1, 0, 1000);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
        assert_eq!(first, order(1, 0, 1000));
        for other in [order(1, 1, 1000), order(2, 0, 1000)] {
            // Of a random order, one sample on average stays where it was.
            assert!(first.iter().zip(&other).filter(|(a, b)| a == b).count() < 10);
        }
        assert!(order(1, 0, 0).is_empty());
    }

    #[test]
    fn every_order_of_three_is_as_likely() {
        // 1,000 each: six standard deviations.
        const MOST_OFF: f64 = 6.0 * 28.9;
        let mut counts = std::collections::BTreeMap::new();
        (0..6000).for_each(|epoch| *counts.entry(order(3, epoch, 3)).or_insert(0) += 1);
        assert!(
            counts.len() == 6 && counts.values().all(|&c: &i32| f64::from(c - 1000).abs() < MOST_OFF),
            "{counts:?}"
        );
    }

    #[test]
    fn a_split_has_every_sample_on_one_side() {
        let (learnt, validation) = split(5, 0.1, 205).unwrap();
        assert_eq!((learnt.len(), validation.len()), (184, 21));
        assert!(learnt.is_sorted() && validation.is_sorted());
        let mut all = [learnt, validation.clone()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..205));
        assert_ne!(validation, split(6, 0.1, 205).unwrap().1);
        assert!(validation.iter().any(|&i| i < 100) && validation.iter().any(|&i| i >= 100));
        for (part, samples) in [(0.1, 3), (0.99, 3), (0.5, 1)] {
            assert!(split(0, part, samples).is_err());
        }
    }
}
