//! GPUs through wgpu: the only room that says `wgpu`.
//!
//! | file | what it knows |
//! |---|---|
//! | `adapters` | which GPUs there are, and which one is meant |
//! | `budget` | what a GPU is asked for at most |
//! | `context` | [`Gpu`]: a device with its pipelines; shared by everything that runs on it |
//! | `pipelines` | a kernel becomes a pipeline, once |
//! | `cache` | pipelines in a file, for the next run |
//! | `crossover` | where lists of events pay: measured, and kept in a file |
//! | `prepared` | [`Prepared`]: a plan's memory, pipelines and bind groups on a device |
//! | `schedule` | which dispatches a window of a batch takes, and what each of them is told |
//! | `readback` | results back to the host, sample by sample |
//! | `batch` | samples in, commands out, results back |
//! | `training` | plans of training: gradients of batches, steps of the optimiser |
//! | `timestamps` | how long each dispatch takes |
//! | `upload` | samples and gradients on their way to the device |
//! | `embedded` | [`Embedded`]: a network in a caller's encoder, from values to scores |
//! | `input_buffer`, `input_texture`, `tick` | kernels that no plan has: what an embedded network takes in, its clock |
//! | `mapped` | what buffers hold, on the host |
//! | `compare` | both machines side by side, step by step |
//! | `trusted` | what of GPUs is not checked by the compiler |
//!
//! # Inside a renderer
//!
//! [`Gpu::from_device`] takes the device of a program that draws, as it is: nothing is installed on it, and what
//! [`required`] names is asked for only by those who want large networks. A [`TextureInput`] makes values of what was
//! drawn, an [`Embedded`] network makes scores of values; both only record commands, into the encoder that drew:
//!
//! ```no_run
//! # use saltatory::{Network, run::gpu::{EmbedOptions, Embedded, Gpu, Gray, TextureInput}};
//! # fn draw(_: &mut wgpu::CommandEncoder, _: &wgpu::TextureView) {}
//! # async fn inside(device: wgpu::Device, queue: wgpu::Queue, network: Network, view: wgpu::TextureView)
//! # -> saltatory::Result<()> {
//! let gpu = Gpu::from_device(&device, &queue)?;
//! let picture = TextureInput::new(&gpu, &network.input, 1, Gray::Luminance).await?;
//! let network = Embedded::new(&gpu, &network, &EmbedOptions::default()).await?;
//!
//! let mut encoder = device.create_command_encoder(&Default::default());
//! draw(&mut encoder, &view);
//! picture.encode(&mut encoder, 0, &view)?;
//! network.encode(&mut encoder, picture.values())?;
//! queue.submit([encoder.finish()]); // network.scores() can be bound by whatever comes next
//! println!("{:?}", network.read_async().await?);
//! # Ok(())
//! # }
//! ```
//!
//! On the web everything that waits has a form that does not block, which ends in `_async`; those that would block are
//! not there, or (in [`crate::Session`]) only for the CPU.

mod adapters;
mod batch;
mod budget;
mod cache;
mod compare;
mod context;
mod crossover;
mod embedded;
mod input_buffer;
mod input_texture;
mod mapped;
mod pipelines;
mod prepared;
mod readback;
mod schedule;
mod tick;
mod timestamps;
mod training;
mod trusted;
mod upload;
#[cfg(test)]
mod valid;

#[cfg(not(target_arch = "wasm32"))]
pub use adapters::adapters;
pub use adapters::{AdapterInfo, Choice, adapters_async};
pub use budget::Budget;
pub use compare::{Difference, Word, compare};
pub use context::{Gpu, ShaderEdit, required};
#[cfg(not(target_arch = "wasm32"))]
pub use crossover::{CROSSOVER_RATES, Crossover, CrossoverPoint};
pub use embedded::{EmbedOptions, Embedded, Feed};
pub use input_texture::{Gray, TextureInput};
pub use prepared::Prepared;

pub(super) use batch::{GpuMachine, Pending};
pub(super) use training::GpuTraining;
