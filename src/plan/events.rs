//! When linear layers on GPUs read lists of the inputs that fired.

use crate::error::{Error, Result};

/// Whether linear layers of spikes read lists of the inputs that fired, in steps with few of them. Lists are of use to
/// GPUs: the fast machine of the CPU makes its own. Of no effect on results.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum EventLists {
    /// They read all words of their input.
    #[default]
    Never,
    /// They read lists in steps in which at most this share of the inputs fires, from 0 to 1.
    UpTo(f32),
    /// Up to the share that was measured for a layer of that size, where it is known; else up to [`DEFAULT_SHARE`] where it
    /// has [`DEFAULT_INPUTS`] or more.
    Measured,
}

/// The share of inputs up to which lists are read where nothing was measured.
///
/// On llvmpipe lists win up to 20 % (1024 inputs and outputs, `saltatory bench --crossover`), but there all loads are from
/// near caches. They win by words that are not read: of a spike in every 32 inputs, 3 %, there is one in every word, and as
/// a GPU has its words read by many invocations at once, it can do without lists earlier. A third of that leaves most words
/// empty.
pub const DEFAULT_SHARE: f32 = 0.01;

/// The fewest inputs of a layer that reads lists where nothing was measured: making a list is a dispatch of its own, which
/// fewer than 32 words are not worth.
pub const DEFAULT_INPUTS: usize = 1024;

/// What the time of a linear layer depends on, besides its spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinearSize {
    /// Inputs.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// Steps that it computes at once.
    pub steps: usize,
}

/// The share up to which a layer reads lists, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    pub of_inputs: f32,
    pub source: &'static str,
}

impl EventLists {
    /// Refuses what is no share.
    ///
    /// # Errors
    /// [`Error::Request`] with the number.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            EventLists::UpTo(share) if !(0.0..=1.0).contains(&share) => {
                Err(Error::Request(format!("event lists: expected a share of the inputs from 0 to 1, got {share}")))
            }
            _ => Ok(()),
        }
    }

    /// The share of a layer with so many inputs; `measured`: what is known for its size. `None`: it has no lists.
    pub(crate) fn share(self, inputs: usize, measured: impl FnOnce() -> Option<f32>) -> Option<Share> {
        match self {
            EventLists::Never => None,
            EventLists::UpTo(of_inputs) => Some(Share { of_inputs, source: "asked for" }),
            EventLists::Measured => match measured() {
                Some(of_inputs) => Some(Share { of_inputs, source: "measured" }),
                None => (inputs >= DEFAULT_INPUTS).then_some(Share { of_inputs: DEFAULT_SHARE, source: "default" }),
            },
        }
    }
}

impl Share {
    /// The most events of a list.
    pub fn events(&self, inputs: usize) -> u32 {
        (f64::from(self.of_inputs) * inputs as f64) as u32
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = 100.0 * self.of_inputs;
        let places = if percent < 1.0 { 2 } else { 1 };
        write!(f, "event list up to {percent:.places$} % of inputs ({})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_goes_before_the_default() {
        let share = |lists: EventLists, known| lists.share(DEFAULT_INPUTS, || known).map(|share| share.to_string());
        assert_eq!(share(EventLists::Never, Some(0.5)), None);
        let text = "event list up to 3.1 % of inputs (measured)";
        assert_eq!(share(EventLists::Measured, Some(0.031)).as_deref(), Some(text));
        assert_eq!(share(EventLists::Measured, None).as_deref(), Some("event list up to 1.0 % of inputs (default)"));
        assert_eq!(EventLists::Measured.share(DEFAULT_INPUTS - 1, || None), None);
        let text = "event list up to 0.05 % of inputs (asked for)";
        assert_eq!(share(EventLists::UpTo(0.0005), Some(0.5)).as_deref(), Some(text));
    }

    #[test]
    fn shares_are_parts_of_one() {
        for share in [-0.1, 1.1, f32::NAN] {
            assert!(EventLists::UpTo(share).check().is_err_and(|e| e.to_string().contains("from 0 to 1")), "{share}");
        }
        assert!(EventLists::UpTo(1.0).check().is_ok() && EventLists::Measured.check().is_ok());
    }

    #[test]
    fn a_list_holds_whole_events() {
        let events = |of_inputs: f32, inputs| Share { of_inputs, source: "" }.events(inputs);
        assert_eq!([events(0.01, 4096), events(0.01, 99), events(1.0, 70)], [40, 0, 70]);
    }
}
