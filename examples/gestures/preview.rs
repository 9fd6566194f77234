//! Recordings as clouds of events: time goes to the right, the camera looks along it from the left.

use image::{Rgb, RgbImage};

use crate::gestures::{Event, FRAMES, SIZE, STEPS};

const COLUMNS: usize = 4;
/// Width and height of a recording's panel, and the gap between two.
const PANEL: [usize; 2] = [324, 268];
const GAP: usize = 12;
/// Where the first picture's top left corner stands in the panel, in pixels right and down, and what a step along time,
/// x and y adds.
const ORIGIN: [f32; 2] = [20.0, 73.0];
const TIME: [f32; 2] = [3.2, 0.0];
const X: [f32; 2] = [2.5, -1.6];
const Y: [f32; 2] = [0.0, 5.4];

const PAGE: [f32; 3] = [0.035, 0.04, 0.06];
const GROUND: [f32; 3] = [0.055, 0.063, 0.09];
const FRAME: [f32; 3] = [0.045, 0.055, 0.08];
const ON: [f32; 3] = [1.3, 0.52, 0.08];
const OFF: [f32; 3] = [0.06, 0.55, 1.4];

/// A picture of recordings, row by row.
pub fn picture(recordings: &[Vec<Event>]) -> RgbImage {
    let rows = recordings.len().div_ceil(COLUMNS);
    let [width, height] = [COLUMNS * (PANEL[0] + GAP) + GAP, rows * (PANEL[1] + GAP) + GAP];
    let mut canvas = Canvas { width, light: vec![PAGE; width * height] };
    for (i, events) in recordings.iter().enumerate() {
        let corner = [i % COLUMNS * (PANEL[0] + GAP) + GAP, i / COLUMNS * (PANEL[1] + GAP) + GAP];
        for y in corner[1]..corner[1] + PANEL[1] {
            canvas.light[y * width + corner[0]..][..PANEL[0]].fill(GROUND);
        }
        let at =
            |t: f32, x: f32, y: f32| [0, 1].map(|k| corner[k] as f32 + ORIGIN[k] + t * TIME[k] + x * X[k] + y * Y[k]);
        let (end, far) = ((STEPS * FRAMES) as f32, SIZE as f32);
        for (a, b) in [(0.0, 0.0), (0.0, far), (far, 0.0), (far, far)] {
            canvas.line(at(0.0, a, b), at(end, a, b));
            canvas.line(at(a / far * end, 0.0, b), at(a / far * end, far, b));
            canvas.line(at(a / far * end, b, 0.0), at(a / far * end, b, far));
        }
        for event in events {
            let place = at(event.frame as f32, event.x as f32 + 0.5, event.y as f32 + 0.5);
            canvas.dot(place, if event.on { ON } else { OFF }, 1.15);
        }
    }
    // Where dots lie on each other they glow, but never more than white.
    let shade = |light: f32| (255.0 * (1.0 - (-light).exp()).powf(0.8)) as u8;
    RgbImage::from_fn(width as u32, height as u32, |x, y| Rgb(canvas.light[y as usize * width + x as usize].map(shade)))
}

/// Light that adds up.
struct Canvas {
    width: usize,
    light: Vec<[f32; 3]>,
}

impl Canvas {
    fn dot(&mut self, at: [f32; 2], colour: [f32; 3], radius: f32) {
        let [left, top] = at.map(|v| v as usize - 3);
        for (y, x) in (top..top + 7).flat_map(|y| (left..left + 7).map(move |x| (y, x))) {
            let squared = (x as f32 - at[0]).powi(2) + (y as f32 - at[1]).powi(2);
            let strength = (-squared / (2.0 * radius * radius)).exp();
            for (light, part) in self.light[y * self.width + x].iter_mut().zip(colour) {
                *light += part * strength;
            }
        }
    }

    fn line(&mut self, from: [f32; 2], to: [f32; 2]) {
        let length = (to[0] - from[0]).abs().max((to[1] - from[1]).abs());
        for i in 0..=length as usize {
            let share = i as f32 / length;
            self.dot([0, 1].map(|k| from[k] + (to[k] - from[k]) * share), FRAME, 0.5);
        }
    }
}
