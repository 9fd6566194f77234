//! What a trainer refuses: settings without meaning, samples and labels that do not fit.

use super::{Optimiser, Trainer, quantise};
use crate::error::{Error, Result};
use crate::run::Device;
use crate::run::values::check_sample;

impl Trainer {
    pub(super) fn check(&self) -> Result<()> {
        match self.options.device {
            Device::Cpu | Device::Reference => {}
            #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
            Device::Gpu(_) => {}
            #[cfg(all(feature = "gpu", target_arch = "wasm32"))]
            Device::Gpu(_) => return Err(Error::Request("on the web, training is for the CPU alone".into())),
        }
        let positive = |what: &str, x: f64| match x.is_finite() && x >= 0.0 {
            true => Ok(()),
            false => Err(Error::Request(format!("{what} must be a number not below 0, got {x}"))),
        };
        match self.options.optimiser {
            Optimiser::Sgd { lr, momentum, weight_decay, nesterov } => {
                positive("the learning rate", lr)?;
                positive("momentum", momentum)?;
                positive("weight decay", weight_decay)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::Request("Nesterov's momentum needs a momentum above 0".into()));
                }
            }
            Optimiser::Adam(m) | Optimiser::AdamW(m) => {
                positive("the learning rate", m.lr)?;
                positive("weight decay", m.weight_decay)?;
                positive("eps", m.eps)?;
                for beta in [m.beta1, m.beta2] {
                    if !(0.0..1.0).contains(&beta) {
                        return Err(Error::Request(format!("beta must be from 0 to below 1, got {beta}")));
                    }
                }
            }
        }
        if !(self.options.surrogate.alpha.is_finite() && self.options.surrogate.alpha > 0.0) {
            let alpha = self.options.surrogate.alpha;
            return Err(Error::Request(format!("the surrogate's alpha must be above 0, got {alpha}")));
        }
        self.options.weight_bits.map_or(Ok(()), quantise::check)?;
        if let Some(penalty) = self.options.rate_penalty {
            positive("the rate that is wanted", penalty.target)?;
            positive("the weight of the rate", penalty.weight)?;
        }
        self.options.clip_norm.map_or(Ok(()), |norm| positive("the clip norm", norm))
    }

    /// A label for each sample.
    pub(super) fn check_labels(&self, samples: &[&[f32]], labels: &[u32]) -> Result<()> {
        if samples.len() != labels.len() {
            let (n, m) = (samples.len(), labels.len());
            return Err(Error::Request(format!("expected a label for each sample: got {n} samples, {m} labels")));
        }
        let classes: usize = self.network.shapes()?[self.network.output].iter().product();
        match labels.iter().position(|&label| label as usize >= classes) {
            Some(at) => {
                let (last, got) = (classes - 1, labels[at]);
                Err(Error::Request(format!("sample {at}: expected a label from 0 to {last}, got {got}")))
            }
            None => Ok(()),
        }
    }

    /// That samples have values that the input takes, unless the machine looks at them itself.
    pub(super) fn check_values(&self, samples: &[&[f32]], stay: bool) -> Result<()> {
        if self.machine.as_ref().is_some_and(|(_, machine)| machine.checks_samples(stay)) {
            return Ok(());
        }
        let kind = self.network.input.kind;
        samples.iter().enumerate().try_for_each(|(at, sample)| check_sample(at, sample, kind))
    }

    /// Steps of a sample, and whether one frame holds for all of them.
    pub(super) fn check_samples(&self, samples: &[&[f32]]) -> Result<(usize, bool)> {
        if samples.is_empty() {
            return Err(Error::Request("expected samples: got 0 samples".into()));
        }
        let frame: usize = self.network.input.shape.iter().product();
        let fixed = self.options.steps.or(self.network.steps);
        let length = samples[0].len();
        for (at, sample) in samples.iter().enumerate() {
            let fault = |text: String| Err(Error::Request(format!("sample {at}: {text}")));
            if sample.len() != length || length == 0 || !length.is_multiple_of(frame) {
                let got = sample.len();
                return fault(format!("expected {frame} values for each step, as many as the others, got {got}"));
            }
        }
        match (length / frame, fixed) {
            (1, Some(steps)) => Ok((steps, true)),
            (1, None) => Err(Error::Request("say how many steps a sample has: `steps`".into())),
            (got, Some(steps)) if got != steps => {
                Err(Error::Request(format!("the samples have {got} steps, {steps} are fixed")))
            }
            (got, _) => Ok((got, false)),
        }
    }
}
