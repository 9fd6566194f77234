//! The part of time and of the batch that a dispatch covers. Twin of `shaders/window.wgsl`.

use bytemuck::{Pod, Zeroable};

/// The part of time and of the batch that a dispatch covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Samples.
    pub batch: usize,
    /// First step, as an index into buffers that hold a series.
    pub start: usize,
    /// Number of steps.
    pub steps: usize,
    /// Steps of the samples before `start`.
    pub at: usize,
    /// Steps that their states have seen before `start`: 0 means a fresh state.
    pub clock: u64,
}

/// A window as shaders read it, with the part of it that one dispatch computes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct WindowWords {
    /// Samples that the buffers hold.
    pub batch: u32,
    /// First sample of the dispatch.
    pub first: u32,
    /// As [`Window::start`].
    pub start: u32,
    /// As [`Window::steps`].
    pub steps: u32,
    /// As [`Window::at`].
    pub at: u32,
    /// As [`Window::clock`]; from 2^30 on only its low bits count.
    pub clock: u32,
    /// First workgroup of a sample in the dispatch.
    pub group: u32,
    /// The first workgroup of a sample that the dispatch leaves alone.
    pub groups: u32,
    /// Zero, which no compiler knows.
    pub zero: u32,
    /// 1 over the steps of the samples up to the end of the window.
    pub mean: f32,
    /// Samples of the dispatch, where one covers several.
    pub samples: u32,
    /// Uniforms come in multiples of 16 bytes.
    pub padding: u32,
}

crate::shared::shared!(WindowWords as "Window" {
    batch: u32, first: u32, start: u32, steps: u32, at: u32, clock: u32, group: u32, groups: u32, zero: u32, mean: f32,
    samples: u32, padding: u32,
});

/// Where clocks of shaders wrap: rings have a power of two of slots, no more than this.
pub const CLOCK_WRAP: u64 = 1 << 30;

impl Window {
    /// Steps of the samples up to its end.
    pub fn end(&self) -> usize {
        self.at + self.steps
    }

    /// The factor that makes a sum over the steps so far their mean.
    pub fn mean(&self) -> f32 {
        (1.0 / self.end() as f64) as f32
    }

    /// As shaders read it: samples from `first` on, workgroups `group..groups` of each.
    pub fn words(&self, first: u32, group: u32, groups: u32) -> WindowWords {
        let clock = if self.clock < CLOCK_WRAP { self.clock } else { CLOCK_WRAP + self.clock % CLOCK_WRAP };
        WindowWords {
            batch: self.batch as u32,
            first,
            start: self.start as u32,
            steps: self.steps as u32,
            at: self.at as u32,
            clock: clock as u32,
            group,
            groups,
            zero: 0,
            mean: self.mean(),
            samples: 1,
            padding: 0,
        }
    }
}
