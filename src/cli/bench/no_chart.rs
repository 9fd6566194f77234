//! Charts where the program is built without them: there are none.

use std::path::Path;

use saltatory::{Error, Result};

use super::case::Case;
use super::line::Rates;
use super::sweep::Measured;

/// A chart that cannot be.
pub enum Chart {}

impl Chart {
    pub fn new(option: &'static str, _: &Path) -> Result<Chart> {
        let message = "this program is built without charts; `--features charts` builds them in";
        Err(Error::Request(format!("{option}: {message}")))
    }

    pub fn ours(&mut self, _: &Case, _: &Rates) {
        match *self {}
    }

    pub fn theirs(&mut self, _: &str, _: &Rates) {
        match *self {}
    }

    pub fn series(&mut self, _: &Measured) {
        match *self {}
    }

    #[cfg(feature = "gpu")]
    pub fn crossover(&mut self, _: &saltatory::run::gpu::Crossover) {
        match *self {}
    }

    pub fn write(&self, _: &str) -> Result<()> {
        match *self {}
    }
}
