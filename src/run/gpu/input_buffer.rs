//! Values in a caller's buffer become a plan's input. Its shader is `shaders/input_buffer.wgsl`.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::context::Gpu;
use super::pipelines::{self, Pipeline};
use super::prepared::window_at;
use crate::error::{Error, Result};
use crate::kernel::shader::{ELEMENTWISE, constant, wide};
use crate::kernel::{Access, Edge, Element, Shader, SlotInfo, Window, elementwise_groups};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
struct Params {
    output: Edge,
    /// Steps of one sample in the buffer.
    frames: u32,
}

shared!(Params as "Params" { output: Edge, frames: u32 });

const SLOTS: &[SlotInfo] = &[
    SlotInfo { name: "values", access: Access::Read, element: Element::Real },
    SlotInfo { name: "output", access: Access::Write, element: Element::Words },
];

const SHADER: Shader =
    Shader { pieces: &[include_str!("../../../shaders/input_buffer.wgsl"), ELEMENTWISE], reads: &[] };

/// The kernel that takes `[batch, frames, channel, cell]` of a buffer to an edge.
#[derive(Debug)]
pub(super) struct InputBuffer {
    pipeline: Arc<Pipeline>,
    p: Params,
    bytes: u64,
}

impl InputBuffer {
    /// For samples of so many frames.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where the device cannot bind so large a buffer.
    pub async fn new(gpu: &Gpu, output: Edge, batch: usize, frames: usize) -> Result<InputBuffer> {
        let bytes = 4 * batch as u64 * frames as u64 * u64::from(output.cells) * u64::from(output.channels);
        let limits = gpu.limits();
        let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u64::from(u32::MAX));
        if bytes > binding {
            let message = format!("the input of {batch} samples needs {bytes} bytes, one binding holds {binding}");
            return Err(Error::OutOfMemory { device: gpu.info().name.clone(), message });
        }
        let p = Params { output, frames: frames as u32 };
        let pipeline = gpu.pipeline_of("input_buffer", text(&p), || pipelines::entries(SLOTS)).await?;
        Ok(InputBuffer { pipeline, p, bytes })
    }

    /// Workgroups of one sample for a window.
    pub fn groups(&self, window: Window) -> u64 {
        elementwise_groups(&self.p.output, window.steps)
    }

    pub fn pipeline(&self) -> &wgpu::ComputePipeline {
        &self.pipeline.pipeline
    }

    /// Binds a caller's buffer.
    ///
    /// # Errors
    /// [`Error::Request`] where it is too small or cannot be bound.
    pub fn bind(
        &self,
        gpu: &Gpu,
        windows: &wgpu::Buffer,
        values: wgpu::BufferSlice<'_>,
        output: &wgpu::Buffer,
    ) -> Result<wgpu::BindGroup> {
        if values.size() < self.bytes {
            return Err(refused(format!("expected {} bytes, got {}", self.bytes, values.size())));
        }
        let usage = values.buffer().usage();
        if !usage.contains(wgpu::BufferUsages::STORAGE) {
            return Err(refused(format!("expected a buffer with usage STORAGE, got {usage:?}")));
        }
        let step = u64::from(gpu.limits().min_storage_buffer_offset_alignment);
        if !values.offset().is_multiple_of(step) {
            return Err(refused(format!("expected an offset divisible by {step}, got {}", values.offset())));
        }
        // Only what is read, so that a buffer larger than a binding will do.
        let size = std::num::NonZeroU64::new(self.bytes);
        let values = wgpu::BufferBinding { buffer: values.buffer(), offset: values.offset(), size };
        Ok(gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("input_buffer"),
            layout: &self.pipeline.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: window_at(windows, 0) },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::Buffer(values) },
                wgpu::BindGroupEntry { binding: 2, resource: output.as_entire_binding() },
            ],
        }))
    }
}

fn text(p: &Params) -> String {
    let mut constants = String::new();
    constant(&mut constants, "p", p);
    wide(&mut constants, 1);
    SHADER.text(&constants)
}

fn refused(message: String) -> Error {
    Error::Request(format!("input buffer: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::gpu::valid::valid_everywhere;

    #[test]
    fn the_shader_is_valid_for_every_back_end() {
        for planes in [0, 1, 8] {
            let output = Edge { cells: 9, channels: 40, planes, series: 1 };
            valid_everywhere(&text(&Params { output, frames: 3 }), &["window", "values", "output"]);
        }
    }
}
