//! The clock of a stream, kept on the device: it goes on when the commands of a step run, not when they are recorded, so
//! that a submission may hold several steps. Its shader is `shaders/tick.wgsl`.

use std::mem::offset_of;
use std::sync::Arc;

use super::context::Gpu;
use super::pipelines::{self, Pipeline};
use super::prepared::Prepared;
use crate::error::Result;
use crate::kernel::shader::constant;
use crate::kernel::{CLOCK_WRAP, WindowWords};

/// The kernel that adds a step to the clock of every entry.
#[derive(Debug)]
pub(super) struct Tick {
    pipeline: Arc<Pipeline>,
    bind: wgpu::BindGroup,
}

impl Tick {
    /// For the first `entries` of what the dispatches of a plan are told.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`] where the driver refuses.
    pub async fn new(gpu: &Gpu, prepared: &Prepared, entries: usize) -> Result<Tick> {
        let (windows, stride) = prepared.windows();
        let bindings =
            || vec![pipelines::entry(0, pipelines::buffer(wgpu::BufferBindingType::Storage { read_only: false }))];
        let pipeline = gpu.pipeline_of("tick", text(entries, stride), bindings).await?;
        let bind = gpu.checked("tick", || {
            gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("tick"),
                layout: &pipeline.layout,
                entries: &[wgpu::BindGroupEntry { binding: 0, resource: windows.as_entire_binding() }],
            })
        });
        Ok(Tick { bind: bind.await?, pipeline })
    }

    /// Records that a step is done.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
}

/// Records that the clock of the first `entries` is zero.
pub(super) fn reset(encoder: &mut wgpu::CommandEncoder, prepared: &Prepared, entries: usize) {
    let (windows, stride) = prepared.windows();
    for entry in 0..entries as u64 {
        encoder.clear_buffer(windows, entry * stride + offset_of!(WindowWords, clock) as u64, Some(4));
    }
}

fn text(entries: usize, stride: u64) -> String {
    let mut text = String::new();
    constant(&mut text, "ENTRIES", &(entries as u32));
    constant(&mut text, "STRIDE", &(stride as u32 / 4));
    constant(&mut text, "CLOCK", &(offset_of!(WindowWords, clock) as u32 / 4));
    constant(&mut text, "WRAP", &(CLOCK_WRAP as u32));
    text.push_str(include_str!("../../../shaders/tick.wgsl"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::gpu::valid::valid_everywhere;

    #[test]
    fn the_shader_is_valid_for_every_back_end() {
        valid_everywhere(&text(12, 256), &["windows"]);
    }
}
