//! What goes to the device: samples and gradients, packed as an edge has them.

use super::context::Gpu;
use crate::kernel::{Edge, Window};
use crate::run::pack::{lies_packed, pack, pack_batch};

/// Writes the input of a window.
pub(super) fn upload(gpu: &Gpu, buffer: &wgpu::Buffer, edge: &Edge, window: Window, rows: &[&[f32]]) {
    let (steps, before) = if edge.series == 1 { (window.steps, window.at) } else { (1, 0) };
    let frame = edge.elements();
    let all_run = rows.iter().all(|row| row.len() >= (before + steps) * frame);
    if lies_packed(edge) && all_run {
        let at = (0..steps).flat_map(|t| rows.iter().map(move |row| &row[(before + t) * frame..][..frame]));
        if write_as_they_are(gpu, buffer, &at.collect::<Vec<_>>()) {
            return;
        }
    }
    let mut words = vec![0; edge.step_words() * rows.len() * steps];
    pack_batch(edge, window, rows, &mut words);
    gpu.queue().write_buffer(buffer, 0, bytemuck::cast_slice(&words));
}

/// Writes steps of samples that lie one behind the other, `[time, sample]`, each in people's order.
pub(super) fn write_steps(gpu: &Gpu, buffer: &wgpu::Buffer, edge: &Edge, steps: &[f32]) {
    if lies_packed(edge) && write_as_they_are(gpu, buffer, &[steps]) {
        return;
    }
    let mut words = vec![0; steps.len() / edge.elements() * edge.step_words()];
    pack(edge, steps, &mut words);
    gpu.queue().write_buffer(buffer, 0, bytemuck::cast_slice(&words));
}

/// Writes rows one behind the other, straight to where the device takes them from; whether there was room.
fn write_as_they_are(gpu: &Gpu, buffer: &wgpu::Buffer, rows: &[&[f32]]) -> bool {
    let bytes = rows.iter().map(|row| size_of_val(*row)).sum::<usize>();
    let Some(mut view) =
        wgpu::BufferSize::new(bytes as u64).and_then(|size| gpu.queue().write_buffer_with(buffer, 0, size))
    else {
        return false;
    };
    let mut at = 0;
    for row in rows {
        let end = at + size_of_val(*row);
        view.slice(at..end).copy_from_slice(bytemuck::cast_slice(row));
        at = end;
    }
    true
}
