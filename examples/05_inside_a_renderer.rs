//! A program that draws, with a network that watches: pictures are drawn, seen by an event camera, classified and copied
//! in one command encoder. Writes what was drawn, over time, above the scores of the classes: `inside_a_renderer.png`.
//!
//!     cargo run --release --example 05_inside_a_renderer

use std::error::Error;

use image::{Rgba, RgbaImage};
use pollster::block_on;
use saltatory::network::{self, OpenOptions};
use saltatory::run::gpu::{EmbedOptions, Embedded, Feed, Gpu, Gray, TextureInput, required};
use saltatory::tensor::arg_max;
use wgpu::TextureFormat::{Rg8Unorm, Rgba8Unorm};

const STEPS: usize = 16;
/// Side of a picture, in pixels, and height of the scores below it.
const SIDE: u32 = 256;
const SCORES: u32 = 64;

fn main() -> Result<(), Box<dyn Error>> {
    // What any renderer has; this one asks for what the library would like.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = block_on(instance.request_adapter(&Default::default()))?;
    let (required_features, required_limits) = required(&adapter);
    let descriptor = wgpu::DeviceDescriptor { required_features, required_limits, ..Default::default() };
    let (device, queue) = block_on(adapter.request_device(&descriptor))?;
    let module = device.create_shader_module(wgpu::include_wgsl!("renderer/gestures.wgsl"));
    let replaced = |format| Some(wgpu::ColorTargetState::from(format));
    let blended = |format| {
        let blend = Some(wgpu::BlendState::ALPHA_BLENDING);
        Some(wgpu::ColorTargetState { format, blend, write_mask: wgpu::ColorWrites::ALL })
    };
    let draw = pipeline(&device, &module, "draw", &[replaced(Rgba8Unorm), blended(Rgba8Unorm)]);
    let see = pipeline(&device, &module, "see", &[replaced(Rg8Unorm)]);

    // The network, on the renderer's device.
    let weights = Some("assets/gestures/weights.safetensors".into());
    let network = network::open("assets/networks/gestures.toml", &OpenOptions { weights, ..Default::default() })?;
    let classes = &network.input.classes;
    let gpu = Gpu::from_device(&device, &queue)?;
    let rows = classes.len() * STEPS;
    let seen = block_on(TextureInput::new(&gpu, &network.input, rows, Gray::Red))?;
    let options = EmbedOptions { batch: classes.len(), feed: Feed::Series, steps: Some(STEPS), ..Default::default() };
    let embedded = block_on(Embedded::new(&gpu, &network, &options))?;

    let bytes = u64::from(4 * SIDE * SIDE);
    let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
    let size = bytes * classes.len() as u64;
    let shown = device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let mut encoder = device.create_command_encoder(&Default::default());
    for gesture in 0..classes.len() {
        let frames = [0, 1].map(|_| texture(&device, Rgba8Unorm, SIDE));
        let (picture, events) = (texture(&device, Rgba8Unorm, SIDE), texture(&device, Rg8Unorm, 32));
        for step in 0..=STEPS {
            let [now, before] = [&frames[step % 2], &frames[(step + 1) % 2]];
            // The picture keeps what was there before, so that things leave a trail.
            let load = if step == 0 { wgpu::LoadOp::Clear(wgpu::Color::BLACK) } else { wgpu::LoadOp::Load };
            let targets = [(now, wgpu::LoadOp::Clear(wgpu::Color::BLACK)), (&picture, load)];
            pass(&mut encoder, &draw, &targets, None, (gesture * (STEPS + 1) + step) as u32);
            if step > 0 {
                let views = [now, before].map(|texture| texture.create_view(&Default::default()));
                let bind = bind(&device, &see, &views);
                pass(&mut encoder, &see, &[(&events, wgpu::LoadOp::Clear(wgpu::Color::BLACK))], Some(&bind), 0);
                let view = events.create_view(&Default::default());
                seen.encode(&mut encoder, gesture * STEPS + step - 1, &view)?;
            }
        }
        let layout = wgpu::TexelCopyBufferLayout {
            offset: bytes * gesture as u64,
            bytes_per_row: Some(4 * SIDE),
            rows_per_image: None,
        };
        let to = wgpu::TexelCopyBufferInfo { buffer: &shown, layout };
        encoder.copy_texture_to_buffer(picture.as_image_copy(), to, picture.size());
    }
    embedded.encode(&mut encoder, seen.values())?;
    queue.submit([encoder.finish()]);
    shown.slice(..).map_async(wgpu::MapMode::Read, |_| ());

    let scores = embedded.read()?;
    let scores: Vec<&[f32]> = scores.data().chunks_exact(classes.len()).collect();
    for (class, scores) in classes.iter().zip(&scores) {
        println!("{class}: taken for {}", arg_max(scores).map_or("nothing", |seen| &classes[seen]));
    }
    let pixels = shown.slice(..).get_mapped_range()?;
    sheet(&pixels, &scores).save("inside_a_renderer.png")?;
    Ok(())
}

/// Pictures in two rows, each with its scores below it; the class that was drawn is the bright bar.
fn sheet(pixels: &[u8], scores: &[&[f32]]) -> RgbaImage {
    let (columns, bar) = (scores.len() as u32 / 2, SIDE / scores.len() as u32);
    RgbaImage::from_fn(columns * SIDE, 2 * (SIDE + SCORES), |x, y| {
        let gesture = (y / (SIDE + SCORES) * columns + x / SIDE) as usize;
        let (x, y) = (x % SIDE, y % (SIDE + SCORES));
        if y < SIDE {
            let at = 4 * ((gesture as u32 * SIDE + y) * SIDE + x) as usize;
            return Rgba([pixels[at], pixels[at + 1], pixels[at + 2], 255]);
        }
        let (class, scores) = ((x / bar) as usize, scores[gesture]);
        let [least, most] = [f32::min, f32::max].map(|of| scores.iter().copied().fold(scores[0], of));
        let height = 4.0 + (scores[class] - least) / (most - least) * (SCORES - 24) as f32;
        let inside = x % bar > 3 && y + 8 < SIDE + SCORES && ((SIDE + SCORES - 8 - y) as f32) < height;
        let colour = if class == gesture { [255, 190, 90] } else { [90, 110, 150] };
        let [r, g, b] = if inside { colour } else { [16, 18, 26] };
        Rgba([r, g, b, 255])
    })
}

fn texture(device: &wgpu::Device, format: wgpu::TextureFormat, side: u32) -> wgpu::Texture {
    use wgpu::TextureUsages as Usage;
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: side, height: side, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: Usage::RENDER_ATTACHMENT | Usage::TEXTURE_BINDING | Usage::COPY_SRC,
        view_formats: &[],
    })
}

fn pipeline(
    device: &wgpu::Device,
    module: &wgpu::ShaderModule,
    fragment: &str,
    targets: &[Option<wgpu::ColorTargetState>],
) -> wgpu::RenderPipeline {
    let compilation_options = wgpu::PipelineCompilationOptions::default;
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(fragment),
        layout: None,
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("whole"),
            compilation_options: compilation_options(),
            buffers: &[],
        },
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(fragment),
            compilation_options: compilation_options(),
            targets,
        }),
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        multiview_mask: None,
        cache: None,
    })
}

fn bind(device: &wgpu::Device, pipeline: &wgpu::RenderPipeline, views: &[wgpu::TextureView]) -> wgpu::BindGroup {
    let entry = |(binding, view)| wgpu::BindGroupEntry {
        binding: binding as u32,
        resource: wgpu::BindingResource::TextureView(view),
    };
    let entries: Vec<_> = views.iter().enumerate().map(entry).collect();
    let layout = &pipeline.get_bind_group_layout(0);
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// Draws the triangle that covers everything.
fn pass(
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &wgpu::RenderPipeline,
    targets: &[(&wgpu::Texture, wgpu::LoadOp<wgpu::Color>)],
    bind: Option<&wgpu::BindGroup>,
    which: u32,
) {
    let views: Vec<_> = targets.iter().map(|(texture, _)| texture.create_view(&Default::default())).collect();
    let attachment = |(view, &(_, load))| {
        let ops = wgpu::Operations { load, store: wgpu::StoreOp::Store };
        Some(wgpu::RenderPassColorAttachment { view, depth_slice: None, resolve_target: None, ops })
    };
    let attachments: Vec<_> = views.iter().zip(targets).map(attachment).collect();
    let descriptor = wgpu::RenderPassDescriptor { color_attachments: &attachments, ..Default::default() };
    let mut pass = encoder.begin_render_pass(&descriptor);
    pass.set_pipeline(pipeline);
    bind.iter().for_each(|bind| pass.set_bind_group(0, *bind, &[]));
    pass.draw(0..3, which..which + 1);
}
