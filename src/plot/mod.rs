//! Pictures of what circuits do, as PNG: rasters, membrane traces, histograms of firing rates, connection matrices.
//!
//! [`Raster`] and [`Traces`] take what happens while it happens, and keep no more of it than a picture can show.
//!
//! ```
//! use saltatory::plot::Raster;
//! # let path = std::env::temp_dir().join(format!("saltatory-doc-{}.png", std::process::id()));
//!
//! let mut raster = Raster::new([("left", 3), ("right", 2)], 0.1, 0..1000);
//! raster.spike(120, 0, 2);
//! raster.spike(450, 1, 0);
//! raster.draw(&path, "five cells")?;
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), saltatory::Error>(())
//! ```
//!
//! | file | what it draws |
//! |---|---|
//! | `raster` | a dot for each spike, and the rate of each population |
//! | `traces` | potentials of a few cells |
//! | `histogram` | how many cells fire at which rate |
//! | `matrix` | which cell reaches which |
//! | `paper` | what they are drawn on |

mod histogram;
mod matrix;
#[doc(hidden)]
pub mod paper;
mod raster;
mod traces;

pub use histogram::histogram;
pub use matrix::Matrix;
pub use raster::Raster;
pub use traces::Traces;

use std::path::Path;

use crate::error::{Error, Result};

/// Pixels of a picture's width.
const WIDTH: u32 = 1200;

/// The outcome of drawing, with the file's name.
fn drawn(path: &Path, outcome: paper::Drawn) -> Result<()> {
    outcome.map_err(|e| match e.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(other) => Error::file(path, format!("cannot be drawn: {other}")),
    })
}
