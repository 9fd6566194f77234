//! From the numbers in a file to those the network sees: `(x scale - mean) / std`, in f64 and rounded once.

use crate::error::{Error, Result};
use crate::layer::MAX_ELEMENTS;
use crate::network::{ChannelOrder, InputKind, InputSpec};
use crate::tensor::element_count;

/// What happens to each value of a step.
#[derive(Clone, Debug)]
pub(crate) struct Preprocess {
    scale: f64,
    mean: Vec<f64>,
    std: Vec<f64>,
    channels: usize,
    /// Elements of one step.
    step: usize,
    order: ChannelOrder,
    kind: InputKind,
}

impl Preprocess {
    /// What `spec` asks for. Images always come channels first; `bytes` says whether values are 8-bit unsigned.
    ///
    /// # Errors
    /// [`Error::Request`] where shape, scale, mean or std make no sense.
    pub fn new(spec: &InputSpec, order: ChannelOrder, bytes: bool) -> Result<Self> {
        let step = element_count(&spec.shape).filter(|n| (1..=MAX_ELEMENTS).contains(n) && !spec.shape.is_empty());
        let step = step.ok_or_else(|| {
            Error::Request(format!("input: expected a shape of 1 to {MAX_ELEMENTS} elements, got {:?}", spec.shape))
        })?;
        let channels = spec.shape.first().copied().unwrap_or(1);
        check("mean", &spec.mean, channels, |x| x.is_finite())?;
        check("std", &spec.std, channels, |x| x.is_finite() && x != 0.0)?;
        check("scale", spec.scale.as_slice(), channels, f64::is_finite)?;
        // Counts and bits are whole numbers in the file already.
        let default_scale = if bytes && spec.kind == InputKind::Real { 1.0 / 255.0 } else { 1.0 };
        Ok(Self {
            scale: spec.scale.unwrap_or(default_scale),
            mean: spec.mean.clone(),
            std: spec.std.clone(),
            channels,
            step,
            order,
            kind: spec.kind,
        })
    }

    /// The number of elements of one step.
    pub fn step(&self) -> usize {
        self.step
    }

    /// The value the network sees for `x`, element `index` of a sample in the order of the file.
    pub fn value(&self, index: usize, x: f64) -> f32 {
        ((x * self.scale - self.of(&self.mean, index, 0.0)) / self.of(&self.std, index, 1.0)) as f32
    }

    /// Says what is wrong with a preprocessed value, if anything.
    pub fn fault(&self, index: usize, value: f32) -> Option<String> {
        let expected = match self.kind {
            _ if !value.is_finite() => "finite numbers",
            InputKind::Counts if value.fract() != 0.0 || !(0.0..=255.0).contains(&value) => {
                "whole numbers from 0 to 255 after preprocessing"
            }
            InputKind::Bits if value != 0.0 && value != 1.0 => "0 or 1 after preprocessing",
            _ => return None,
        };
        Some(format!("element {index} is {value}, expected {expected}"))
    }

    /// Brings a sample, one or several steps in the order of the file, to channels first.
    pub fn channels_first(&self, values: Vec<f32>) -> Vec<f32> {
        if self.order == ChannelOrder::First || self.channels == 1 || self.channels == self.step {
            return values;
        }
        let plane = self.step / self.channels;
        let mut first = Vec::with_capacity(values.len());
        for step in values.chunks_exact(self.step) {
            for channel in 0..self.channels {
                first.extend((0..plane).map(|p| step[p * self.channels + channel]));
            }
        }
        first
    }

    fn of(&self, constants: &[f64], index: usize, default: f64) -> f64 {
        match constants {
            [] => default,
            [one] => *one,
            each => {
                each[match self.order {
                    ChannelOrder::First => index % self.step / (self.step / self.channels),
                    ChannelOrder::Last => index % self.channels,
                }]
            }
        }
    }
}

fn check(what: &str, values: &[f64], channels: usize, allowed: impl Fn(f64) -> bool) -> Result<()> {
    if values.len() > 1 && values.len() != channels {
        let message =
            format!("input: expected no, one or {channels} values of {what} (channels), got {}", values.len());
        return Err(Error::Request(message));
    }
    match values.iter().find(|&&x| !allowed(x)) {
        Some(x) => Err(Error::Request(format!("input: expected finite values of {what}, std not 0, got {x}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn spec(shape: &[usize]) -> InputSpec {
        InputSpec { shape: shape.to_vec(), ..InputSpec::default() }
    }

    #[test]
    fn bytes_become_the_nearest_f32_of_their_fraction() {
        let process = Preprocess::new(&spec(&[1, 2, 2]), ChannelOrder::First, true).unwrap();
        for byte in 0..=255u8 {
            assert_eq!(process.value(0, f64::from(byte)), (f64::from(byte) / 255.0) as f32);
        }
    }

    #[test]
    fn mean_and_std_per_channel_in_both_orders() {
        let spec = InputSpec { mean: vec![1.0, 2.0], std: vec![2.0, 4.0], ..spec(&[2, 1, 3]) };
        let first = Preprocess::new(&spec, ChannelOrder::First, false).unwrap();
        assert_eq!([0, 2, 3, 5, 6].map(|i| first.value(i, 6.0)), [2.5, 2.5, 1.0, 1.0, 2.5]);
        let last = Preprocess::new(&spec, ChannelOrder::Last, false).unwrap();
        assert_eq!([0, 1, 2, 7].map(|i| last.value(i, 6.0)), [2.5, 1.0, 2.5, 1.0]);
        let steps: Vec<f32> = [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.].to_vec();
        assert_eq!(last.channels_first(steps), (0..12).map(|i| i as f32).collect::<Vec<_>>());
    }

    #[test]
    fn kinds_are_checked() {
        let of = |kind| Preprocess::new(&InputSpec { kind, ..spec(&[2]) }, ChannelOrder::First, true).unwrap();
        let counts = of(InputKind::Counts);
        assert_eq!(counts.value(0, 7.0), 7.0);
        assert_eq!(
            [0.0, 255.0, 256.0, 0.5, -1.0].map(|x| counts.fault(0, x).is_some()),
            [false, false, true, true, true]
        );
        let bits = of(InputKind::Bits);
        assert_eq!([0.0, 1.0, 2.0, f32::NAN].map(|x| bits.fault(0, x).is_some()), [false, false, true, true]);
        assert_eq!(of(InputKind::Real).fault(17, f32::NAN).unwrap(), "element 17 is NaN, expected finite numbers");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |spec: InputSpec| Preprocess::new(&spec, ChannelOrder::First, false).is_err();
        assert!(refused(spec(&[])));
        assert!(refused(spec(&[0, 3])));
        assert!(refused(spec(&[usize::MAX, 3])));
        assert!(refused(InputSpec { mean: vec![0.0; 3], ..spec(&[2]) }));
        assert!(refused(InputSpec { std: vec![0.0], ..spec(&[2]) }));
        assert!(refused(InputSpec { scale: Some(f64::NAN), ..spec(&[2]) }));
    }
}
