//! What moves, drawn in log intensity: the ground is 0, a dark thing is below it.

use super::{FRAMES, Random, SIZE, STEPS};

/// One thing in motion. Lengths are in pixels, times from -1 to 1.
pub struct Scene {
    class: usize,
    contrast: f64,
    centre: [f64; 2],
    /// Half the way that it goes, turns or grows.
    speed: f64,
    /// The direction in which a bar lies at time 0.
    axis: [f64; 2],
    thickness: f64,
    length: f64,
    /// Two bars across each other turn, not one.
    crossed: bool,
}

impl Scene {
    /// A scene of the class, all else by chance.
    pub fn new(class: usize, random: &mut Random) -> Self {
        let middle = SIZE as f64 / 2.0;
        let sign = if random.chance(0.5) { 1.0 } else { -1.0 };
        let contrast = sign * random.between(0.25, 0.8);
        let centre = [0; 2].map(|_| middle + random.between(-4.0, 4.0));
        let upright = turned([0.0, 1.0], random.between(-0.15, 0.15));
        let speed = match class {
            0..4 => random.between(4.0, 11.0),
            4 | 5 => random.between(0.2, 0.8),
            _ => random.between(2.0, 5.0),
        };
        let axis = match class {
            0 | 1 => upright,
            2 | 3 => [upright[1], -upright[0]],
            _ => turned([0.0, 1.0], random.between(-1.0, 1.0)),
        };
        let (thickness, length) = (random.between(1.0, 2.5), random.between(6.0, 11.0));
        Self { class, contrast, centre, speed, axis, thickness, length, crossed: random.chance(0.5) }
    }

    /// The log intensity of a pixel in a frame; edges are a pixel wide.
    pub fn brightness(&self, x: usize, y: usize, frame: usize) -> f64 {
        let time = 2.0 * frame as f64 / (STEPS * FRAMES) as f64 - 1.0;
        let from_centre = [x as f64 - self.centre[0], y as f64 - self.centre[1]];
        self.contrast * (0.5 - self.distance(from_centre, time)).clamp(0.0, 1.0)
    }

    /// From the edge of the thing, negative inside. The y axis points down.
    fn distance(&self, [x, y]: [f64; 2], time: f64) -> f64 {
        let moved = self.speed * time;
        match self.class {
            0 => self.bar([x + moved, y], self.axis),
            1 => self.bar([x - moved, y], self.axis),
            2 => self.bar([x, y + moved], self.axis),
            3 => self.bar([x, y - moved], self.axis),
            4 => self.star([x, y], turned(self.axis, moved)),
            5 => self.star([x, y], turned(self.axis, -moved)),
            6 => disc([x, y], self.length - 2.0 + moved),
            _ => disc([x, y], self.length - 2.0 - moved),
        }
    }

    fn bar(&self, [x, y]: [f64; 2], [ax, ay]: [f64; 2]) -> f64 {
        let (along, across) = (x * ax + y * ay, x * ay - y * ax);
        (along.abs() - self.length).max(across.abs() - self.thickness)
    }

    fn star(&self, at: [f64; 2], axis: [f64; 2]) -> f64 {
        let bar = self.bar(at, axis);
        if self.crossed { bar.min(self.bar(at, [axis[1], -axis[0]])) } else { bar }
    }
}

fn disc([x, y]: [f64; 2], radius: f64) -> f64 {
    (x * x + y * y).sqrt() - radius
}

/// Turned clockwise as seen on a screen, by twice the arc tangent of `half`.
fn turned([x, y]: [f64; 2], half: f64) -> [f64; 2] {
    let (cos, sin) = ((1.0 - half * half) / (1.0 + half * half), 2.0 * half / (1.0 + half * half));
    [x * cos - y * sin, x * sin + y * cos]
}
