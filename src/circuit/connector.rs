//! Who is joined with whom: the connectors of PyNN, as rules that can be drawn again.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::synapse::kind;
use crate::random::random_below;

/// Which cells of two populations are joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connector {
    /// Every source with every target.
    AllToAll,
    /// The n-th source with the n-th target.
    OneToOne,
    /// Every pair with this chance.
    FixedProbability(f64),
    /// Every source with so many targets, drawn with replacement.
    FixedNumberPost(usize),
    /// Every target with so many sources, drawn with replacement.
    FixedNumberPre(usize),
    /// So many synapses in all, each with a source and a target of its own, drawn with replacement.
    FixedTotalNumber(usize),
    /// Synapse by synapse: source, target, weight, delay in ms.
    FromList(Vec<(usize, usize, f64, f64)>),
}

impl Connector {
    /// The name in files.
    pub fn name(&self) -> &'static str {
        match self {
            Connector::AllToAll => "all_to_all",
            Connector::OneToOne => "one_to_one",
            Connector::FixedProbability(_) => "fixed_probability",
            Connector::FixedNumberPost(_) => "fixed_number_post",
            Connector::FixedNumberPre(_) => "fixed_number_pre",
            Connector::FixedTotalNumber(_) => "fixed_total_number",
            Connector::FromList(_) => "from_list",
        }
    }

    /// Whether the synapses of a source can be drawn alone.
    pub fn is_procedural(&self) -> bool {
        self.kind().is_some()
    }

    /// The kind of rule, where the synapses of a source can be drawn alone.
    pub(super) fn kind(&self) -> Option<u32> {
        match self {
            Connector::AllToAll => Some(kind::ALL),
            Connector::OneToOne => Some(kind::ONE),
            Connector::FixedProbability(1.0) => Some(kind::ALL),
            Connector::FixedProbability(_) => Some(kind::PROBABILITY),
            Connector::FixedNumberPost(_) => Some(kind::FAN_OUT),
            _ => None,
        }
    }

    /// The synapses that end at one target at most: surely, or but for a chance that nobody lives to see.
    pub(super) fn most_of_target(&self, sources: usize, targets: usize) -> f64 {
        // Ten standard deviations of a Poisson distribution, and room for small means.
        let surely = |mean: f64| mean + 10.0 * mean.sqrt() + 40.0;
        let (all, n) = (sources as f64, targets as f64);
        match self {
            Connector::AllToAll => all,
            Connector::OneToOne => 1.0,
            Connector::FixedProbability(p) => surely(all * p).min(all),
            Connector::FixedNumberPost(count) => surely(all * *count as f64 / n).min(all * *count as f64),
            Connector::FixedNumberPre(count) => *count as f64,
            Connector::FixedTotalNumber(count) => surely(*count as f64 / n).min(*count as f64),
            Connector::FromList(list) => {
                let mut counts = vec![0u32; targets];
                list.iter().for_each(|synapse| counts[synapse.1] += 1);
                counts.into_iter().max().unwrap_or(0).into()
            }
        }
    }

    pub(super) fn check(&self, sources: usize, targets: usize, skips_self: bool) -> Result<()> {
        let alone = skips_self && targets == 1;
        match self {
            Connector::OneToOne if sources != targets => Err(Error::Request(format!(
                "one_to_one: expected as many targets as sources, {sources}, got {targets}"
            ))),
            Connector::OneToOne if skips_self => {
                Err(Error::Request("one_to_one: a cell that reaches none but itself must be allowed to".into()))
            }
            Connector::FixedProbability(p) if !(0.0..=1.0).contains(p) => {
                Err(Error::Request(format!("fixed_probability: expected between 0 and 1, got {p}")))
            }
            Connector::FixedNumberPost(_) | Connector::FixedNumberPre(_) | Connector::FixedTotalNumber(_) if alone => {
                Err(Error::Request(format!("{}: there is no cell but itself to reach", self.name())))
            }
            Connector::FixedNumberPost(count) | Connector::FixedNumberPre(count) if *count >= 1 << 29 => {
                Err(Error::Request(format!("{}: expected fewer than 2^29, got {count}", self.name())))
            }
            Connector::FromList(list) => list.iter().try_for_each(|&(from, to, weight, delay)| {
                if from >= sources || to >= targets {
                    let what = format!("expected sources below {sources} and targets below {targets}");
                    return Err(Error::Request(format!("from_list: {what}, got {from} to {to}")));
                }
                if !weight.is_finite() || !delay.is_finite() {
                    let what = "expected finite weights and delays";
                    return Err(Error::Request(format!(
                        "from_list: {what}, got {weight} and {delay} from {from} to {to}"
                    )));
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    }
}

/// Gaps of a table at most.
const MOST_GAPS: usize = 256;

/// Cumulative chances of gaps from one hit to the next, as what a random word is below: of so many as carry nearly all of
/// it. A gap beyond them is drawn in parts, which for a geometric distribution is the same.
pub(super) fn gap_chances(p: f64) -> Vec<u32> {
    let mut left = 1.0;
    let mut chances = Vec::new();
    while chances.len() < MOST_GAPS && left > 1e-9 {
        left *= 1.0 - p;
        chances.push(random_below(1.0 - left));
    }
    chances
}
