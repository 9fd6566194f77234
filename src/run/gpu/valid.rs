//! Whether a shader that is no kernel of a plan is valid, as `tests/gpu/declarations.rs` asks of those that are.
#![allow(clippy::unwrap_used, clippy::panic)]

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// Parses, validates and translates; `bound` are the names of the bindings in order.
pub(super) fn valid_everywhere(text: &str, bound: &[&str]) {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
    let info = info.unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
    naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None).unwrap();
    let options = naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() };
    naga::back::msl::write_string(&module, &info, &options, &Default::default()).unwrap();
    let options = naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
    let mut hlsl = String::new();
    naga::back::hlsl::Writer::new(&mut hlsl, &options, &Default::default()).write(&module, &info, None).unwrap();
    let mut found: Vec<_> =
        module.global_variables.iter().filter_map(|(_, v)| v.binding.map(|b| (b, &v.name))).collect();
    found.sort_by_key(|(binding, _)| binding.binding);
    let names: Vec<_> = found.iter().map(|(_, name)| name.as_deref().unwrap()).collect();
    assert_eq!(names, bound);
}
