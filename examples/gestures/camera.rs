//! An event camera: a pixel speaks when its log intensity has changed by a threshold since it last spoke.

use super::scene::Scene;
use super::{FRAMES, Random, SIZE, STEPS};

/// A pixel became brighter (ON) or darker (OFF).
pub struct Event {
    pub frame: usize,
    pub x: usize,
    pub y: usize,
    pub on: bool,
}

/// Pixels differ in their threshold.
const THRESHOLD: [f64; 2] = [0.15, 0.3];
/// Events that get lost.
const LOST: f64 = 0.25;
/// Events of no cause, for each pixel and frame.
const NOISE: f64 = 0.0008;

/// All events of a scene, by time.
pub fn events(scene: &Scene, random: &mut Random) -> Vec<Event> {
    let thresholds: Vec<f64> = (0..SIZE * SIZE).map(|_| random.between(THRESHOLD[0], THRESHOLD[1])).collect();
    let mut last: Vec<f64> = (0..SIZE * SIZE).map(|i| scene.brightness(i % SIZE, i / SIZE, 0)).collect();
    let mut events = Vec::new();
    for frame in 0..STEPS * FRAMES {
        for (i, (last, threshold)) in last.iter_mut().zip(&thresholds).enumerate() {
            let (x, y) = (i % SIZE, i / SIZE);
            let change = scene.brightness(x, y, frame) - *last;
            if change.abs() >= *threshold {
                *last += if change > 0.0 { *threshold } else { -*threshold };
                if !random.chance(LOST) {
                    events.push(Event { frame, x, y, on: change > 0.0 });
                }
            }
            if random.chance(NOISE) {
                events.push(Event { frame, x, y, on: random.chance(0.5) });
            }
        }
    }
    events
}
