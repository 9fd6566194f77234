//! The numbers that an optimiser has in a step.

use super::schedule::power;
use super::{Optimiser, Trainer};
use crate::kernel::grad::optimise;

impl Trainer {
    /// The settings of a step, see [`optimise`].
    pub(super) fn settings(&self, batch: usize, clip: f64) -> [f32; optimise::SETTINGS] {
        let mut settings = [0.0; optimise::SETTINGS];
        let step = self.steps + 1;
        settings[optimise::INVERSE_BATCH] = 1.0 / batch as f64;
        settings[optimise::LEARNING_RATE] = self.learning_rate;
        settings[optimise::CLIP] = clip;
        settings[optimise::FRESH] = f64::from(self.steps == 0);
        match self.options.optimiser {
            Optimiser::Sgd { momentum, weight_decay, .. } => {
                settings[optimise::FIRST_DECAY] = momentum;
                settings[optimise::WEIGHT_DECAY] = weight_decay;
            }
            Optimiser::Adam(m) | Optimiser::AdamW(m) => {
                settings[optimise::FIRST_DECAY] = m.beta1;
                settings[optimise::SECOND_DECAY] = m.beta2;
                settings[optimise::EPS] = m.eps;
                settings[optimise::WEIGHT_DECAY] = m.weight_decay;
                settings[optimise::FIRST_BIAS] = 1.0 / (1.0 - power(m.beta1, step));
                settings[optimise::SECOND_BIAS] = 1.0 / (1.0 - power(m.beta2, step)).sqrt();
            }
        }
        settings.map(|x| x as f32)
    }
}
