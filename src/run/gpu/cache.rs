//! Compiled pipelines, kept in a file from run to run.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::context::Gpu;
use super::trusted;

/// What a driver has compiled, and the file it is kept in. Of no effect but on time, so what goes wrong with the file goes
/// by without a word.
#[derive(Debug)]
pub(super) struct Cache {
    pub pipelines: wgpu::PipelineCache,
    file: PathBuf,
    /// What the file holds.
    kept: Mutex<Vec<u8>>,
}

impl Cache {
    /// That of a device, in a folder; `None` where its driver keeps none.
    pub fn new(gpu: &Gpu, folder: &Path) -> Option<Cache> {
        let device = gpu.device();
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let file = folder.join(wgpu::util::pipeline_cache_key(&device.adapter_info())?);
        let kept = std::fs::read(&file).unwrap_or_default();
        let pipelines = trusted::pipeline_cache(device, &kept);
        Some(Cache { pipelines, file, kept: Mutex::new(kept) })
    }

    /// Writes the file, where there is something new.
    pub fn save(&self) {
        let (Some(data), Ok(mut kept)) = (self.pipelines.get_data(), self.kept.lock()) else { return };
        if data == *kept {
            return;
        }
        write_whole(&self.file, &data);
        *kept = data;
    }
}

/// Writes a file whole or not at all, whoever else writes it.
pub(super) fn write_whole(file: &Path, data: &[u8]) {
    let part = file.with_extension(format!("{}.part", std::process::id()));
    let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.and_then(|()| std::fs::write(&part, data)).and_then(|()| std::fs::rename(&part, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
}
