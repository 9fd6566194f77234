//! Files in and out: samples, labels, scores, and networks of other frameworks.

#[cfg(feature = "formats")]
pub mod ahead;
#[cfg(feature = "formats")]
mod array;
#[cfg(feature = "formats")]
pub(crate) use array::Array;
#[cfg(feature = "formats")]
pub mod dataset;
#[cfg(feature = "formats")]
mod idx;
#[cfg(feature = "formats")]
mod image;
#[cfg(feature = "formats")]
pub mod labels;
#[cfg(feature = "nir")]
pub mod nir;
#[cfg(feature = "formats")]
mod npy;
#[cfg(feature = "formats")]
mod npz;
pub mod output;
#[cfg(feature = "formats")]
mod preprocess;
