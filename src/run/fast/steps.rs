//! Kernels whose steps of time do not depend on one another: those of a sample that is alone are shared out over the
//! threads there are.

use super::{Call, Run, tasks_of_values};
use crate::kernel::{Bindings, Edge, Window};
use crate::run::spread;

/// A kernel whose last slot is written, and which computes every step for itself.
pub(super) trait Steps: Run + Sync {
    /// The edges that its slots hold; `None`: what is the same in all steps.
    fn edges(&self) -> Vec<Option<Edge>>;
}

/// Runs it.
pub(super) fn run<K: Steps>(kernel: &K, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
    let edges = kernel.edges();
    let values = |edge: &Edge| if edge.series == 1 { edge.step_words() * window.steps } else { 0 };
    let tasks = tasks_of_values(edges.iter().flatten().map(values).max().unwrap_or(0)).min(window.steps);
    let (written, Some(Some(output))) = (edges.len().saturating_sub(1), edges.last()) else { return };
    if tasks < 2 || window.batch > 1 || output.series == 0 {
        return arch.dispatch(Call { kernel, window, slots });
    }
    let size = output.step_words();
    let of_task = window.steps.div_ceil(tasks);
    let to = &mut slots.words_mut(written)[window.start * size..][..window.steps * size];
    let (slots, start) = (&*slots, window.start);
    spread::each(to.chunks_mut(of_task * size).enumerate(), |(task, to)| {
        let window = Window { start: 0, steps: to.len() / size, ..window };
        let mut own = Bindings::default();
        for (slot, edge) in edges[..written].iter().enumerate() {
            let first = match edge {
                Some(edge) if edge.series == 1 => (start + task * of_task) * edge.step_words(),
                _ => 0,
            };
            own.push_read(&slots.words(slot)[first..]);
        }
        own.push_write(to);
        arch.dispatch(Call { kernel, window, slots: &mut own });
    });
}
