//! What lowering does besides in training: batch statistics, dropout, the loss.

use std::collections::HashMap;

use super::Lowering;
use crate::error::{Error, Result};
use crate::kernel::grad::{loss, mask, norm_factors, norm_merge, norm_moments, optimise, quantise};
use crate::kernel::{self, Edge, Kernel};
use crate::layer::BatchNorm;
use crate::plan::{Holds, LossMemory, Plan, Slot, TrainingRequest};

/// What training needs, as lowering goes on.
pub(in crate::network) struct Training<'a> {
    pub request: &'a TrainingRequest,
    /// The buffer of labels and seeds.
    pub facts: usize,
    /// The constant of the settings of a step.
    pub settings: usize,
    /// Where the loss and the output meet: known once the output is lowered.
    pub loss: Option<LossMemory>,
    /// Batch norms, by the constant of their factors.
    pub norms: HashMap<usize, Norm>,
    /// Dropouts so far.
    pub dropouts: u32,
    /// Weights as they are learned, by the constants of those as they are used, where these are quantised.
    pub exact: HashMap<usize, usize>,
}

/// Where a batch norm keeps what its gradients need.
#[derive(Clone, Debug)]
pub(in crate::network) struct Norm {
    pub layer: String,
    /// Offsets and factors that are learned; `None`: there are none.
    pub learned: Option<usize>,
    /// Means and inverse deviations.
    pub scales: usize,
    /// Running statistics.
    pub running: usize,
}

impl<'a> Lowering<'a> {
    /// This lowering, for training.
    pub fn for_training(mut self, request: &'a TrainingRequest) -> Self {
        let words = Edge { cells: 1, channels: loss::FACTS as u32, planes: 0, series: 0 };
        let facts = self.buffer("facts", Holds::Edge(words), true);
        let settings = self.zeros("settings", optimise::SETTINGS);
        self.training = Some(Training {
            request,
            facts,
            settings,
            loss: None,
            norms: HashMap::new(),
            dropouts: 0,
            exact: HashMap::new(),
        });
        self
    }

    /// A constant of so many zeros.
    fn zeros(&mut self, name: impl Into<String>, count: usize) -> usize {
        self.constant(name, vec![0; count]);
        self.plan.constants.len() - 1
    }

    /// The weights that a layer uses: in training those as they would be after quantisation, where that is asked for.
    pub(super) fn used_weights(&mut self, node: usize, weights: Slot, params: quantise::Params) -> Slot {
        let bits = self.training.as_ref().and_then(|training| training.request.weight_bits);
        let (Some(bits), Slot::Constant(exact)) = (bits, weights) else { return weights };
        let count = self.plan.constants[exact].words.len();
        let used = self.zeros(format!("{}.q", self.graph.nodes[node].name), count);
        let kernel = Kernel::Quantise(quantise::Params { largest: quantise::largest(bits), ..params });
        self.emit(node, kernel, vec![weights, Slot::Constant(used)], format!("{bits} bits"));
        if let Some(training) = &mut self.training {
            training.exact.insert(used, exact);
        }
        Slot::Constant(used)
    }

    /// Batch norm with the statistics of the batch.
    pub(super) fn batch_norm_in_training(&mut self, node: usize, norm: &BatchNorm) -> Result<()> {
        let graph = self.graph;
        let name = graph.nodes[node].name.clone();
        if self.cycle.is_some() {
            let message = "is in a cycle: its statistics would be those of a single step, take it out or fold it";
            return Err(Error::layer(name, message));
        }
        let value = self.input_of(node)?;
        let channels = value.edge.channels;
        if channels as usize != graph.nodes[node].shape[0] || !value.edge.is_real() {
            return Err(Error::layer(name, "can only be trained behind a convolution or a linear layer"));
        }
        let per_step = Edge { cells: 1, channels: 2 * channels, planes: 0, series: value.edge.series };
        let moments = self.buffer(format!("{name}.moments"), Holds::Edge(per_step), false);
        let kernel = Kernel::NormMoments(norm_moments::Params { input: value.edge, output: per_step });
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), Slot::Buffer(moments)], "");
        let merged = self.zeros(format!("{name}.merged"), 2 * channels as usize + 1);
        let kernel = Kernel::NormMerge(norm_merge::Params { input: per_step, cells: value.edge.cells });
        self.emit(node, kernel, vec![Slot::Buffer(moments), Slot::Constant(merged)], "");

        let count = channels as usize;
        let of = |tensor: &Option<crate::Tensor>, default: f32| {
            tensor.as_ref().map_or_else(|| vec![default; count], |tensor| tensor.data().to_vec())
        };
        let pairs = of(&norm.bias, 0.0).into_iter().zip(of(&norm.weight, 1.0)).flat_map(|(b, w)| [b, w]);
        let learned = norm.affine.then(|| {
            self.constant(format!("{name}.learned"), super::words(pairs));
            self.plan.constants.len() - 1
        });
        let statistics = [of(&norm.running_mean, 0.0), of(&norm.running_var, 1.0)].concat().repeat(2);
        self.constant(format!("{name}.running"), super::words(statistics));
        let running = self.plan.constants.len() - 1;
        let factors = self.zeros(format!("{name}.factors"), 2 * count);
        let scales = self.zeros(format!("{name}.scales"), 2 * count + 1);
        let repeats = if value.edge.series == 1 { 1 } else { self.request.steps as u32 };
        let (eps, momentum, learns) = (norm.eps as f32, norm.momentum as f32, u32::from(norm.affine));
        let kernel = Kernel::NormFactors(norm_factors::Params { channels, repeats, eps, momentum, learns });
        let bind = vec![
            Slot::Constant(merged),
            learned.map_or(Slot::Empty, Slot::Constant),
            Slot::Constant(running),
            Slot::Constant(factors),
            Slot::Constant(scales),
        ];
        self.emit(node, kernel, bind, "");

        let output = self.output(node, value.size, channels);
        let kernel = Kernel::Affine(kernel::affine::Params { input: value.edge, output: output.edge, grain: 1 });
        let bind = vec![Slot::Buffer(value.buffer), Slot::Constant(factors), Slot::Buffer(output.buffer)];
        self.emit(node, kernel, bind, "batch norm");
        if let Some(training) = &mut self.training {
            training.norms.insert(factors, Norm { layer: name, learned, scales, running });
        }
        Ok(())
    }

    pub(super) fn dropout(&mut self, node: usize, p: f32) -> Result<()> {
        let same = self.training.as_ref().is_some_and(|training| training.request.same_dropout);
        let Some(training) = &mut self.training else { return Ok(()) };
        let (stream, facts) = (training.dropouts, training.facts);
        training.dropouts += 1;
        let name = &self.graph.nodes[node].name;
        if !(0.0..1.0).contains(&p) {
            return Err(Error::layer(name, format!("expected a probability from 0 to below 1, got {p}")));
        }
        let value = self.input_of(node)?;
        let output = self.output(node, value.size, value.edge.channels);
        let kept = 1.0 - f64::from(p);
        let kernel = Kernel::Mask(mask::Params {
            input: value.edge,
            output: output.edge,
            keep: (kept * f64::from(u32::MAX)) as u32,
            scale: (1.0 / kept) as f32,
            stream,
            same: u32::from(same),
        });
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), Slot::Buffer(facts), Slot::Buffer(output.buffer)], "");
        Ok(())
    }

    /// The loss, and what lowering has made.
    pub fn with_loss(mut self) -> Result<(Plan, Training<'a>)> {
        let output = self.graph.output;
        let value = self.value(output)?;
        let Some(mut training) = self.training.take() else {
            return Err(Error::Request("a plan for training was expected".into()));
        };
        self.plan.score_shape = self.graph.nodes[output].shape.clone();
        let gradient = Edge { planes: 0, ..value.edge };
        let buffer = self.buffer("loss.grad", Holds::Edge(gradient), false);
        let Some(kind) = training.request.loss else {
            // The host reads the one and fills the other between two parts of the plan.
            [value.buffer, buffer].into_iter().for_each(|of_host| self.plan.buffers[of_host].permanent = true);
            training.loss = Some(LossMemory::Own { output: value.buffer, gradient: buffer });
            self.plan.scores = value.buffer;
            return Ok((self.plan, training));
        };
        let results = Edge { cells: 1, channels: loss::RESULTS as u32, planes: 0, series: 0 };
        let results = self.buffer("results", Holds::Edge(results), true);
        let kernel = Kernel::Loss(loss::Params {
            input: value.edge,
            output: gradient,
            kind: kind as u32,
            over: training.request.over as u32,
            repeats: if value.edge.series == 1 { 1 } else { self.request.steps as u32 },
        });
        let bind = vec![
            Slot::Buffer(value.buffer),
            Slot::Buffer(training.facts),
            Slot::Constant(training.settings),
            Slot::Buffer(results),
            Slot::Buffer(buffer),
        ];
        self.emit(output, kernel, bind, "");
        training.loss = Some(LossMemory::Computed { results });
        self.plan.scores = results;
        Ok((self.plan, training))
    }
}
