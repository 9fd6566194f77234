//! Charts of what was measured, as PNG: bars of rates, curves of times.

mod bars;
mod curves;

use std::path::{Path, PathBuf};

#[cfg(feature = "gpu")]
use saltatory::run::gpu::CrossoverPoint;
use saltatory::{Error, Result};

use super::case::Case;
use super::line::Rates;
use super::sweep::Measured;
use saltatory::plot::paper;

/// A chart in the making; drawn when all is known.
pub struct Chart {
    /// The option that asked for it.
    option: &'static str,
    path: PathBuf,
    groups: Vec<bars::Group>,
    panels: Vec<curves::Panel>,
}

impl Chart {
    /// Looks at the path before anything is measured.
    ///
    /// # Errors
    /// A name that does not end in `.png`, a folder that is not there.
    pub fn new(option: &'static str, path: &Path) -> Result<Chart> {
        let fault = |what| Err(Error::Request(format!("{option} {}: {what}", path.display())));
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            return fault("expected a file that ends in .png");
        }
        if !path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
            return fault("its folder is not there");
        }
        Ok(Chart { option, path: path.into(), groups: Vec::new(), panels: Vec::new() })
    }

    /// A case, with our rate.
    pub fn ours(&mut self, case: &Case, rates: &Rates) {
        let label = format!("{}, batch {}", case.name, case.batch);
        self.groups.push(bars::Group { label, bars: vec![bars::Bar::new("saltatory", rates)] });
    }

    /// A peer on the last case.
    pub fn theirs(&mut self, peer: &str, rates: &Rates) {
        if let Some(group) = self.groups.last_mut() {
            group.bars.push(bars::Bar::new(peer, rates));
        }
    }

    /// A series; those of a sweep share a panel.
    pub fn series(&mut self, measured: &Measured) {
        let curve = curves::Curve::new(measured);
        let sweep = measured.series.sweep;
        match self.panels.last_mut().filter(|panel| panel.sweep == sweep) {
            Some(panel) => panel.curves.push(curve),
            None => self.panels.push(curves::Panel { sweep, of: "ms a run", curves: vec![curve], mark: None }),
        }
    }

    /// Times over words and over lists of events, in a panel for each batch.
    #[cfg(feature = "gpu")]
    pub fn crossover(&mut self, measured: &saltatory::run::gpu::Crossover) {
        let curve = |what: &str, seconds: fn(&CrossoverPoint) -> f64| {
            let points = measured.points.iter().map(|point| (100.0 * point.rate, 1e3 * seconds(point)));
            curves::Curve::of(format!("{what}, batch {}", measured.batch), "% firing", points)
        };
        let curves = vec![curve("words", |point| point.words), curve("lists", |point| point.list)];
        let mark = (measured.share > 0.0).then(|| 100.0 * f64::from(measured.share));
        self.panels.push(curves::Panel { sweep: "words or lists of events", of: "ms a step", curves, mark });
    }

    /// Draws and writes it; `about` stands at its top.
    pub fn write(&self, about: &str) -> Result<()> {
        let drawn = if self.panels.is_empty() {
            bars::draw(&self.path, about, &self.groups)
        } else {
            curves::draw(&self.path, about, &self.panels)
        };
        drawn.map_err(|e| Error::Request(format!("{} {}: {e}", self.option, self.path.display())))
    }
}
