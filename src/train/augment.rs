//! Samples as they might have been: moved and mirrored at random, anew in every epoch.
//!
//! What happens to a sample depends on the seed, the epoch and its number alone; all frames of a sequence move alike.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::random::Stream;
use crate::tensor::shape_text;

/// The place of the streams, behind those of layers.
const AUGMENT: u32 = 0x8000_0002;

/// What is done to samples before they are learnt from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Frames are moved by up to so many pixels, up or down and left or right; what comes in is black. That is a crop of
    /// the frame's size from one with so much padding on every side (PyTorch's `RandomCrop`): `crop` means the same.
    #[serde(alias = "crop")]
    pub shift: usize,
    /// Every other frame is mirrored, left to right.
    pub flip: bool,
}

/// An [`Augment`] for frames of a shape.
#[derive(Clone, Debug)]
pub struct Augmenter {
    augment: Augment,
    stream: Stream,
    height: usize,
    width: usize,
    /// What is black, of every channel.
    black: Vec<f32>,
}

/// What happens to one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    /// Pixels down and right, below zero up and left.
    down: isize,
    right: isize,
    flip: bool,
}

impl Augment {
    /// Whether samples stay as they are.
    pub fn is_none(self) -> bool {
        self == Augment::default()
    }

    /// Prepares the changes of frames `[channels, height, width]`; `black` is what comes in from the sides, for each
    /// channel.
    ///
    /// # Errors
    /// Another shape, and frames that would be moved out of sight.
    pub fn prepare(self, seed: u64, shape: &[usize], black: Vec<f32>) -> Result<Augmenter> {
        let &[channels, height, width] = shape else {
            let message = format!(
                "augmentation: expected samples of [channels, height, width], got an input of {}",
                shape_text(shape)
            );
            return Err(Error::Request(message));
        };
        if self.shift >= height.min(width) {
            let most = height.min(width).saturating_sub(1);
            let message = format!(
                "augmentation: `shift`: expected at most {most} pixels of {height}x{width}, got {}",
                self.shift
            );
            return Err(Error::Request(message));
        }
        if black.len() != channels {
            return Err(Error::Request(format!("augmentation: expected {channels} channels, got {}", black.len())));
        }
        Ok(Augmenter { augment: self, stream: Stream::new(seed, AUGMENT), height, width, black })
    }
}

impl Augmenter {
    /// Appends a sample, one frame or several, as it is in an epoch.
    pub fn append(&self, epoch: usize, number: usize, sample: &[f32], out: &mut Vec<f32>) {
        let change = self.change(epoch, number);
        let planes = sample.chunks_exact(self.height * self.width);
        for (plane, &black) in planes.zip(self.black.iter().cycle()) {
            for y in 0..self.height {
                let row = y.checked_add_signed(-change.down).and_then(|y| plane.chunks_exact(self.width).nth(y));
                out.extend((0..self.width).map(|x| {
                    let x = if change.flip { self.width - 1 - x } else { x };
                    let from = x.checked_add_signed(-change.right);
                    row.zip(from).and_then(|(row, x)| row.get(x).copied()).unwrap_or(black)
                }));
            }
        }
    }

    fn change(&self, epoch: usize, number: usize) -> Change {
        let stream = self.stream.at(epoch as u32).at(number as u32);
        let most = self.augment.shift;
        let moved = |n| stream.below(n, 2 * most as u32 + 1) as isize - most as isize;
        Change { down: moved(0), right: moved(1), flip: self.augment.flip && stream.below(2, 2) == 1 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Two channels of two rows and three columns, two frames.
    fn sample() -> Vec<f32> {
        (1..=24).map(|x| x as f32).collect()
    }

    #[test]
    fn frames_are_moved_and_mirrored_by_the_plain_definition() {
        let augment = Augment { shift: 1, flip: true };
        let augmenter = augment.prepare(7, &[2, 2, 3], vec![-1.0, -2.0]).unwrap();
        let (sample, mut seen) = (sample(), std::collections::BTreeMap::new());
        for (epoch, number) in (0..20).flat_map(|epoch| (0..20).map(move |number| (epoch, number))) {
            let mut got = Vec::new();
            augmenter.append(epoch, number, &sample, &mut got);
            let Change { down, right, flip } = augmenter.change(epoch, number);
            *seen.entry((down, right, flip)).or_insert(0) += 1;
            for (i, &got) in got.iter().enumerate() {
                let (plane, y, x) = (i / 6, (i / 3 % 2) as isize, (i % 3) as isize);
                let (y, x) = (y - down, if flip { 2 - x } else { x } - right);
                let inside = (0..2).contains(&y) && (0..3).contains(&x);
                let black = if plane % 2 == 0 { -1.0 } else { -2.0 };
                let expected = if inside { sample[plane * 6 + (y * 3 + x) as usize] } else { black };
                assert_eq!(got, expected, "{i}");
            }
            let mut again = Vec::new();
            augmenter.append(epoch, number, &sample, &mut again);
            assert_eq!(again, got);
        }
        // 400 samples over 18 changes, 22 each on average.
        assert!(seen.len() == 18 && seen.values().all(|&n| n > 5), "{seen:?}");
    }

    #[test]
    fn frames_without_room_are_refused() {
        let black = || vec![0.0];
        assert!(Augment { shift: 2, flip: false }.prepare(0, &[1, 8, 2], black()).is_err());
        assert!(Augment { shift: 1, flip: true }.prepare(0, &[16], black()).is_err());
        assert!(Augment::default().is_none());
    }
}
