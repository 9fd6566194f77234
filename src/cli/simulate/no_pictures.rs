//! Pictures where the program is built without charts: there are none.

use saltatory::circuit::Statistics;
use saltatory::run::Activity;
use saltatory::{Error, Result};

use super::Arguments;
use super::setup::Setup;

/// No pictures.
pub struct Pictures;

impl Pictures {
    pub fn new(arguments: &Arguments, _: &Setup) -> Result<Pictures> {
        match arguments.pictures().next() {
            None => Ok(Pictures),
            Some((option, _)) => Err(Error::Request(format!(
                "{option}: this program is built without charts; `--features charts` builds them in"
            ))),
        }
    }

    pub fn see(&mut self, _: &Activity<'_>) {}

    pub fn write(self, _: &Statistics, _: &str) -> Result<()> {
        Ok(())
    }
}
