//! States of a network that go on: safetensors with potentials, currents, spikes on their way.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use saltatory::run::{Options, State};
use saltatory::{Network, Session, Tensor};
use saltatory_fuzz::{Folder, stream};

static NETWORK: LazyLock<Network> = LazyLock::new(|| stream().expect("a network"));

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    let Ok(state) = State::load(&folder.put("state.safetensors", data)) else { return };
    let mut session = Session::new(NETWORK.clone(), Options::default()).expect("a session");
    if session.set_state(&state).is_ok() {
        session.step(&Tensor::filled([3], 1.0)).expect("a step");
        let after = session.state().expect("a state").expect("a state");
        after.save(&folder.path().join("after.safetensors")).expect("a file");
    }
});
