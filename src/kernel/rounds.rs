//! Loop rounds of one shader invocation at most: some drivers silently end loops that take too many.

use super::{Edge, Kernel, words_of};

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
        let neurons = |pool: [u32; 2], input: &Edge, current: u64| {
            let cells = u64::from(pool[0]) * u64::from(pool[1]);
            let times = if input.series == 1 { steps } else { 1 };
            cells * (1 + steps * 34 + times * current) + 33 * steps
        };
        match self {
            Kernel::Conv(p) => p.geometry.rounds(),
            Kernel::Linear(p) => linear(&p.input),
            Kernel::ConvSpike(p) => neurons(p.pool, &p.geometry.input, p.geometry.rounds()),
            Kernel::LinearSpike(p) => neurons([1, 1], &p.input, linear(&p.input)),
            Kernel::Membrane(p) => neurons(p.pool, &p.input, u64::from(p.input.planes)),
            Kernel::RecurrentSpike(p) => {
                let lanes = u64::from(super::recurrent_spike::lanes(p));
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
            Kernel::Delay(_) | Kernel::DelayPush(_) => 33,
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
