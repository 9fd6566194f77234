//! Samples that stop as soon as their decision is certain.

/// When a sample's decision is certain: its best score so far leads the second best by a margin.
///
/// The scores are those of the read-out over the steps so far. Decisions are comparisons of scores, so they are the same
/// on every machine. A sample that is never certain runs to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confident {
    /// How far the best score must lead.
    pub margin: f32,
    /// Steps from one look to the next. A sample is looked at after `every` steps, then after twice as many, ...
    pub every: usize,
}

impl Confident {
    /// The margin at which a softmax over the two best scores gives the better one so much: `ln(p / (1 - p))`.
    ///
    /// `None` where `probability` is not between 1/2 and 1.
    pub fn of_probability(probability: f64) -> Option<Confident> {
        let inside = probability > 0.5 && probability < 1.0;
        inside.then(|| Confident { margin: (probability / (1.0 - probability)).ln() as f32, every: 1 })
    }

    /// Whether these scores are certain; those of a single output never are.
    pub(super) fn is_certain(&self, scores: &[f32]) -> bool {
        let (mut best, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        for &score in scores {
            if score > best {
                (best, second) = (score, best);
            } else if score > second {
                second = score;
            }
        }
        scores.len() > 1 && best - second >= self.margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_leads_the_second_best() {
        let certain = |scores: &[f32]| Confident { margin: 2.0, every: 1 }.is_certain(scores);
        assert!(certain(&[0.0, 5.0, 3.0]) && certain(&[-1.0, -3.0]));
        assert!(!certain(&[5.0, 5.0, 0.0]) && !certain(&[5.0, 0.0, 3.5]));
        assert!(!certain(&[9.0]) && !certain(&[]) && !certain(&[f32::NAN, f32::NAN]));
    }

    #[test]
    fn a_probability_is_a_margin() {
        let margin = |p| Confident::of_probability(p).map(|c| c.margin);
        assert_eq!(margin(0.9).map(|m| (m * 1e4).round()), Some(21972.0));
        assert!([0.5, 1.0, f64::NAN, -1.0, 2.0].into_iter().all(|p| margin(p).is_none()));
    }
}
