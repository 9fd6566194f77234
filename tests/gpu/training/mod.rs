//! Training on a GPU gives what the plain twins give.
//!
//! Sums have the same order and every product is rounded on its own, so that most gradients are the same to the bit. WGSL
//! leaves to drivers how exact `exp`, `log`, `sqrt` and divisions are, on which softmax, some surrogates, batch norm and
//! Adam depend: there what is compared is up to [`TOLERANCE`] of the largest value of a tensor.

mod cases;
mod families;
mod sabotage;

use std::collections::BTreeMap;

use saltatory::network::{InputKind, checkpoint};
use saltatory::run::Device;
use saltatory::run::gpu::Budget;
use saltatory::train::{LossKind, Over, StepReport, TrainOptions, Trainer};

use crate::gpus;
pub use cases::{Case, cases, plan};

/// Of the largest value of a tensor.
const TOLERANCE: f32 = 1e-5;
/// Steps of training.
const TRAINED: usize = 2;

/// What a step gave: its report, gradients and parameters.
type Outcome = (StepReport, BTreeMap<String, Vec<f32>>);

/// Steps of training on a device.
fn train(case: &Case, device: &Device) -> Vec<Outcome> {
    let options = TrainOptions { device: device.clone(), ..case.options.clone() };
    let mut trainer = Trainer::new(case.network.clone(), options).unwrap();
    let outcome = |step: usize| {
        let (samples, labels) = case.batch(step);
        let rows: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
        let report = trainer.accumulate(&rows, &labels, rows.len()).unwrap();
        let gradients = trainer.gradients().unwrap().into_iter();
        let mut tensors: BTreeMap<_, _> =
            gradients.map(|(name, tensor)| (format!("gradient of {name}"), tensor.data().to_vec())).collect();
        if case.options.input_gradient {
            tensors.insert("gradient of the input".into(), trainer.input_gradient().unwrap().into_data());
        }
        trainer.optimise().unwrap();
        for node in trainer.network().unwrap().nodes {
            for (what, tensor) in checkpoint::tensors(&node.layer) {
                tensors.insert(format!("{}.{what}", node.name), tensor.data().to_vec());
            }
        }
        let moments = trainer.state().unwrap().moments.into_iter();
        tensors.extend(moments.map(|(name, tensor)| (name, tensor.data().to_vec())));
        (report, tensors)
    };
    (0..TRAINED).map(outcome).collect()
}

/// The first thing in which two trainings differ, by more than so much of the largest value of a tensor.
fn difference(expected: &[Outcome], got: &[Outcome], tolerance: f32) -> Option<String> {
    for (step, ((ours, tensors), (theirs, others))) in expected.iter().zip(got).enumerate() {
        let close = |a: f64, b: f64| (a - b).abs() <= f64::from(tolerance) * a.abs();
        let norms = [ours, theirs].map(|report| report.gradient_norm.unwrap_or(0.0));
        let same = ours.correct == theirs.correct && ours.firing_rates == theirs.firing_rates;
        if !same || !close(ours.loss, theirs.loss) || !close(norms[0], norms[1]) {
            return Some(format!("step {step}: expected {ours:?}, got {theirs:?}"));
        }
        for (name, values) in tensors {
            let largest = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let pairs = values.iter().zip(&others[name]).enumerate();
            // One value alone is a sum in which much cancels.
            let tolerance = if values.len() == 1 { 10.0 * tolerance } else { tolerance };
            let off =
                pairs.into_iter().find(|(_, (a, b))| (*a - *b).abs() > tolerance * largest || a.is_nan() != b.is_nan());
            if let Some((at, (a, b))) = off {
                return Some(format!("step {step}, {name} at {at}: expected {a:e}, got {b:e}, largest {largest:e}"));
            }
        }
    }
    None
}

#[test]
fn training_is_the_same() {
    let Some(device) = gpus::device() else { return };
    let mut failed = Vec::new();
    let mut exact = 0;
    for case in cases() {
        let expected = train(&case, &Device::Reference);
        let fired: f64 = expected.iter().flat_map(|(report, _)| &report.firing_rates).map(|(_, rate)| rate).sum();
        let moved = expected.iter().flat_map(|(_, tensors)| tensors.values()).flatten().any(|x| *x != 0.0);
        assert!(moved && (fired > 0.0 || expected[0].0.firing_rates.is_empty()), "{}: {:?}", case.name, expected[0].0);
        let got = train(&case, &device);
        let tolerance = if case.is_exact() { 0.0 } else { TOLERANCE };
        exact += usize::from(case.is_exact());
        failed.extend(difference(&expected, &got, tolerance).map(|off| (case.name, off)));
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(exact > 30, "{exact} are compared to the bit");
}

/// Results do not depend on how work is cut into pieces.
#[test]
fn pieces_give_the_bits_of_the_whole() {
    let Some(gpu) = gpus::gpu() else { return };
    let whole = Device::Gpu(gpu.clone());
    for (name, memory) in [("images", 2 << 30), ("residual", 200 << 10), ("sequence", 40 << 10), ("long", 100 << 10)] {
        let case = cases::case(name);
        let budget = Budget { memory, dispatch: 20_000, submission: 50_000, axis: 3 };
        let pieces = Device::Gpu(gpu.with_budget(budget));
        assert_eq!(difference(&train(&case, &whole), &train(&case, &pieces), 0.0), None, "{name}");
    }
}

#[test]
fn a_batch_that_does_not_fit_with_its_statistics_is_refused() {
    let Some(gpu) = gpus::gpu() else { return };
    let case = cases::case("images");
    let budget = Budget { memory: 200 << 10, ..Budget::default() };
    let options = TrainOptions { device: Device::Gpu(gpu.with_budget(budget)), ..case.options.clone() };
    let mut trainer = Trainer::new(case.network.clone(), options).unwrap();
    let (samples, labels) = case.batch(0);
    let rows: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
    let error = trainer.step(&rows, &labels).unwrap_err().to_string();
    assert!(error.contains("statistics of a whole batch"), "{error}");
    // Nor where the host reads what a whole batch gave.
    let case = cases::case("long");
    let budget = Budget { memory: 100 << 10, ..Budget::default() };
    let options =
        TrainOptions { input_gradient: true, device: Device::Gpu(gpu.with_budget(budget)), ..case.options.clone() };
    let mut trainer = Trainer::new(case.network.clone(), options).unwrap();
    let (samples, labels) = case.batch(0);
    let rows: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
    let error = trainer.step(&rows, &labels).unwrap_err().to_string();
    assert!(error.contains("the gradient of the input is kept of a whole batch"), "{error}");
    let error = trainer.forward(&rows).unwrap_err().to_string();
    assert!(error.contains("the output is kept of a whole batch"), "{error}");
}

/// A batch without a finite loss is as if it had not been there: its statistics stay nowhere.
#[test]
fn a_batch_that_is_refused_leaves_no_statistics() {
    let Some(device) = gpus::device() else { return };
    let builder = cases::input(&[6], InputKind::Real).linear(70).name("a").batch_norm().add("a").linear(3);
    let options = TrainOptions { loss: cases::loss(LossKind::Mse, Over::Mean), device, ..Default::default() };
    let case = Case::new("refused", builder, false, options);
    let [mut spoilt, mut whole] = [0, 1].map(|_| Trainer::new(case.network.clone(), case.options.clone()).unwrap());
    let batches = [0, 1].map(|step| case.batch(step));
    let step = |trainer: &mut Trainer, (samples, labels): &(Vec<Vec<f32>>, Vec<u32>), factor: f32| {
        let samples: Vec<Vec<f32>> = samples.iter().map(|row| row.iter().map(|x| x * factor).collect()).collect();
        trainer.step(&samples.iter().map(Vec::as_slice).collect::<Vec<_>>(), labels)
    };
    for trainer in [&mut spoilt, &mut whole] {
        step(trainer, &batches[0], 1.0).unwrap();
    }
    // The square of a score is more than a number holds.
    let error = step(&mut spoilt, &batches[0], 1e25).unwrap_err().to_string();
    assert!(error.contains("loss of step 2 is not finite"), "{error}");
    assert_eq!(spoilt.network().unwrap(), whole.network().unwrap());
    assert_eq!(step(&mut spoilt, &batches[1], 1.0).unwrap(), step(&mut whole, &batches[1], 1.0).unwrap());
    assert_eq!(spoilt.network().unwrap(), whole.network().unwrap());
}
