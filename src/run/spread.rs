//! Work that is shared out over threads without waiting for them.
//!
//! It takes 50 to 100 us until a sleeping thread runs, as long as many a layer takes in all. So the calling thread does not
//! hand its work over: it begins, and whoever wakes up meanwhile takes from what is left.

use std::sync::Mutex;

/// Runs a function on each of some pieces, on this thread and on those that come to help. Results must not depend on which
/// thread has which.
pub(super) fn each<T: Send>(pieces: impl ExactSizeIterator<Item = T> + Send, run: impl Fn(T) + Sync) {
    let helpers = rayon::current_num_threads().min(pieces.len()).saturating_sub(1);
    if helpers == 0 {
        return pieces.for_each(run);
    }
    let left = Mutex::new(pieces);
    let take = || left.lock().ok().and_then(|mut left| left.next());
    let work = || {
        while let Some(piece) = take() {
            run(piece);
        }
    };
    rayon::in_place_scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| work());
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_piece_is_taken_once() {
        for count in [0, 1, 2, 100] {
            let taken: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
            super::each(taken.iter(), |piece| {
                piece.fetch_add(1, Ordering::Relaxed);
            });
            assert!(taken.iter().all(|piece| piece.load(Ordering::Relaxed) == 1), "{count}");
        }
    }
}
