//! Lists of the inputs that fire, for linear layers whose device is quicker with them where these are few.

use super::{Lowering, Value};
use crate::kernel::{Kernel, MOST_STEPS, compact};
use crate::plan::{Holds, LinearSize, Slot};

impl Lowering<'_> {
    /// The lists of a linear layer's inputs, and the most events that one holds; `Slot::Empty` and 0 where it reads words
    /// in every step: counts and reals have more to them than who fired, a constant input is summed once, and on the way
    /// back training wants sums of its own.
    pub(super) fn event_lists(&mut self, node: usize, value: &Value, outputs: usize) -> (Slot, u32) {
        let edge = value.edge;
        let steps = if self.cycle.is_some() { 1 } else { self.request.window_steps().min(MOST_STEPS) };
        let size = LinearSize { inputs: edge.elements(), outputs, steps };
        let fits = self.training.is_none() && edge.planes == 1 && edge.series == 1;
        let share = if fits { self.request.event_lists.share(size.inputs, || (self.measured)(size)) } else { None };
        let Some((share, most)) = share.map(|share| (share, share.events(size.inputs))).filter(|(_, most)| *most > 0)
        else {
            return (Slot::Empty, 0);
        };
        let name = format!("{}.events", self.graph.nodes[node].name);
        let lists = self.buffer(name, Holds::Lists(most as usize), false);
        let kernel = Kernel::Compact(compact::Params { input: edge, most, series: 1 });
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), Slot::Buffer(lists)], share.to_string());
        (Slot::Buffer(lists), most)
    }
}
