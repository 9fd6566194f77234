//! Which buffers may share memory: those whose lives do not overlap.

use super::Plan;

/// Gives every buffer a slot. A buffer lives from its first to its last use; one touched in a loop lives as long as
/// the loop; permanent ones never share.
pub(super) fn place(plan: &mut Plan) {
    let lives = lives(plan);
    let steps = plan.window_steps();
    let mut slots: Vec<usize> = Vec::new();
    // When the slot is free again; a slot of a permanent buffer never is.
    let mut free_at: Vec<usize> = Vec::new();
    let mut order: Vec<usize> = (0..plan.buffers.len()).collect();
    order.sort_by_key(|&b| lives[b].0);
    for b in order {
        let words = plan.buffers[b].holds.words(steps, 1);
        let (from, to) = if plan.buffers[b].permanent { (0, usize::MAX) } else { lives[b] };
        let fits = |s: &usize| free_at[*s] <= from && !plan.buffers[b].permanent;
        // The smallest that is large enough, else the largest there is, which then grows.
        let best = (0..slots.len())
            .filter(fits)
            .min_by_key(|&s| if slots[s] >= words { (0, slots[s]) } else { (1, usize::MAX - slots[s]) });
        let slot = best.unwrap_or_else(|| {
            slots.push(0);
            free_at.push(0);
            slots.len() - 1
        });
        slots[slot] = slots[slot].max(words);
        free_at[slot] = to;
        plan.buffers[b].slot = slot;
    }
    plan.slots = slots;
}

/// For every buffer the stage of its first use and the one after its last.
pub(super) fn lives(plan: &Plan) -> Vec<(usize, usize)> {
    let mut lives = vec![(usize::MAX, 0); plan.buffers.len()];
    for (at, stage) in plan.stages.iter().enumerate() {
        for (buffer, _) in stage.steps().iter().flat_map(Plan::touched) {
            lives[buffer].0 = lives[buffer].0.min(at);
            lives[buffer].1 = at + 1;
        }
    }
    // The input is written before the first stage.
    lives[plan.input].0 = 0;
    lives
}
