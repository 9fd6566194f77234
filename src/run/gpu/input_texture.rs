//! Textures become the values of samples: resized, scaled, channels first. Its shader is `shaders/input_texture.wgsl`.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::context::Gpu;
use super::pipelines::{self, Pipeline};
use super::prepared::{buffer, window_at};
use crate::error::{Error, Result};
use crate::kernel::shader::constant;
use crate::kernel::{Shader, Window, WindowWords};
use crate::network::{InputKind, InputSpec};
use crate::shared::shared;

/// What a network of one channel sees of a texture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gray {
    /// `0.2126 R + 0.7152 G + 0.0722 B`.
    #[default]
    Luminance,
    /// The red channel: for textures that have no other.
    Red,
}

/// Rows of input values, each made of a texture.
///
/// A texture is resized to the network's `[height, width]`: along each axis the mean of what an input pixel covers where
/// the texture is larger, linear between pixel centres where it is smaller, and as it is where sizes are equal. Networks
/// of one channel see [`Gray`], those of two, three and four see RG, RGB and RGBA.
///
/// Then it is scaled as [`InputSpec`] says of 8-bit images, of which a texture's 1.0 is the 255: with the scale left out
/// values from 0 to 1 for reals, from 0 to 255 for bits and counts. Texels are what `textureLoad` gives, so those of an
/// sRGB format are linear light; a network that was trained on the bytes of images wants a view that is not sRGB.
#[derive(Debug)]
pub struct TextureInput {
    gpu: Gpu,
    pipeline: Arc<Pipeline>,
    p: Params,
    /// What the dispatch of each row is told, `stride` bytes apart.
    windows: wgpu::Buffer,
    stride: u64,
    rows: usize,
    values: wgpu::Buffer,
}

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
struct Params {
    channels: u32,
    /// Width and height.
    size: [u32; 2],
    red: u32,
    factor: [f32; 4],
    offset: [f32; 4],
}

shared!(Params as "Params" { channels: u32, size: [u32; 2], red: u32, factor: [f32; 4], offset: [f32; 4] });

const SHADER: Shader = Shader { pieces: &[include_str!("../../../shaders/input_texture.wgsl")], reads: &[] };

impl TextureInput {
    /// For so many rows: samples, or samples times steps where each step has a texture of its own.
    ///
    /// # Errors
    /// [`Error::Request`] where the input is not `[1 to 4 channels, height, width]`, [`Error::OutOfMemory`],
    /// [`Error::Gpu`].
    pub async fn new(gpu: &Gpu, spec: &InputSpec, rows: usize, gray: Gray) -> Result<TextureInput> {
        let p = params(spec, gray)?;
        let words = rows as u64 * spec.shape.iter().product::<usize>() as u64;
        let stride = u64::from(gpu.limits().min_uniform_buffer_offset_alignment).max(size_of::<WindowWords>() as u64);
        let limits = gpu.limits();
        let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if rows == 0 || words > binding / 4 || stride * rows as u64 > limits.max_buffer_size {
            let message =
                format!("input textures: {rows} rows of {:?} values, one binding holds {binding} bytes", spec.shape);
            return Err(if rows == 0 {
                Error::Request(message)
            } else {
                Error::OutOfMemory { device: gpu.info().name.clone(), message }
            });
        }
        let pipeline = gpu.pipeline_of("input_texture", text(&p), bindings).await?;
        let mut told = vec![0; stride as usize * rows];
        for (row, told) in told.chunks_exact_mut(stride as usize).enumerate() {
            let window = Window { batch: rows, start: 0, steps: 1, at: 0, clock: 0 };
            told[..size_of::<WindowWords>()].copy_from_slice(bytemuck::bytes_of(&window.words(row as u32, 0, 1)));
        }
        let made = gpu.checked("input textures", || {
            let windows = gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("input_texture.windows"),
                size: told.len() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            gpu.queue().write_buffer(&windows, 0, &told);
            (windows, buffer(gpu, "input_texture.values", words as usize))
        });
        let (windows, values) = made.await?;
        Ok(TextureInput { gpu: gpu.clone(), pipeline, p, windows, stride, rows, values })
    }

    /// Records that a row is made of a texture: a 2d view of any format whose texels are read as floats. Row
    /// `sample * steps + step` where each step has a texture of its own, else the sample. Nothing is submitted.
    ///
    /// # Errors
    /// [`Error::Request`] where there is no such row, or the texture cannot be read or has too few channels.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, row: usize, view: &wgpu::TextureView) -> Result<()> {
        if row >= self.rows {
            return Err(refused(format!("expected a row below {}, got {row}", self.rows)));
        }
        self.check(view.texture())?;
        let bind = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("input_texture"),
            layout: &self.pipeline.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: window_at(&self.windows, row as u64 * self.stride) },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(view) },
                wgpu::BindGroupEntry { binding: 2, resource: self.values.as_entire_binding() },
            ],
        });
        let descriptor = wgpu::ComputePassDescriptor { label: Some("input_texture"), timestamp_writes: None };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &bind, &[]);
        let [width, height] = self.p.size;
        pass.dispatch_workgroups(width.div_ceil(8), height.div_ceil(8), 1);
        Ok(())
    }

    /// The values, f32 `[row, channel, height, width]`: what [`super::Embedded::encode`] takes. May be copied from.
    pub fn values(&self) -> wgpu::BufferSlice<'_> {
        self.values.slice(..)
    }

    fn check(&self, texture: &wgpu::Texture) -> Result<()> {
        let format = texture.format();
        let sampled = format.sample_type(None, Some(self.gpu.device().features()));
        if !matches!(sampled, Some(wgpu::TextureSampleType::Float { .. })) {
            return Err(refused(format!("expected a format read as floats, got {format:?}")));
        }
        let needed = match (self.p.channels, self.p.red) {
            (1, 0) => 3,
            (channels, _) => channels as u8,
        };
        if format.components() < needed {
            return Err(refused(format!("expected {needed} channels or more, got {format:?}")));
        }
        if texture.sample_count() != 1 || texture.dimension() != wgpu::TextureDimension::D2 {
            let (samples, dimension) = (texture.sample_count(), texture.dimension());
            return Err(refused(format!("expected one sample in 2d, got {samples} in {dimension:?}")));
        }
        if !texture.usage().contains(wgpu::TextureUsages::TEXTURE_BINDING) {
            return Err(refused(format!("expected usage TEXTURE_BINDING, got {:?}", texture.usage())));
        }
        Ok(())
    }
}

/// `(255 v scale - mean) / std` as one product and one sum.
fn params(spec: &InputSpec, gray: Gray) -> Result<Params> {
    let (channels, size) = match spec.shape[..] {
        [channels, height, width] if (1..=4).contains(&channels) => (channels, [width as u32, height as u32]),
        _ => {
            let shape = &spec.shape;
            return Err(refused(format!(
                "expected a network with input [1 to 4 channels, height, width], got {shape:?}"
            )));
        }
    };
    for (what, values) in [("mean", &spec.mean), ("std", &spec.std)] {
        if values.len() > 1 && values.len() != channels {
            return Err(refused(format!("expected no, one or {channels} values of {what}, got {}", values.len())));
        }
    }
    let of = |values: &[f64], channel: usize, default| match values {
        [] => default,
        [one] => *one,
        each => each.get(channel).copied().unwrap_or(default),
    };
    let scale = 255.0 * spec.scale.unwrap_or(if spec.kind == InputKind::Real { 1.0 / 255.0 } else { 1.0 });
    let per_channel = [0, 1, 2, 3].map(|c| (of(&spec.mean, c, 0.0), of(&spec.std, c, 1.0)));
    let factor = per_channel.map(|(_, std)| (scale / std) as f32);
    let offset = per_channel.map(|(mean, std)| (-mean / std) as f32);
    if factor.iter().chain(&offset).any(|x| !x.is_finite()) {
        return Err(refused(format!("expected finite scale and mean and a std that is not 0, got {spec:?}")));
    }
    Ok(Params { channels: channels as u32, size, red: u32::from(gray == Gray::Red), factor, offset })
}

fn bindings() -> Vec<wgpu::BindGroupLayoutEntry> {
    let texture = wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: false },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    let values = pipelines::buffer(wgpu::BufferBindingType::Storage { read_only: false });
    vec![pipelines::window_entry(false), pipelines::entry(1, texture), pipelines::entry(2, values)]
}

fn text(p: &Params) -> String {
    let mut constants = String::new();
    constant(&mut constants, "p", p);
    SHADER.text(&constants)
}

fn refused(message: String) -> Error {
    Error::Request(format!("input texture: {message}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::run::gpu::valid::valid_everywhere;

    #[test]
    fn the_shader_is_valid_for_every_back_end() {
        for channels in 1..=4 {
            let spec = InputSpec { shape: vec![channels, 5, 7], ..Default::default() };
            valid_everywhere(&text(&params(&spec, Gray::Luminance).unwrap()), &["window", "source", "values"]);
        }
    }

    #[test]
    fn a_textures_one_is_the_255_of_images() {
        let spec = InputSpec { shape: vec![3, 5, 7], ..Default::default() };
        let p = |spec: &InputSpec| params(spec, Gray::Luminance).unwrap();
        assert_eq!((p(&spec).factor[0], p(&spec).offset[0]), (1.0, 0.0));
        let counts = InputSpec { kind: InputKind::Counts, ..spec.clone() };
        assert_eq!(p(&counts).factor[2], 255.0);
        let scaled = InputSpec { mean: vec![0.5], std: vec![0.25, 0.5, 1.0], ..spec.clone() };
        assert_eq!((p(&scaled).factor[..3].to_vec(), p(&scaled).offset[1]), (vec![4.0, 2.0, 1.0], -1.0));
        let flat = InputSpec { shape: vec![784], ..Default::default() };
        assert!(params(&flat, Gray::Red).unwrap_err().to_string().contains("[784]"));
    }
}
