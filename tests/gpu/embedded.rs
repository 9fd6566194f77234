//! A network in a caller's encoder, on a caller's device, gives what a session gives on the CPU.

use pollster::block_on;
use saltatory::network::{InputKind, InputSpec, Readout};
use saltatory::neuron::Lif;
use saltatory::run::gpu::{EmbedOptions, Embedded, Feed, Gpu, Gray, TextureInput};
use saltatory::run::verify::networks;
use saltatory::run::{Device, Options};
use saltatory::{Network, Session, Tensor};

use crate::gpus;

/// Resizing sums up to a hundred products in f32, the naive form in f64; values are at most 1.
const RESIZE_TOLERANCE: f32 = 1e-5;
/// Drivers may divide an 8-bit texel by 255 with an error of a unit in the last place.
const TEXEL_TOLERANCE: f32 = 1.2e-7;

/// A device as a renderer has it: opened without this library, with the limits that every WebGPU device has.
fn renderer() -> Option<(wgpu::Device, wgpu::Queue)> {
    let name = gpus::gpu()?.info().name.clone();
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapters = block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == name).unwrap();
    let descriptor = wgpu::DeviceDescriptor { required_limits: wgpu::Limits::defaults(), ..Default::default() };
    Some(block_on(adapter.request_device(&descriptor)).unwrap())
}

fn buffer(device: &wgpu::Device, queue: &wgpu::Queue, values: &[f32]) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let size = 4 * values.len() as u64;
    let buffer = device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
    buffer
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Samples for a network, `[samples, (steps,) ...]`.
fn batch(network: &Network, samples: usize, steps: Option<usize>) -> Tensor {
    let shape: Vec<usize> = [samples].into_iter().chain(steps).chain(network.input.shape.clone()).collect();
    let value = |x: u8| match network.input.kind {
        InputKind::Real => f32::from(x) / 85.0 - 0.5,
        InputKind::Counts => f32::from(x.saturating_sub(180) / 12),
        InputKind::Bits => f32::from(u8::from(x < 77)),
    };
    let values = noise(shape.iter().product()).into_iter().map(value).collect();
    Tensor::new(shape, values).unwrap()
}

#[test]
fn batches_are_those_of_a_session_to_the_bit() {
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    let mut nonzero = 0;
    for (name, network) in networks().unwrap() {
        for (steps, constant_input, samples) in [(6, true, 5), (6, false, 1), (70, true, 1), (70, false, 5)] {
            let what = format!("{name} T={steps} constant={constant_input} batch={samples}");
            let batch = batch(&network, samples, (!constant_input).then_some(steps));
            let session = Options { steps: Some(steps), readout: Some(Readout::Sum), ..Default::default() };
            let expected = Session::new(network.clone(), session).unwrap().run(&batch).unwrap().scores;
            let feed = if constant_input { Feed::Constant } else { Feed::Series };
            let options =
                EmbedOptions { batch: samples, feed, steps: Some(steps), readout: Some(Readout::Sum), slice: None };
            let embedded = block_on(Embedded::new(&gpu, &network, &options)).unwrap();
            let own = buffer(&device, &queue, batch.data());
            // Twice in one submission, the first time on something else: nothing of it is left.
            let other = buffer(&device, &queue, &vec![1.0; batch.data().len()]);
            let mut encoder = device.create_command_encoder(&Default::default());
            embedded.encode(&mut encoder, other.slice(..)).unwrap();
            embedded.encode(&mut encoder, own.slice(..)).unwrap();
            queue.submit([encoder.finish()]);
            let scores = embedded.read().unwrap();
            assert_eq!(scores.shape(), expected.shape(), "{what}");
            assert_eq!(bits(scores.data()), bits(expected.data()), "{what}");
            nonzero += scores.data().iter().filter(|&&x| x != 0.0).count();
        }
    }
    assert!(nonzero > 200, "{nonzero}");
}

#[test]
fn a_trace_has_every_step_of_every_window() {
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    let (_, network) = networks().unwrap().into_iter().find(|(name, _)| *name == "norse").unwrap();
    let (steps, samples, readout) = (70, 5, Some(Readout::Trace));
    let batch = batch(&network, samples, Some(steps));
    let session = Options { steps: Some(steps), readout, ..Default::default() };
    let expected = Session::new(network.clone(), session).unwrap().run(&batch).unwrap().scores;
    let options = EmbedOptions { batch: samples, feed: Feed::Series, steps: Some(steps), readout, slice: None };
    let embedded = block_on(Embedded::new(&gpu, &network, &options)).unwrap();
    let mut encoder = device.create_command_encoder(&Default::default());
    embedded.encode(&mut encoder, buffer(&device, &queue, batch.data()).slice(..)).unwrap();
    queue.submit([encoder.finish()]);
    let scores = embedded.read().unwrap();
    assert_eq!((scores.shape(), expected.shape()), (&[70, 5, 3][..], &[5, 70, 3][..]));
    for (i, x) in scores.data().iter().enumerate() {
        let (t, sample, score) = (i / 15, i / 3 % 5, i % 3);
        assert_eq!(x.to_bits(), expected.data()[(sample * steps + t) * 3 + score].to_bits(), "{t} {sample} {score}");
    }
}

#[test]
fn streams_are_those_of_a_session_to_the_bit() {
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    let (steps, streams) = (11, 2);
    for (name, network) in networks().unwrap() {
        let batch = batch(&network, streams, Some(steps));
        let len: usize = network.input.shape.iter().product();
        let frame = |stream: usize, t: usize| &batch.data()[(stream * steps + t) * len..][..len];
        let options = EmbedOptions { batch: streams, feed: Feed::Stream, ..Default::default() };
        let embedded = block_on(Embedded::new(&gpu, &network, &options)).unwrap();
        let frames: Vec<_> =
            (0..steps).map(|t| buffer(&device, &queue, &[frame(0, t), frame(1, t)].concat())).collect();
        for round in 0..2 {
            let mut sessions = [0, 1]
                .map(|_| Session::new(network.clone(), Options { steps: Some(steps), ..Default::default() }).unwrap());
            let mut encoder = device.create_command_encoder(&Default::default());
            embedded.reset(&mut encoder);
            for t in 0..steps {
                embedded.encode(&mut encoder, frames[t].slice(..)).unwrap();
                let expected = [0, 1].map(|stream| {
                    let frame = Tensor::new(network.input.shape.clone(), frame(stream, t).to_vec()).unwrap();
                    sessions[stream].step(&frame).unwrap().scores
                });
                // What is recorded and thrown away has not happened; and some submissions have several steps.
                let mut dropped = device.create_command_encoder(&Default::default());
                embedded.encode(&mut dropped, frames[t].slice(..)).unwrap();
                if t % 3 < 2 {
                    continue;
                }
                queue.submit([
                    std::mem::replace(&mut encoder, device.create_command_encoder(&Default::default())).finish()
                ]);
                let expected = [expected[0].data(), expected[1].data()].concat();
                assert_eq!(bits(embedded.read().unwrap().data()), bits(&expected), "{name} round {round} step {t}");
            }
            queue.submit([encoder.finish()]);
        }
    }
}

/// A texture of `[width, height]` whose bytes come from their index.
fn texture(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    format: wgpu::TextureFormat,
    size: [u32; 2],
    bytes: &[u8],
) -> wgpu::TextureView {
    let extent = wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: extent,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let row = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(bytes.len() as u32 / size[1]),
        rows_per_image: None,
    };
    queue.write_texture(texture.as_image_copy(), bytes, row, extent);
    texture.create_view(&Default::default())
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// The weights of `from` texels in each of `to` pixels.
fn weights(from: usize, to: usize) -> Vec<Vec<f64>> {
    let ratio = from as f64 / to as f64;
    let weight = |at: usize, texel: usize| {
        if ratio >= 1.0 {
            let (begin, end) = (at as f64 * ratio, (at + 1) as f64 * ratio);
            (end.min(texel as f64 + 1.0) - begin.max(texel as f64)).max(0.0) / ratio
        } else {
            let place = ((at as f64 + 0.5) * ratio - 0.5).clamp(0.0, from as f64 - 1.0);
            (1.0 - (place - texel as f64).abs()).max(0.0)
        }
    };
    (0..to).map(|at| (0..from).map(|texel| weight(at, texel)).collect()).collect()
}

/// The values of an identity network of this input: a sum over one step of a layer that adds 0.
fn values(gpu: &Gpu, input: &TextureInput, spec: &InputSpec, view: &wgpu::TextureView) -> Vec<f32> {
    let mut network = Network::new(spec.shape.clone()).scale(Tensor::vector(vec![1.0; spec.shape[0]]));
    network = network.input(InputSpec { kind: InputKind::Real, ..spec.clone() });
    let network = network.flatten().steps(1).build().unwrap();
    let embedded = block_on(Embedded::new(gpu, &network, &EmbedOptions::default())).unwrap();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    input.encode(&mut encoder, 0, view).unwrap();
    embedded.encode(&mut encoder, input.values()).unwrap();
    gpu.queue().submit([encoder.finish()]);
    embedded.read().unwrap().data().to_vec()
}

#[test]
fn textures_are_resized_and_scaled() {
    use wgpu::TextureFormat::{Bgra8Unorm, R8Unorm, Rg8Unorm, Rgba8Unorm};
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    let spec = |shape: [usize; 3]| InputSpec { shape: shape.to_vec(), ..Default::default() };
    let scaled = InputSpec { mean: vec![0.5, 0.4, 0.3], std: vec![0.25, 0.5, 2.0], ..spec([3, 6, 8]) };
    let cases = [
        (spec([3, 8, 10]), Rgba8Unorm, [10, 8]),
        (spec([4, 8, 10]), Bgra8Unorm, [10, 8]),
        (spec([1, 8, 10]), R8Unorm, [10, 8]),
        (spec([1, 7, 5]), Rgba8Unorm, [64, 29]),
        (spec([2, 7, 5]), Rg8Unorm, [3, 29]),
        (spec([1, 16, 16]), R8Unorm, [5, 1]),
        (scaled, Rgba8Unorm, [33, 5]),
    ];
    for (spec, format, [width, height]) in cases {
        let what = format!("{:?} from {format:?} {width}x{height}", spec.shape);
        let components = format.components() as usize;
        let bytes = noise((width * height) as usize * components);
        let view = texture(&device, &queue, format, [width, height], &bytes);
        let gray = if format == R8Unorm { Gray::Red } else { Gray::Luminance };
        let input = block_on(TextureInput::new(&gpu, &spec, 1, gray)).unwrap();
        let got = values(&gpu, &input, &spec, &view);
        let [channels, to_height, to_width] = spec.shape[..] else { panic!() };
        let (across, down) = (weights(width as usize, to_width), weights(height as usize, to_height));
        let resized = |component: usize, y: usize, x: usize| -> f64 {
            let texel =
                |j: usize, i: usize| f64::from(bytes[(j * width as usize + i) * components + component]) / 255.0;
            let rows = down[y].iter().enumerate();
            rows.map(|(j, w)| across[x].iter().enumerate().map(|(i, v)| w * v * texel(j, i)).sum::<f64>()).sum()
        };
        let tolerance = if (to_width, to_height) == (width as usize, height as usize) && channels > 1 {
            TEXEL_TOLERANCE
        } else {
            RESIZE_TOLERANCE
        };
        for channel in 0..channels {
            let component = if format == Bgra8Unorm { [2, 1, 0, 3][channel] } else { channel };
            let (mean, std) = if spec.mean.is_empty() { (0.0, 1.0) } else { (spec.mean[channel], spec.std[channel]) };
            for (y, x) in (0..to_height).flat_map(|y| (0..to_width).map(move |x| (y, x))) {
                let value = if channels == 1 && gray == Gray::Luminance {
                    0.2126 * resized(0, y, x) + 0.7152 * resized(1, y, x) + 0.0722 * resized(2, y, x)
                } else {
                    resized(component, y, x)
                };
                let expected = ((value - mean) / std) as f32;
                let got = got[(channel * to_height + y) * to_width + x];
                assert!((got - expected).abs() <= tolerance / std as f32, "{what} {channel} {y} {x}: {got} {expected}");
            }
        }
    }
}

#[test]
fn events_in_textures_become_bits_of_the_right_sample() {
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    let spec = InputSpec { shape: vec![2, 6, 6], kind: InputKind::Bits, ..Default::default() };
    let mut network = Network::new([2, 6, 6]).input(spec.clone());
    network = network.conv2d(40, 3).spiking(Lif { threshold: 0.2.into(), ..Lif::tau(2.0) }).flatten().linear(5);
    let mut network = network.build().unwrap();
    network.init(3).unwrap();
    let (samples, steps) = (3, 4);
    let options = EmbedOptions { batch: samples, feed: Feed::Series, steps: Some(steps), ..Default::default() };
    let embedded = block_on(Embedded::new(&gpu, &network, &options)).unwrap();
    let input = block_on(TextureInput::new(&gpu, &spec, samples * steps, Gray::Red)).unwrap();
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut batch = Vec::new();
    for row in 0..samples * steps {
        let events: Vec<u8> = noise(72 * (row + 1))[72 * row..].iter().map(|&x| if x < 90 { 255 } else { 0 }).collect();
        let view = texture(&device, &queue, wgpu::TextureFormat::Rg8Unorm, [6, 6], &events);
        input.encode(&mut encoder, row, &view).unwrap();
        batch.extend(
            (0..2).flat_map(|c| events.iter().skip(c).step_by(2).map(|&x| f32::from(x / 255)).collect::<Vec<_>>()),
        );
    }
    embedded.encode(&mut encoder, input.values()).unwrap();
    queue.submit([encoder.finish()]);
    let batch = Tensor::new(vec![samples, steps, 2, 6, 6], batch).unwrap();
    let expected =
        Session::new(network, Options { steps: Some(steps), ..Default::default() }).unwrap().run(&batch).unwrap();
    assert_eq!(bits(embedded.read().unwrap().data()), bits(expected.scores.data()));
    assert!(expected.metrics.populations[0].spikes > 50);
}

/// A session works on a renderer's device as it is.
#[test]
fn a_session_runs_on_a_callers_device() {
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    for (name, network) in networks().unwrap() {
        let batch = batch(&network, 5, None);
        let run = |device| {
            let options = Options { steps: Some(6), device, ..Default::default() };
            Session::new(network.clone(), options).unwrap().run(&batch).unwrap()
        };
        assert_eq!(run(Device::Cpu), run(Device::Gpu(gpu.clone())), "{name}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_the_driver_sees_it() {
    let Some((device, queue)) = renderer() else { return };
    let gpu = Gpu::from_device(&device, &queue).unwrap();
    let (_, network) = networks().unwrap().into_iter().find(|(name, _)| *name == "images").unwrap();
    let options = EmbedOptions { batch: 2, steps: Some(3), ..Default::default() };
    let embedded = block_on(Embedded::new(&gpu, &network, &options)).unwrap();
    let mut encoder = device.create_command_encoder(&Default::default());
    let short = buffer(&device, &queue, &[0.0; 144]);
    let error = embedded.encode(&mut encoder, short.slice(..)).unwrap_err().to_string();
    assert!(error.contains("expected 1152 bytes, got 576"), "{error}");
    let long = buffer(&device, &queue, &[0.0; 300]);
    let error = embedded.encode(&mut encoder, long.slice(4..)).unwrap_err().to_string();
    assert!(error.contains("divisible by"), "{error}");
    let error = embedded.encode(&mut encoder, unbindable(&device).slice(..)).unwrap_err().to_string();
    assert!(error.contains("STORAGE"), "{error}");

    let input = block_on(TextureInput::new(&gpu, &network.input, 2, Gray::Luminance)).unwrap();
    let red = texture(&device, &queue, wgpu::TextureFormat::R8Unorm, [4, 4], &[0; 16]);
    let error = input.encode(&mut encoder, 0, &red).unwrap_err().to_string();
    assert!(error.contains("expected 3 channels or more, got R8Unorm"), "{error}");
    let error = input.encode(&mut encoder, 2, &red).unwrap_err().to_string();
    assert!(error.contains("expected a row below 2, got 2"), "{error}");
    let whole = texture(&device, &queue, wgpu::TextureFormat::Rgba8Uint, [4, 4], &[0; 64]);
    let error = input.encode(&mut encoder, 0, &whole).unwrap_err().to_string();
    assert!(error.contains("Rgba8Uint"), "{error}");

    let none = EmbedOptions { batch: 0, ..options.clone() };
    assert!(block_on(Embedded::new(&gpu, &network, &none)).is_err());
    let unknown = EmbedOptions { steps: None, ..options };
    let error = block_on(Embedded::new(&gpu, &network, &unknown)).unwrap_err().to_string();
    assert!(error.contains("steps"), "{error}");
}

/// A buffer that shaders cannot see.
fn unbindable(device: &wgpu::Device) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::COPY_DST;
    device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4096, usage, mapped_at_creation: false })
}
