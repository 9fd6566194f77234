//! What is kept of a simulation while it runs, and written at its end.

use saltatory::circuit::Statistics;
use saltatory::run::{Activity, SpikeRecorder, TraceRecorder};
use saltatory::{Error, Result};

use super::Arguments;
use super::pictures::Pictures;
use super::setup::Setup;

/// Everything that looks at what happens.
pub struct Outputs {
    pub statistics: Statistics,
    spikes: Option<SpikeRecorder>,
    traces: Option<TraceRecorder>,
    pictures: Pictures,
}

impl Outputs {
    /// Begins every file, so that what cannot be written is known before anything runs.
    pub fn create(arguments: &Arguments, setup: &Setup) -> Result<Outputs> {
        apart(arguments)?;
        let Setup { circuit, dt, shown, .. } = setup;
        let spikes = |path| SpikeRecorder::create(path, circuit, *dt, shown);
        let traces = |path| TraceRecorder::create(path, circuit, *dt);
        Ok(Outputs {
            statistics: Statistics::of(circuit, *dt),
            spikes: arguments.record.as_ref().map(spikes).transpose()?,
            traces: arguments.record_traces.as_ref().map(traces).transpose()?,
            pictures: Pictures::new(arguments, setup)?,
        })
    }

    /// Looks at a window.
    pub fn see(&mut self, activity: &Activity<'_>) -> Result<()> {
        for (step, population, cell) in activity.spikes() {
            self.statistics.spike(step, population, cell);
        }
        self.statistics.advance(activity.steps as u64);
        if let Some(spikes) = &mut self.spikes {
            spikes.record(activity)?;
        }
        if let Some(traces) = &mut self.traces {
            traces.record(activity)?;
        }
        self.pictures.see(activity);
        Ok(())
    }

    /// Gives all files their names, of a simulation that came to its end or was stopped.
    pub fn finish(self, about: &str) -> Result<Statistics> {
        if let Some(spikes) = self.spikes {
            spikes.commit()?;
        }
        if let Some(traces) = self.traces {
            traces.commit()?;
        }
        self.pictures.write(&self.statistics, about)?;
        Ok(self.statistics)
    }
}

/// Refuses two outputs in one file.
fn apart(arguments: &Arguments) -> Result<()> {
    let given: Vec<_> = arguments.outputs().collect();
    for (at, (option, path)) in given.iter().enumerate() {
        if let Some((other, _)) = given[..at].iter().find(|(_, other)| other == path) {
            return Err(Error::Request(format!(
                "{other}, {option}: expected a file for each, got {} for both",
                path.display()
            )));
        }
    }
    Ok(())
}
