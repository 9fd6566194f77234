//! Eight gestures before a simulated event camera: the same seed gives the same events on every machine, as floating
//! point is only added, multiplied, divided and rooted.

mod camera;
mod scene;

pub use camera::Event;

/// Pixels along each side.
pub const SIZE: usize = 32;
/// Steps that the network sees.
pub const STEPS: usize = 16;
/// Pictures the camera sees in a step.
pub const FRAMES: usize = 4;
/// What there is to tell apart, in the order of the labels.
pub const CLASSES: [&str; 8] = [
    "bar left",
    "bar right",
    "bar up",
    "bar down",
    "turn clockwise",
    "turn counter-clockwise",
    "disc growing",
    "disc shrinking",
];

/// The events of recording `index` of a set; classes take turns.
pub fn recording(seed: u64, index: u64) -> Vec<Event> {
    let mut random = Random(seed << 32 | index);
    let scene = scene::Scene::new(index as usize % CLASSES.len(), &mut random);
    camera::events(&scene, &mut random)
}

/// Events as the network takes them: whether a pixel saw any in a step, `[time, polarity, y, x]`; ON comes first.
pub fn bits(events: &[Event]) -> Vec<u8> {
    let mut bits = vec![0; STEPS * 2 * SIZE * SIZE];
    for event in events {
        let plane = event.frame / FRAMES * 2 + usize::from(!event.on);
        bits[(plane * SIZE + event.y) * SIZE + event.x] = 1;
    }
    bits
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.between(0.0, 1.0) < probability
    }
}
