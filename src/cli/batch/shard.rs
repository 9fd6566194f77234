//! One of several equal parts of the samples: `--shard 2/4`.

use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The `index`-th of `of` contiguous parts, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub index: usize,
    pub of: usize,
}

impl Shard {
    /// Its part of so many samples; parts differ by at most one.
    pub fn part(&self, samples: usize) -> Range<usize> {
        let cut = |i: usize| (samples as u128 * i as u128 / self.of as u128) as usize;
        cut(self.index - 1)..cut(self.index)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index, of }),
            _ => Err("expected I/N with I from 1 to N, such as 2/4".into()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_meet_and_cover_everything() {
        for samples in [1, 4, 10, 9999] {
            for of in 1..8 {
                let parts: Vec<_> = (1..=of).map(|index| Shard { index, of }.part(samples)).collect();
                assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert_eq!((parts[0].start, parts[of - 1].end), (0, samples));
                assert!(parts.iter().all(|part| part.len().abs_diff(samples / of) <= 1));
            }
        }
        assert_eq!("2/4".parse::<Shard>().unwrap(), Shard { index: 2, of: 4 });
        for wrong in ["0/4", "5/4", "2", "a/b", "1/0", "-1/4", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
