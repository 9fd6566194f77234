//! A kernel becomes a pipeline, once for all plans that use it with the same parameters.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::context::Gpu;
use super::trusted;
use crate::error::Result;
use crate::kernel::{Access, Kernel, SlotInfo, WindowWords};

/// A pipeline and the layout of its bindings.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

impl Gpu {
    /// The pipeline of a kernel with its parameters.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`] where the driver refuses it.
    pub(super) async fn pipeline(&self, kernel: &Kernel) -> Result<Arc<Pipeline>> {
        let text = self.edited(kernel.name(), kernel.shader().text(&kernel.constants()));
        self.pipeline_of(kernel.name(), text, || entries(kernel.slots())).await
    }

    /// The pipeline of a shader's text with these bindings.
    ///
    /// # Errors
    /// [`crate::Error::Gpu`] where the driver refuses it.
    pub(super) async fn pipeline_of(
        &self,
        name: &str,
        text: String,
        entries: impl FnOnce() -> Vec<wgpu::BindGroupLayoutEntry>,
    ) -> Result<Arc<Pipeline>> {
        if let Some(known) = self.pipelines().lock().ok().and_then(|known| known.get(&text).cloned()) {
            return Ok(known);
        }
        let made = self.checked(name, || make(self, name, text.clone(), &entries())).await?;
        let made = Arc::new(made);
        if let Ok(mut known) = self.pipelines().lock() {
            known.insert(text, made.clone());
        }
        Ok(made)
    }
}

/// The bindings of a kernel: its window, then its slots.
pub(super) fn entries(slots: &[SlotInfo]) -> Vec<wgpu::BindGroupLayoutEntry> {
    let slots = slots.iter().enumerate().map(|(at, slot)| {
        let read_only = slot.access == Access::Read;
        entry(at + 1, buffer(wgpu::BufferBindingType::Storage { read_only }))
    });
    [window_entry(true)].into_iter().chain(slots).collect()
}

/// The binding of the window: its place is told when a dispatch is recorded, or fixed.
pub(super) fn window_entry(dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    let ty = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: dynamic,
        min_binding_size: NonZeroU64::new(size_of::<WindowWords>() as u64),
    };
    entry(0, ty)
}

/// A buffer that is bound as a whole.
pub(super) fn buffer(ty: wgpu::BufferBindingType) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None }
}

/// A binding of a compute shader.
pub(super) fn entry(binding: usize, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry { binding: binding as u32, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None }
}

fn make(gpu: &Gpu, name: &str, text: String, entries: &[wgpu::BindGroupLayoutEntry]) -> Pipeline {
    let device = gpu.device();
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let module = trusted::shader_module(device, name, text);
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: gpu.cache().map(|cache| &cache.pipelines),
    });
    Pipeline { pipeline, layout }
}
