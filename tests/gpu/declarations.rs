//! What the host says of a kernel, and what its shader says.

use std::collections::BTreeSet;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess, TypeInner};
use saltatory::kernel::{Access, Kernel};
use saltatory::shared::Shared;

use crate::networks;

/// Kernels that there are; each must appear in some plan.
const KERNELS: usize = 41;

#[test]
fn every_shader_is_valid_for_every_back_end() {
    let shaders = networks::shaders();
    let names: BTreeSet<&str> = shaders.values().map(Kernel::name).collect();
    assert_eq!(names.len(), KERNELS, "{names:?}");
    for (text, kernel) in &shaders {
        let name = kernel.name();
        let module =
            naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
        let info = info.unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
        naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None).unwrap();
        let options = naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() };
        naga::back::msl::write_string(&module, &info, &options, &Default::default()).unwrap();
        let options = naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
        let mut hlsl = String::new();
        naga::back::hlsl::Writer::new(&mut hlsl, &options, &Default::default()).write(&module, &info, None).unwrap();
        slots_agree(kernel, &module);
    }
}

/// Slot names in binding order, access, and the declared workgroup.
fn slots_agree(kernel: &Kernel, module: &naga::Module) {
    let name = kernel.name();
    let mut bound: Vec<_> =
        module.global_variables.iter().filter_map(|(_, v)| v.binding.map(|b| (b.binding, v))).collect();
    bound.sort_by_key(|(binding, _)| *binding);
    assert_eq!(bound.len(), kernel.slots().len() + 1, "{name}");
    assert_eq!((bound[0].1.name.as_deref(), bound[0].1.space), (Some("window"), AddressSpace::Uniform), "{name}");
    for (at, (slot, (binding, variable))) in kernel.slots().iter().zip(&bound[1..]).enumerate() {
        assert_eq!(*binding as usize, at + 1, "{name}");
        assert_eq!(variable.name.as_deref(), Some(slot.name), "{name}");
        let access = match slot.access {
            Access::Read => StorageAccess::LOAD,
            Access::Write => StorageAccess::LOAD | StorageAccess::STORE,
        };
        assert_eq!(variable.space, AddressSpace::Storage { access }, "{name} {}", slot.name);
    }
    let size = module.entry_points[0].workgroup_size;
    assert!([64, 128, 256].contains(&size[0]) && size[1..] == [1, 1], "{name}: {size:?}");
}

/// Names and types of the fields of a struct that host and shader share.
#[test]
fn structs_have_the_same_fields() {
    use saltatory::kernel::*;
    let (text, _) = networks::shaders().into_iter().find(|(_, k)| k.name() == "conv_spike").unwrap();
    let module = naga::front::wgsl::parse_str(&text).unwrap();
    fields_agree::<WindowWords>(&module);
    fields_agree::<Edge>(&module);
    fields_agree::<Population>(&module);
    fields_agree::<conv::Geometry>(&module);
    let coefficients = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Coefficients")).unwrap().1;
    let TypeInner::Struct { members, span } = &coefficients.inner else { panic!() };
    assert_eq!(*span as usize, size_of::<saltatory::neuron::affine::Coefficients>());
    assert_eq!(members.len(), 12);
    for (text, kernel) in networks::shaders() {
        let module = naga::front::wgsl::parse_str(&text).unwrap();
        match kernel {
            Kernel::Add(_) => fields_agree::<add::Params>(&module),
            Kernel::Affine(_) => fields_agree::<affine::Params>(&module),
            Kernel::Cells(_) => {
                fields_agree::<cells::Params>(&module);
                fields_agree::<saltatory::neuron::cell::Cell>(&module);
            }
            Kernel::Compact(_) => fields_agree::<compact::Params>(&module),
            Kernel::Conv(_) => fields_agree::<conv::Params>(&module),
            Kernel::ConvSpike(_) => fields_agree::<conv_spike::Params>(&module),
            Kernel::Count(_) => fields_agree::<count::Params>(&module),
            Kernel::Delay(_) => fields_agree::<delay::Params>(&module),
            Kernel::DelayPush(_) => fields_agree::<delay_push::Params>(&module),
            Kernel::Linear(_) => fields_agree::<linear::Params>(&module),
            Kernel::LinearSpike(_) => fields_agree::<linear_spike::Params>(&module),
            Kernel::Membrane(_) => fields_agree::<membrane::Params>(&module),
            Kernel::Meter(_) => fields_agree::<meter::Params>(&module),
            Kernel::Pool(_) => fields_agree::<pool::Params>(&module),
            Kernel::Probe(_) => fields_agree::<probe::Params>(&module),
            Kernel::Propagate(_) => fields_agree::<propagate::Params>(&module),
            Kernel::Readout(_) => fields_agree::<readout::Params>(&module),
            Kernel::RecurrentSpike(_) => fields_agree::<recurrent_spike::Params>(&module),
            Kernel::Regenerate(_) => {
                fields_agree::<regenerate::Params>(&module);
                fields_agree::<synapse::Rule>(&module);
            }
            Kernel::Reorder(_) => fields_agree::<reorder::Params>(&module),
            Kernel::Sparse(_) => fields_agree::<sparse::Params>(&module),
            Kernel::BatchSum(_) => fields_agree::<grad::batch_sum::Params>(&module),
            Kernel::ConvInput(_) => fields_agree::<grad::conv_input::Params>(&module),
            Kernel::ConvWeight(_) => fields_agree::<grad::conv_weight::Params>(&module),
            Kernel::DelayInput(_) => fields_agree::<grad::delay_input::Params>(&module),
            Kernel::LinearWeight(_) => fields_agree::<grad::linear_weight::Params>(&module),
            Kernel::Loss(_) => fields_agree::<grad::loss::Params>(&module),
            Kernel::Mask(_) => fields_agree::<grad::mask::Params>(&module),
            Kernel::MembraneInput(_) => fields_agree::<grad::membrane_input::Params>(&module),
            Kernel::NormFactors(_) => fields_agree::<grad::norm_factors::Params>(&module),
            Kernel::NormInput(_) => fields_agree::<grad::norm_input::Params>(&module),
            Kernel::NormMerge(_) => fields_agree::<grad::norm_merge::Params>(&module),
            Kernel::NormMoments(_) => fields_agree::<grad::norm_moments::Params>(&module),
            Kernel::NormSums(_) => fields_agree::<grad::norm_sums::Params>(&module),
            Kernel::Optimise(_) => fields_agree::<grad::optimise::Params>(&module),
            Kernel::PoolInput(_) => fields_agree::<grad::pool_input::Params>(&module),
            Kernel::Quantise(_) => fields_agree::<grad::quantise::Params>(&module),
            Kernel::RatePenalty(_) => fields_agree::<grad::rate_penalty::Params>(&module),
            Kernel::Transpose(_) => fields_agree::<grad::transpose::Params>(&module),
            Kernel::SquareSum(_) => fields_agree::<grad::square_sum::Params>(&module),
            Kernel::TimeSum(_) => fields_agree::<grad::time_sum::Params>(&module),
        }
    }
}

fn fields_agree<T: Shared>(module: &naga::Module) {
    let (_, found) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(T::TYPE)).unwrap();
    let TypeInner::Struct { members, .. } = &found.inner else { panic!("{} is no struct", T::TYPE) };
    let names: Vec<&str> = members.iter().map(|m| m.name.as_deref().unwrap()).collect();
    assert_eq!(names, T::FIELDS.iter().map(|f| f.0).collect::<Vec<_>>(), "{}", T::TYPE);
    for (member, (field, kind)) in members.iter().zip(T::FIELDS) {
        let ty = &module.types[member.ty];
        let own = match (&ty.name, &ty.inner) {
            (Some(name), _) => name.clone(),
            (None, TypeInner::Vector { .. }) => "vec2<u32>".into(),
            (None, TypeInner::Scalar(s)) if s.kind == naga::ScalarKind::Float => "f32".into(),
            (None, TypeInner::Scalar(s)) if s.kind == naga::ScalarKind::Sint => "i32".into(),
            _ => "u32".into(),
        };
        assert_eq!(own, *kind, "{}.{field}", T::TYPE);
    }
}
