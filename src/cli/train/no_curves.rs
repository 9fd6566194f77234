//! Curves where the program is built without charts: there are none.

use std::path::Path;

use saltatory::train::Progress;
use saltatory::train::schedule::Length;
use saltatory::{Error, Result};

/// Curves that cannot be.
pub enum Curves {}

impl Curves {
    pub fn new(_: &Path, _: &str) -> Result<Curves> {
        Err(Error::Request("--curves: this program is built without charts; `--features charts` builds them in".into()))
    }

    pub fn write(&self, _: &Progress, _: Length) -> Result<()> {
        match *self {}
    }
}
