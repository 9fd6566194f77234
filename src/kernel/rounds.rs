//! Loop rounds of one shader invocation at most: some drivers silently end loops that take too many.

use super::{Edge, Kernel, words_of};

/// Steps of a chunk in `shared_current.wgsl` and in `split_current.wgsl`, and block sums that the latter keeps.
const SHARED_CHUNK: u64 = 4;
const SPLIT_CHUNK: u64 = 8;
const SPLIT_KEPT: u64 = 32;

/// Invocations that share the words of a list of spikes.
const COMPACT_LANES: u64 = 256;
/// Searches in tables, and changes of a current: a few of them.
const CELL_LOOPS: u64 = 256;
/// Synapses of a source that an invocation takes, of many sources.
const OWN_SYNAPSES: u64 = 64;

/// Rounds of an invocation if all cells fire.
fn events(cells: u32, groups: u32) -> u64 {
    u64::from(cells.div_ceil(groups.max(1))) * (1 + OWN_SYNAPSES)
}

/// Rounds of the canonical sum over so many inputs of a cell.
fn cell(edge: &Edge, inputs: u64) -> u64 {
    let words = words_of(inputs as usize) as u64;
    if edge.is_real() { words + inputs } else { words * (1 + 33 * u64::from(edge.planes)) }
}

impl Kernel {
    /// Rounds over all loops of one invocation of the shader, for so many steps, if nothing were zero.
    pub fn rounds(&self, steps: usize) -> u64 {
        let steps = steps as u64;
        // A loop over one plane is none.
        let read = |edge: &Edge| if edge.planes > 1 { u64::from(edge.planes) } else { 0 };
        let element = |edge: &Edge, each: u64| {
            let channels = u64::from(edge.channels.min(32));
            if edge.is_real() { each } else { channels * (1 + each + read(edge)) + read(edge) }
        };
        let linear = |edge: &Edge| u64::from(edge.cells) * (1 + cell(edge, u64::from(edge.channels)));
        // Each for its own neuron, or for steps in chunks of so many, `chunk` rounds each.
        let neurons = |pool: [u32; 2], input: &Edge, current: u64, shared: Option<(u64, u64)>| {
            let cells = u64::from(pool[0]) * u64::from(pool[1]);
            let times = if input.series == 1 { steps } else { 1 };
            let currents = shared.map_or(times * current, |(of, chunk)| steps.div_ceil(of) * (1 + chunk));
            cells * (1 + steps * 34 + currents) + 33 * steps
        };
        let wide = self.frame().is_some_and(|frame| frame.wide > 1);
        match self {
            Kernel::Conv(p) if p.is_product() => {
                let g = &p.geometry;
                let chunks = u64::from(g.input.channels / g.groups).div_ceil(super::conv::CHUNK);
                u64::from(g.kernel[0] * g.kernel[1]) * chunks * (16 + super::conv::CHUNK * 5) + 32
            }
            Kernel::Conv(p) => p.geometry.rounds() + 4,
            Kernel::Linear(p) if p.is_by_steps() => {
                let words = u64::from(p.input.cells) * words_of(p.input.channels as usize) as u64;
                words * (9 + 32 * 5) + 48
            }
            Kernel::Linear(p) => linear(&p.input) + 4,
            Kernel::ConvSpike(p) => {
                // An invocation sums once in a chunk.
                let current = p.geometry.rounds();
                neurons(p.pool, &p.geometry.input, current, wide.then_some((SHARED_CHUNK, current)))
            }
            Kernel::LinearSpike(p) => {
                let words = u64::from(p.input.cells) * words_of(p.input.channels as usize) as u64;
                let passes = words.div_ceil(SPLIT_KEPT / SPLIT_CHUNK * 8);
                // Twice 8 words, then what was kept is added; with lists, the steps of each are looked for.
                let searches = if p.most_events > 0 { 3 * SPLIT_CHUNK } else { 0 };
                let pass = 2 * (1 + 8 * (1 + cell(&p.input, 32))) + SPLIT_CHUNK + SPLIT_KEPT + searches;
                let chunk = passes * (1 + pass) + SPLIT_CHUNK + u64::from(p.most_events.div_ceil(4));
                neurons([1, 1], &p.input, linear(&p.input), wide.then_some((SPLIT_CHUNK, chunk)))
            }
            // Spikes are turned round, then synapses taken four at a time.
            Kernel::Sparse(p) if p.input.planes == 1 => {
                let words = p.input.step_words() as u64;
                2 * u64::from(p.most) + 2 * words + 4 * words.div_ceil(256) + 16
            }
            Kernel::Sparse(p) => {
                // Each in a word of its own: begun, left, and taken in every plane for steps side by side.
                let chunk = super::sparse::CHUNK as u64;
                u64::from(p.most) * (2 + chunk + u64::from(p.input.planes.max(1)) * (2 + chunk)) + 3 * chunk
            }
            Kernel::Membrane(p) => neurons(p.pool, &p.input, u64::from(p.input.planes), None),
            Kernel::RecurrentSpike(p) => {
                let lanes = u64::from(super::recurrent_spike::frame(p).size);
                let each = u64::from(p.population.output.channels).div_ceil(lanes);
                steps * (4 + each * (1 + linear(&p.population.output))) + 4 * each
            }
            Kernel::Pool(p) => {
                let window = u64::from(p.kernel[0]) * u64::from(p.kernel[1]);
                element(&p.output, u64::from(p.kernel[0]) + window * (1 + read(&p.input)))
            }
            Kernel::Count(p) => (2 + steps) * (1 + u64::from(p.output.planes)),
            Kernel::Readout(p) => steps * (1 + u64::from(p.input.planes)),
            Kernel::Add(p) => element(&p.output, read(&p.left) + read(&p.right)),
            Kernel::Affine(p) => element(&p.output, read(&p.input)),
            Kernel::Reorder(p) => element(&p.output, read(&p.input)),
            Kernel::Meter(p) => 33 * (1 + u64::from(p.input.planes)) + 8,
            Kernel::Delay(_) | Kernel::DelayPush(_) | Kernel::Probe(_) => 33,
            Kernel::Compact(p) => 34 * (p.input.step_words() as u64).div_ceil(COMPACT_LANES) + 9,
            Kernel::Cells(p) => 2 * u64::from(p.ring) + CELL_LOOPS,
            Kernel::Propagate(p) => events(p.cells, p.groups),
            Kernel::Regenerate(p) => events(p.cells, p.groups) * (1 + u64::from(p.rules)),
            _ => self.rounds_of_training(steps),
        }
    }
}

impl Kernel {
    /// Of a kernel of training; of one that sums over samples: for each.
    fn rounds_of_training(&self, steps: u64) -> u64 {
        let times = |edge: &Edge| if edge.series == 1 { steps } else { 1 };
        let read = |edge: &Edge| u64::from(edge.planes);
        let elements = |edge: &Edge| edge.elements() as u64;
        // Up to 32 places come near at once, and are added up in up to four columns.
        let product = |places: u64, planes: u64| (places + 32) * (6 + planes) + 32;
        let area = |sides: [u32; 2]| u64::from(sides[0]) * (1 + u64::from(sides[1]));
        match self {
            Kernel::BatchSum(p) => times(&p.input) * (1 + elements(&p.input).div_ceil(p.sums() as u64)),
            Kernel::ConvInput(p) => {
                let taps = u64::from(p.geometry.kernel[0] * p.geometry.kernel[1]);
                let outputs = u64::from(p.geometry.out_channels / p.geometry.groups);
                // In chunks of 16, whose weights are first brought near.
                4 + taps * (1 + outputs + outputs.div_ceil(16) * 17)
            }
            Kernel::ConvWeight(p) => product(times(&p.gradient) * u64::from(p.gradient.cells), read(&p.geometry.input)),
            Kernel::DelayInput(_) | Kernel::TimeSum(_) => steps,
            Kernel::LinearWeight(p) => product(times(&p.gradient), read(&p.input)),
            Kernel::Loss(p) => elements(&p.input) * times(&p.input) * (6 + 2 * read(&p.input)) + 8 * elements(&p.input),
            Kernel::Mask(p) => read(&p.input),
            Kernel::MembraneInput(p) => steps * (6 + 3 * read(&p.input) + 8 * u64::from(p.learns)) + 8,
            Kernel::NormFactors(p) => u64::from(p.channels).div_ceil(64),
            Kernel::NormMerge(p) => times(&p.input),
            Kernel::NormMoments(p) => 2 * u64::from(p.input.cells),
            Kernel::NormSums(p) => u64::from(p.input.cells),
            Kernel::PoolInput(p) => {
                let above = [0, 1].map(|axis| p.pool.kernel[axis].div_ceil(p.pool.stride[axis]));
                area(above) * (1 + if p.pool.max == 1 { area(p.pool.kernel) * (1 + read(&p.pool.input)) } else { 0 })
            }
            Kernel::Quantise(p) => 2 * u64::from(p.inputs),
            // In rounds of 256 blocks of 256.
            Kernel::SquareSum(p) => u64::from(p.count).div_ceil(1 << 16) * 513,
            _ => 0,
        }
    }
}

impl super::conv::Geometry {
    /// Rounds for the current of one output.
    fn rounds(&self) -> u64 {
        let (height, width) = (u64::from(self.kernel[0]), u64::from(self.kernel[1]));
        let inputs = u64::from(self.input.channels / self.groups);
        height * (1 + width * (1 + cell(&self.input, inputs)))
    }
}
