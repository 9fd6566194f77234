//! The pictures of a simulation.

use std::path::{Path, PathBuf};

use saltatory::circuit::Statistics;
use saltatory::plot::{Matrix, Raster, Traces, histogram};
use saltatory::run::Activity;
use saltatory::{Error, Result};

use super::Arguments;
use super::setup::Setup;

/// Pictures in the making.
pub struct Pictures {
    raster: Option<(PathBuf, Raster)>,
    traces: Option<(PathBuf, Traces)>,
    histogram: Option<PathBuf>,
    /// Names of the populations that are drawn, and for each of the circuit its place among them.
    names: Vec<(usize, String)>,
    places: Vec<Option<usize>>,
    /// For each population the cells that are probed; those before it.
    probes: Vec<(usize, Vec<usize>)>,
}

impl Pictures {
    /// Looks at the paths. The matrix is drawn at once: it does not depend on what happens.
    pub fn new(arguments: &Arguments, setup: &Setup) -> Result<Pictures> {
        let Setup { circuit, dt, shown, drawn, .. } = setup;
        for (option, path) in arguments.pictures() {
            check(option, path)?;
        }
        let populations =
            || shown.iter().map(|&at| (circuit.populations[at].name.as_str(), circuit.populations[at].size));
        let mut first = 0;
        let probes: Vec<(usize, Vec<usize>)> = circuit
            .populations
            .iter()
            .map(|population| {
                first += population.probes.len();
                (first - population.probes.len(), population.probes.clone())
            })
            .collect();
        let traces = arguments.traces.clone().map(|path| {
            if first == 0 {
                let message = "no cell is probed: give `--probe POPULATION:0,1,2`, or `probes` in the file";
                return Err(Error::Request(format!("--traces: {message}")));
            }
            let named = |population: &saltatory::circuit::Population| {
                let name = population.name.clone();
                population.probes.iter().map(move |cell| format!("{name} {cell}")).collect::<Vec<_>>()
            };
            Ok((path, Traces::new(circuit.populations.iter().flat_map(named), *dt, drawn.clone())))
        });
        let pictures = Pictures {
            raster: arguments.raster.clone().map(|path| (path, Raster::new(populations(), *dt, drawn.clone()))),
            traces: traces.transpose()?,
            histogram: arguments.histogram.clone(),
            names: shown.iter().map(|&at| (at, circuit.populations[at].name.clone())).collect(),
            places: (0..circuit.populations.len()).map(|at| shown.iter().position(|&other| other == at)).collect(),
            probes,
        };
        if let Some(path) = &arguments.matrix {
            Matrix::of(circuit, *dt)?.draw(path, &setup.name)?;
        }
        Ok(pictures)
    }

    /// Looks at a window.
    pub fn see(&mut self, activity: &Activity<'_>) {
        if let Some((_, traces)) = &mut self.traces {
            for (step, probes) in (activity.first_step..).zip(activity.probes()) {
                traces.step(step, probes.iter().map(|values| values[0]));
            }
        }
        if self.raster.is_none() && self.traces.is_none() {
            return;
        }
        for (step, population, cell) in activity.spikes() {
            if let (Some((_, raster)), Some(place)) = (&mut self.raster, self.places[population]) {
                raster.spike(step, place, cell);
            }
            if let Some((_, traces)) = &mut self.traces {
                let (first, probes) = &self.probes[population];
                if let Some(at) = probes.iter().position(|&probe| probe == cell) {
                    traces.spike(step, first + at);
                }
            }
        }
    }

    /// Draws what happened.
    pub fn write(self, statistics: &Statistics, about: &str) -> Result<()> {
        let end = statistics.steps();
        if let Some((path, mut raster)) = self.raster {
            raster.end(end);
            raster.draw(path, about)?;
        }
        if let Some((path, mut traces)) = self.traces {
            traces.end(end);
            traces.draw(path, about)?;
        }
        if let Some(path) = self.histogram {
            let rates = self.names.into_iter().map(|(at, name)| (name, statistics.rates(at).collect()));
            histogram(path, about, &rates.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// Refuses a name that does not end in `.png`, and a folder that is not there.
fn check(option: &str, path: &Path) -> Result<()> {
    let fault = |what| Err(Error::Request(format!("{option} {}: {what}", path.display())));
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return fault("expected a file that ends in .png");
    }
    if !path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
        return fault("its folder is not there");
    }
    Ok(())
}
