//! What a simulation did, written while it runs: memory does not grow with time, and files appear whole or not at all.

mod spikes;
mod traces;

pub use spikes::SpikeRecorder;
pub use traces::TraceRecorder;

use std::path::Path;

use crate::error::Result;
use crate::io::output::{NpyType, NpzWriter};

/// The time at which a step begins, ms. Where a millisecond has a whole number of steps it is the nearest number there is:
/// 0.3, not 0.30000000000000004.
pub(super) fn time_of(step: u64, dt: f64) -> f64 {
    let in_a_ms = (1.0 / dt).round();
    if in_a_ms >= 1.0 && (in_a_ms * dt - 1.0).abs() < 1e-12 { step as f64 / in_a_ms } else { step as f64 * dt }
}

/// An archive with what every recording says: the time step, and how long it is, both in ms.
struct Archive {
    npz: NpzWriter,
    dt: f64,
    duration: usize,
    end: u64,
}

impl Archive {
    fn create(path: &Path, dt: f64) -> Result<Archive> {
        let mut npz = NpzWriter::create(path)?;
        let step = npz.array("dt", NpyType::F64, &[])?;
        npz.write_row(step, &[dt][..])?;
        let duration = npz.array("duration", NpyType::F64, &[])?;
        Ok(Archive { npz, dt, duration, end: 0 })
    }

    fn commit(mut self) -> Result<()> {
        self.npz.write_row(self.duration, &[time_of(self.end, self.dt)][..])?;
        self.npz.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::time_of;

    #[test]
    fn times_are_the_nearest_numbers() {
        assert_eq!([time_of(3, 0.1), time_of(1_000_007, 0.1), time_of(3, 0.25)], [0.3, 100_000.7, 0.75]);
        assert_eq!([time_of(3, 0.3), time_of(7, 2.0)], [3.0 * 0.3, 14.0]);
    }
}
