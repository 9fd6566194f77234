//! Spikes as `.npz` or CSV.

use std::io::Write;
use std::path::Path;

use super::{Archive, time_of};
use crate::circuit::Circuit;
use crate::error::{Error, Result};
use crate::io::output::{AtomicFile, NpyType};
use crate::run::Activity;

/// Spikes that are gathered before they are written: some megabyte.
const GATHERED: usize = 1 << 16;

/// Writes spikes: in an `.npz` the arrays `NAME.times` (ms, f64) and `NAME.cells` (u32) of every population, by time, with
/// `dt` and `duration` (ms); in a CSV file rows of time, population and cell. A spike has the time at which its step begins.
///
/// ```
/// # use saltatory::circuit::{Circuit, Population};
/// # use saltatory::neuron::cell::models::SpikeSourcePoisson;
/// use saltatory::run::{Simulation, SimulationOptions, SpikeRecorder};
/// # let path = std::env::temp_dir().join(format!("saltatory-doc-{}.npz", std::process::id()));
///
/// let circuit = Circuit::new(1).population(Population::new("noise", 10, SpikeSourcePoisson { rate: 50.0 }));
/// let mut recorder = SpikeRecorder::create(&path, &circuit, 0.1, &[0])?;
/// let mut simulation = Simulation::new(circuit, 0.1, &SimulationOptions::default())?;
/// simulation.advance(10_000, |activity| recorder.record(activity))?;
/// recorder.commit()?;
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), saltatory::Error>(())
/// ```
pub struct SpikeRecorder {
    dt: f64,
    form: Form,
    /// For each population of the circuit what is written of it.
    populations: Vec<Option<Gathered>>,
}

enum Form {
    Npz(Archive),
    Csv(AtomicFile),
}

/// Spikes of a population on their way to the file.
struct Gathered {
    /// The name, as it stands in CSV.
    name: String,
    /// Its arrays.
    arrays: [usize; 2],
    times: Vec<f64>,
    cells: Vec<u32>,
}

impl SpikeRecorder {
    /// Begins a file, by its name `.npz` or `.csv`, for some populations of a circuit that runs in steps of `dt` ms.
    ///
    /// # Errors
    /// [`Error::File`] for another name, and where a population's name cannot be that of an array; [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, circuit: &Circuit, dt: f64, populations: &[usize]) -> Result<SpikeRecorder> {
        let path = path.as_ref();
        let is = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
        let mut form = if is("npz") {
            Form::Npz(Archive::create(path, dt)?)
        } else if is("csv") {
            let mut file = AtomicFile::create(path)?;
            writeln!(file, "time,population,cell").map_err(|e| Error::io(path, e))?;
            Form::Csv(file)
        } else {
            return Err(Error::file(path, "expected the name of a .npz or .csv file for spikes"));
        };
        let mut gathered = Vec::new();
        for (at, population) in circuit.populations.iter().enumerate() {
            if !populations.contains(&at) {
                gathered.push(None);
                continue;
            }
            let name = &population.name;
            let arrays = match &mut form {
                Form::Npz(Archive { npz, .. }) => [
                    npz.array(&format!("{name}.times"), NpyType::F64, &[])?,
                    npz.array(&format!("{name}.cells"), NpyType::U32, &[])?,
                ],
                Form::Csv(_) => [0; 2],
            };
            gathered.push(Some(Gathered { name: quoted(name), arrays, times: Vec::new(), cells: Vec::new() }));
        }
        Ok(SpikeRecorder { dt, form, populations: gathered })
    }

    /// Writes what happened.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    pub fn record(&mut self, activity: &Activity<'_>) -> Result<()> {
        let SpikeRecorder { dt, form, populations } = self;
        for (step, population, cell) in activity.spikes() {
            let Some(Some(gathered)) = populations.get_mut(population) else { continue };
            let time = time_of(step, *dt);
            match form {
                Form::Csv(file) => {
                    writeln!(file, "{time},{},{cell}", gathered.name).map_err(|e| Error::io(file.target(), e))?;
                }
                Form::Npz(archive) => {
                    gathered.times.push(time);
                    gathered.cells.push(cell as u32);
                    if gathered.times.len() == GATHERED {
                        gathered.write(archive)?;
                    }
                }
            }
        }
        if let Form::Npz(archive) = form {
            archive.end = activity.first_step + activity.steps as u64;
            populations.iter_mut().flatten().try_for_each(|gathered| gathered.write(archive))?;
        }
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`]; the file that was there before is then untouched.
    pub fn commit(self) -> Result<()> {
        match self.form {
            Form::Npz(archive) => archive.commit(),
            Form::Csv(file) => file.commit(),
        }
    }
}

impl Gathered {
    fn write(&mut self, archive: &mut Archive) -> Result<()> {
        archive.npz.write_rows(self.arrays[0], &self.times[..])?;
        archive.npz.write_rows(self.arrays[1], &self.cells[..])?;
        self.times.clear();
        self.cells.clear();
        Ok(())
    }
}

/// A name as a field of CSV.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}
