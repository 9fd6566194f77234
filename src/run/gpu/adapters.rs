//! Which GPUs there are, and which one is meant.

use crate::error::{Error, Result};

/// What is known of an adapter without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// The adapter's name.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The back end: Vulkan, Metal, DX12, WebGPU.
    pub backend: String,
    /// The driver, with its version.
    pub driver: String,
    /// The largest storage binding, in bytes.
    pub max_binding: u64,
    /// Storage buffers that one kernel can bind.
    pub storage_buffers: u32,
}

/// Which adapter is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The fastest kind there is; a software rasteriser only where nothing else is.
    Best,
    /// Its place in the list of [`adapters`].
    Index(usize),
    /// A part of its name, in any case.
    Name(String),
}

/// As people write it: `gpu` is the best, a number an index, and all else a part of a name.
impl From<&str> for Choice {
    fn from(text: &str) -> Choice {
        match (text, text.parse()) {
            ("gpu", _) => Choice::Best,
            (_, Ok(index)) => Choice::Index(index),
            _ => Choice::Name(text.into()),
        }
    }
}

/// Every adapter that wgpu finds.
#[cfg(not(target_arch = "wasm32"))]
pub fn adapters() -> Vec<AdapterInfo> {
    pollster::block_on(adapters_async())
}

/// Every adapter that wgpu finds, also on the web.
pub async fn adapters_async() -> Vec<AdapterInfo> {
    found().await.iter().map(describe).collect()
}

/// Every adapter.
async fn found() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    instance.enumerate_adapters(wgpu::Backends::all()).await
}

/// The adapter that is meant.
///
/// # Errors
/// [`Error::Request`] where there is none such, with those there are.
pub(super) async fn choose(choice: &Choice) -> Result<wgpu::Adapter> {
    let mut found = found().await;
    let at = match choice {
        Choice::Best => (0..found.len()).min_by_key(|&i| (rank(&found[i]), i)),
        Choice::Index(index) => Some(*index).filter(|&i| i < found.len()),
        Choice::Name(name) => {
            let name = name.to_lowercase();
            found.iter().position(|a| a.get_info().name.to_lowercase().contains(&name))
        }
    };
    match at {
        Some(at) => Ok(found.swap_remove(at)),
        None if found.is_empty() => Err(Error::Request(
            "no GPU adapter found: install a driver for Vulkan, Metal or DX12, or use `--device cpu`".into(),
        )),
        None => {
            let list = found.iter().enumerate().map(|(i, a)| format!("{i}: {}", a.get_info().name));
            let list = list.collect::<Vec<_>>().join(", ");
            Err(Error::Request(format!("there is no GPU {choice}; there are {list}")))
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Choice::Best => write!(f, "at all"),
            Choice::Index(index) => write!(f, "{index}"),
            Choice::Name(name) => write!(f, "called `{name}`"),
        }
    }
}

/// The order of preference.
fn rank(adapter: &wgpu::Adapter) -> u8 {
    match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

pub(super) fn describe(adapter: &wgpu::Adapter) -> AdapterInfo {
    about(&adapter.get_info(), &adapter.limits())
}

pub(super) fn about(info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> AdapterInfo {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    AdapterInfo {
        name: info.name.clone(),
        kind,
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        max_binding: limits.max_storage_buffer_binding_size,
        storage_buffers: limits.max_storage_buffers_per_shader_stage,
    }
}
