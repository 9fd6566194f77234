//! Files in and out: samples, labels, scores, and networks of other frameworks.

#[cfg(feature = "formats")]
pub mod dataset;
#[cfg(feature = "formats")]
pub mod idx;
#[cfg(feature = "formats")]
pub mod image;
#[cfg(feature = "formats")]
pub mod labels;
#[cfg(feature = "nir")]
pub mod nir;
#[cfg(feature = "formats")]
pub mod npy;
pub mod output;
