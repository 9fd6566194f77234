//! What a GPU is asked for at most: in memory, and at once.

use super::adapters::AdapterInfo;

/// What a GPU is asked for at most. Results do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of working memory and of results on their way back: adapters do not say what they have. What does not fit
    /// runs in pieces, first of the batch, then of time.
    pub memory: u64,
    /// Dense operations of a dispatch, so that it ends well under a watchdog's 2 s.
    pub dispatch: u64,
    /// Dense operations of a submission, which desktops may take as one.
    pub submission: u64,
    /// Workgroups along one axis of a grid; the device may allow fewer.
    pub axis: u32,
}

impl Budget {
    /// What an adapter can be asked for: a card of its own is at least ten times as fast as the slowest there are.
    pub(super) fn of(info: &AdapterInfo) -> Budget {
        match info.kind {
            "discrete" => Budget { dispatch: 1 << 36, submission: 1 << 37, ..Budget::default() },
            _ => Budget::default(),
        }
    }

    /// For training, whose statistics are those of a whole batch: a card of its own says when its memory is at an end, unless
    /// less was asked for.
    pub(super) fn for_training(self, info: &AdapterInfo) -> Budget {
        if info.kind == "discrete" && self == Budget::of(info) { Budget { memory: u64::MAX, ..self } } else { self }
    }
}

impl Default for Budget {
    /// 2 GiB; a fifth of a second at 20 G operations/s in a dispatch, twice that in a submission.
    fn default() -> Self {
        Budget { memory: 2 << 30, dispatch: 1 << 32, submission: 1 << 33, axis: 65_535 }
    }
}
