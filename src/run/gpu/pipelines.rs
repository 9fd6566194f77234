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
        if let Some(known) = self.pipelines().lock().ok().and_then(|known| known.get(&text).cloned()) {
            return Ok(known);
        }
        let made =
            self.checked(kernel.name(), || make(self.device(), kernel.name(), text.clone(), kernel.slots())).await?;
        let made = Arc::new(made);
        if let Ok(mut known) = self.pipelines().lock() {
            known.insert(text, made.clone());
        }
        Ok(made)
    }
}

fn make(device: &wgpu::Device, name: &str, text: String, slots: &[SlotInfo]) -> Pipeline {
    let entry = |binding: usize, ty: wgpu::BufferBindingType, dynamic: bool, size: Option<NonZeroU64>| {
        wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: size },
            count: None,
        }
    };
    let window = NonZeroU64::new(size_of::<WindowWords>() as u64);
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform, true, window)];
    entries.extend(slots.iter().enumerate().map(|(at, slot)| {
        let read_only = slot.access == Access::Read;
        entry(at + 1, wgpu::BufferBindingType::Storage { read_only }, false, None)
    }));
    let layout =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
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
        cache: None,
    });
    Pipeline { pipeline, layout }
}
