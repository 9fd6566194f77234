//! What probed cells remember, as `.npz`.

use std::path::Path;

use super::Archive;
use crate::circuit::Circuit;
use crate::error::{Error, Result};
use crate::io::output::NpyType;
use crate::kernel::probe::PROBE_VALUES;
use crate::run::Activity;

/// What is recorded of a cell: potential, adaptation, excitatory and inhibitory synapse.
const VALUES: [&str; PROBE_VALUES] = ["v", "w", "e", "i"];

/// Writes what the probed cells of each population remember after every step: arrays `NAME.v`, `NAME.w`, `NAME.e` and
/// `NAME.i`, `[steps, cells]` of f32, with the numbers of the cells in `NAME.cells`, and `dt` and `duration` (ms).
pub struct TraceRecorder {
    archive: Archive,
    /// Of every population that is probed: its first probe, how many, its arrays.
    populations: Vec<(usize, usize, [usize; PROBE_VALUES])>,
    /// One population's values of a window, time by time.
    column: Vec<f32>,
}

impl TraceRecorder {
    /// Begins an `.npz` file for the probes of a circuit that runs in steps of `dt` ms.
    ///
    /// # Errors
    /// [`Error::File`] for another name, where no cell is probed, and where a population's name cannot be that of an array;
    /// [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, circuit: &Circuit, dt: f64) -> Result<TraceRecorder> {
        let path = path.as_ref();
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
            return Err(Error::file(path, "expected the name of a .npz file for traces"));
        }
        if circuit.populations.iter().all(|population| population.probes.is_empty()) {
            return Err(Error::file(path, "there are no traces: no population has `probes`"));
        }
        let mut archive = Archive::create(path, dt)?;
        let (mut populations, mut first) = (Vec::new(), 0);
        for population in circuit.populations.iter().filter(|population| !population.probes.is_empty()) {
            let (name, count) = (&population.name, population.probes.len());
            let npz = &mut archive.npz;
            let cells = npz.array(&format!("{name}.cells"), NpyType::U32, &[])?;
            let numbers: Vec<u32> = population.probes.iter().map(|&cell| cell as u32).collect();
            npz.write_rows(cells, &numbers[..])?;
            let mut arrays = [0; PROBE_VALUES];
            for (array, value) in arrays.iter_mut().zip(VALUES) {
                *array = npz.array(&format!("{name}.{value}"), NpyType::F32, &[count])?;
            }
            populations.push((first, count, arrays));
            first += count;
        }
        Ok(TraceRecorder { archive, populations, column: Vec::new() })
    }

    /// Writes what happened.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    pub fn record(&mut self, activity: &Activity<'_>) -> Result<()> {
        for &(first, count, arrays) in &self.populations {
            for (value, array) in arrays.into_iter().enumerate() {
                let cells = activity.probes().flat_map(|probes| &probes[first..first + count]);
                self.column.clear();
                self.column.extend(cells.map(|of| of[value]));
                self.archive.npz.write_rows(array, &self.column[..])?;
            }
        }
        self.archive.end = activity.first_step + activity.steps as u64;
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`]; the file that was there before is then untouched.
    pub fn commit(self) -> Result<()> {
        self.archive.commit()
    }
}
