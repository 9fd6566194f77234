//! What a batch may touch, what it may take, and what happens where that is too little.

use saltatory::network::Readout;
use saltatory::neuron::{If, Lif};
use saltatory::run::gpu::{Budget, Gpu};
use saltatory::run::verify::{self, Case, difference};
use saltatory::run::{Device, Options};
use saltatory::{Error, Network, Session, Tensor};

use crate::gpus;
use crate::sabotage::expected;

/// NaN as a real, and not what any kernel writes.
const POISON: u32 = 0xffc0_dead;

/// A batch of so many samples, those of the case over and over.
fn batch(case: &Case, samples: usize) -> Tensor {
    let shape = case.input.shape();
    let row = case.input.len() / shape[0];
    let rows = (0..samples).flat_map(|i| &case.input.data()[i % shape[0] * row..][..row]);
    let shape = [&[samples], &shape[1..]].concat();
    Tensor::new(shape, rows.copied().collect()).unwrap()
}

/// Words beyond a batch that changed, and words beyond it.
fn strays(case: &Case, device: &Device) -> (usize, usize) {
    let mut session = case.session(device).unwrap();
    let of = |samples| Case { input: batch(case, samples), ..case.clone() };
    of(8).run_in(&mut session).unwrap();
    session.poison(POISON);
    let got = of(5).run_in(&mut session).unwrap();
    assert_eq!(difference(&case.run(&Device::Cpu).unwrap(), &got), None, "{}", case.name);
    let beyond = session.beyond(5).unwrap();
    (beyond.iter().filter(|&&word| word != POISON).count(), beyond.len())
}

#[test]
fn nothing_is_written_out_of_range() {
    let Some(device) = gpus::device() else { return };
    for case in verify::cases().unwrap() {
        let (strays, words) = strays(&case, &device);
        assert!(strays == 0 && words > 100, "{}: {strays} of {words}", case.name);
    }
}

#[test]
fn a_write_out_of_range_is_noticed() {
    let Some(gpu) = gpus::gpu() else { return };
    // The first word behind the batch, written by kernels that record.
    let gpu = gpu.with_edited_shaders(|_, text| {
        let end = "3u * (window.start + window.steps) * window.batch * neuron_of(p.population.output.cells, 0u)";
        let stray = format!("traces[{end}] = 0.0;\n        traces[at] = stepped.h;");
        if text.contains("fn neuron_of") { text.replace("traces[at] = stepped.h;", &stray) } else { text }
    });
    let case = verify::cases().unwrap().into_iter().find(|c| c.name == "images, recorded").unwrap();
    let (strays, _) = strays(&case, &Device::Gpu(gpu));
    assert!(strays > 0);
}

/// Every network under a budget, in series and in slices that are recorded.
fn same_under(gpu: &Gpu, budget: Budget) {
    let device = Device::Gpu(gpu.with_budget(budget));
    let forms = [", series", ", recorded in slices"];
    for (case, expected) in expected().iter().filter(|(case, _)| forms.iter().any(|form| case.name.ends_with(form))) {
        assert_eq!(difference(expected, &case.run(&device).unwrap()), None, "{} under {budget:?}", case.name);
    }
}

#[test]
fn many_small_dispatches_give_the_same() {
    let Some(gpu) = gpus::gpu() else { return };
    let whole = Budget::default();
    // Pieces of the batch, and of a sample; grids that need their third axis.
    same_under(&gpu, Budget { dispatch: 20_000, submission: 50_000, ..whole });
    same_under(&gpu, Budget { dispatch: 3_000, submission: 3_000, axis: 3, ..whole });
}

#[test]
fn little_memory_gives_the_same() {
    let Some(gpu) = gpus::gpu() else { return };
    // Some cases then run sample by sample, some in shorter slices of time.
    same_under(&gpu, Budget { memory: 256 << 10, ..Budget::default() });
}

#[test]
fn too_little_memory_says_so() {
    let Some(gpu) = gpus::gpu() else { return };
    let case = &verify::cases().unwrap()[1];
    let device = Device::Gpu(gpu.with_budget(Budget { memory: 1000, ..Budget::default() }));
    let error = case.run(&device).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{text}");
    assert!(text.contains("over 1 steps at once needs") && text.contains("the budget is 1000 B"), "{text}");
    assert!(text.contains(&gpu.info().name), "{text}");
}

/// A device as weak as the web's least.
fn weak(change: impl FnOnce(&mut wgpu::Limits)) -> Option<Gpu> {
    let name = gpus::gpu()?.info().name.clone();
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == name)?;
    let mut limits = wgpu::Limits::default();
    change(&mut limits);
    let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
    Some(Gpu::from_device(&device, &queue).unwrap())
}

#[test]
fn the_weakest_device_will_do() {
    let Some(gpu) = weak(|_| ()) else { return };
    let limits = gpu.device().limits();
    assert_eq!((limits.max_storage_buffers_per_shader_stage, limits.max_compute_invocations_per_workgroup), (8, 256));
    assert_eq!(
        (limits.max_compute_workgroup_storage_size, limits.max_storage_buffer_binding_size),
        (16 << 10, 128 << 20)
    );
    let verdicts = verify::verify(&Device::Gpu(gpu), |_| {}).unwrap();
    assert!(verdicts.iter().all(|verdict| verdict.difference.is_none()), "{verdicts:#?}");
}

#[test]
fn small_bindings_give_the_same() {
    // What the widest layer has as weights fits, results of a whole batch do not.
    let small = |limits: &mut wgpu::Limits| {
        limits.max_storage_buffer_binding_size = 400 << 10;
        limits.max_buffer_size = 400 << 10;
        limits.max_compute_workgroups_per_dimension = 100;
    };
    let Some(gpu) = weak(small) else { return };
    same_under(&gpu, Budget::default());
    let case = verify::cases().unwrap().into_iter().find(|c| c.name == "reshaped, series").unwrap();
    let got = Case { input: batch(&case, 20_000), ..case.clone() }.run(&Device::Gpu(gpu)).unwrap();
    let expected = case.run(&Device::Cpu).unwrap();
    let row = expected.scores.data();
    assert!(got.scores.data().chunks(row.len()).all(|scores| scores == row));
}

#[test]
fn grids_may_need_their_third_axis() {
    let Some(device) = gpus::device() else { return };
    // 2^23 elements: 131,072 workgroups of 64.
    let network = Network::new([8, 1024, 1024])
        .scale(Tensor::vector((0..8).map(|i| 0.3 + i as f32 / 8.0).collect()))
        .spiking(If::default())
        .sum_pool(64)
        .steps(1)
        .build()
        .unwrap();
    let input: Vec<f32> = (0..1u32 << 23).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32 / 2048.0).collect();
    let input = Tensor::new([1, 8, 1024, 1024], input).unwrap();
    let run = |device: &Device| {
        let options = Options { device: device.clone(), readout: Some(Readout::Last), ..Default::default() };
        Session::new(network.clone(), options).unwrap().run(&input).unwrap()
    };
    let expected = run(&Device::Cpu);
    assert!(expected.metrics.populations[0].spikes > 1 << 20);
    assert_eq!(difference(&expected, &run(&device)), None);
}

#[test]
fn threads_share_a_gpu() {
    let Some(device) = gpus::device() else { return };
    let cases = || expected().iter().step_by(4);
    std::thread::scope(|scope| {
        for first in 0..4 {
            let device = &device;
            scope.spawn(move || {
                // Threads begin at different cases, and meet.
                for (case, expected) in cases().skip(first * 4).chain(cases().take(first * 4)) {
                    let got = case.run(device).unwrap();
                    assert_eq!(difference(expected, &got), None, "thread {first}, {}", case.name);
                }
            });
        }
    });
}

#[test]
fn a_lost_device_is_an_error() {
    use saltatory::run::gpu::Choice;
    let Some(found) = gpus::gpu() else { return };
    let name = found.info().name.clone();
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for own in [true, false] {
            let gpu =
                if own { Gpu::open(&Choice::Name(found.info().name.clone())).unwrap() } else { weak(|_| ()).unwrap() };
            let network = Network::new([1, 16, 16]).conv2d(8, 3).spiking(Lif::tau(2.0)).steps(4).build();
            let mut network = network.unwrap();
            network.init(1).unwrap();
            let options = Options { device: Device::Gpu(gpu.clone()), ..Default::default() };
            let mut session = Session::new(network, options).unwrap();
            let sample = vec![0.5; 256];
            let rows = [sample.as_slice(); 3];
            session.run_samples(&rows, None).unwrap();
            let ticket = session.submit(&rows, None).unwrap();
            gpu.device().destroy();
            // What was begun may be done already.
            let begun = session.finish(ticket, &rows).err();
            done.send((begun, false)).unwrap();
            done.send((session.run_samples(&rows, None).err(), true)).unwrap();
            done.send((session.step(&Tensor::filled([1, 16, 16], 1.0)).err(), true)).unwrap();
        }
    });
    for _ in 0..6 {
        let (error, must) = wait.recv_timeout(std::time::Duration::from_secs(60)).expect("a hang or a panic");
        println!("{error:?}");
        assert!(error.is_some() || !must);
        if let Some(error) = error {
            assert!(matches!(&error, Error::Gpu { device, .. } if *device == name), "{error}");
        }
    }
}
