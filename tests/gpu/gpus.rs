//! The GPU that tests run on.

use std::sync::OnceLock;

use saltatory::run::Device;
use saltatory::run::gpu::Gpu;

/// A GPU, or `None` with a printed reason; where `REQUIRE_GPU=1` there must be one. `SALTATORY_GPU` chooses by name.
pub fn gpu() -> Option<Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    let open = || {
        use saltatory::run::gpu::Choice;
        let choice = std::env::var("SALTATORY_GPU").map_or(Choice::Best, Choice::Name);
        match Gpu::open(&choice) {
            Ok(gpu) => {
                println!("on {:?}", gpu.info());
                Some(gpu)
            }
            Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{error}"),
            Err(error) => {
                println!("skipped: {error}");
                None
            }
        }
    };
    GPU.get_or_init(open).clone()
}

/// [`gpu`] as a device.
pub fn device() -> Option<Device> {
    gpu().map(Device::Gpu)
}
