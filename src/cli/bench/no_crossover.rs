//! Where lists of events pay, where the program is built without GPUs: nowhere.

use saltatory::{Error, Result};

use super::{Arguments, Outcome};

/// Refuses.
pub fn run(_: &Arguments) -> Result<Outcome> {
    Err(Error::Unsupported("--crossover: this program was built without the feature `gpu`".into()))
}
