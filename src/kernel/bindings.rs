//! The slots of a dispatch, resolved to memory.

use super::{Edge, Window};

/// How a kernel uses a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only reads it.
    Read,
    /// Writes it, and may read what it wrote before.
    Write,
}

/// What a slot holds, as the shader declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit words: packed bits, bit planes, indices, or f32 as its parameters say.
    Words,
    /// f32.
    Real,
    /// [`crate::neuron::affine::Coefficients`].
    Coefficients,
}

/// One slot of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// The name in the shader.
    pub name: &'static str,
    /// How it is used.
    pub access: Access,
    /// What it holds.
    pub element: Element,
}

/// A read-only slot.
pub(super) const fn read(name: &'static str, element: Element) -> SlotInfo {
    SlotInfo { name, access: Access::Read, element }
}

/// A written slot.
pub(super) const fn write(name: &'static str, element: Element) -> SlotInfo {
    SlotInfo { name, access: Access::Write, element }
}

/// The memory of a dispatch's slots, in binding order. A slot that is not bound is empty.
#[derive(Debug, Default)]
pub struct Bindings<'a> {
    slots: Vec<Bound<'a>>,
}

#[derive(Debug)]
enum Bound<'a> {
    Read(&'a [u32]),
    /// For reading, with so many words from a step to the next.
    Apart(&'a [u32], usize),
    Write(&'a mut [u32]),
}

impl<'a> Bindings<'a> {
    /// Binds the next slot for reading.
    pub fn push_read(&mut self, data: &'a [u32]) {
        self.slots.push(Bound::Read(data));
    }

    /// Binds the next slot for reading: an edge of which a step begins so many words after the one before.
    pub fn push_apart(&mut self, data: &'a [u32], words: usize) {
        self.slots.push(Bound::Apart(data, words));
    }

    /// Binds the next slot for writing.
    pub fn push_write(&mut self, data: &'a mut [u32]) {
        self.slots.push(Bound::Write(data));
    }

    /// A slot's words.
    pub fn words(&self, slot: usize) -> &'a [u32] {
        match self.slots.get(slot) {
            Some(Bound::Read(data)) => data,
            _ => &[],
        }
    }

    /// A step of a sample in a slot that holds an edge.
    pub fn step(&self, slot: usize, edge: &Edge, window: Window, t: usize, sample: usize) -> &'a [u32] {
        match self.slots.get(slot) {
            Some(Bound::Apart(data, words)) => {
                let step = if edge.series == 1 { window.start + t } else { 0 };
                &data[step * words + sample * edge.step_words()..][..edge.step_words()]
            }
            _ => edge.step(self.words(slot), window, t, sample),
        }
    }

    /// A slot's words as values of another type.
    pub fn values<T: bytemuck::Pod>(&self, slot: usize) -> &'a [T] {
        bytemuck::cast_slice(self.words(slot))
    }

    /// A slot's words, to be written. They are taken: a second call gives nothing.
    pub fn words_mut(&mut self, slot: usize) -> &'a mut [u32] {
        match self.slots.get_mut(slot) {
            Some(Bound::Write(data)) => std::mem::take(data),
            _ => &mut [],
        }
    }

    /// A slot's words as f32, to be written. They are taken: a second call gives nothing.
    pub fn reals_mut(&mut self, slot: usize) -> &'a mut [f32] {
        bytemuck::cast_slice_mut(self.words_mut(slot))
    }
}
