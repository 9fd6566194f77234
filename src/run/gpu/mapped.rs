//! What buffers hold, on the host.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::context::Gpu;
use crate::error::Result;

/// The outcome of mapping a buffer, and who waits for it.
type Outcome = (Option<std::result::Result<(), wgpu::BufferAsyncError>>, Option<Waker>);

/// The first words of each buffer: submits copies and waits for them, on the web by way of the event loop.
///
/// # Errors
/// [`crate::Error::Gpu`], [`crate::Error::OutOfMemory`].
pub(super) async fn mapped(gpu: &Gpu, sources: &[(&wgpu::Buffer, usize)]) -> Result<Vec<Vec<u32>>> {
    let parts = |words: &[u32]| {
        let mut rest = words;
        let parts = sources.iter().map(|(_, words)| {
            let (own, others) = rest.split_at(*words);
            rest = others;
            own.to_vec()
        });
        parts.collect()
    };
    with(gpu, sources, parts).await
}

/// What is made of the first words of each buffer, one behind the other where they are mapped.
///
/// # Errors
/// As [`mapped`].
pub(super) async fn with<T>(
    gpu: &Gpu,
    sources: &[(&wgpu::Buffer, usize)],
    make: impl FnOnce(&[u32]) -> T,
) -> Result<T> {
    let total: usize = sources.iter().map(|(_, words)| words).sum();
    let copied = gpu.checked("results", || {
        let staging = gpu.staging(4 * total as u64);
        let mut encoder =
            gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("results") });
        let mut at = 0;
        for &(from, words) in sources {
            encoder.copy_buffer_to_buffer(from, 0, &staging, at, Some(4 * words as u64));
            at += 4 * words as u64;
        }
        let submission = gpu.queue().submit([encoder.finish()]);
        (staging, submission)
    });
    let (staging, submission) = copied.await?;
    read(gpu, staging, 4 * total as u64, Some(submission), make).await
}

/// The words in the first bytes of a buffer that can be mapped, once a submission is done; `None`: all there have been. The
/// buffer may be used again.
///
/// # Errors
/// A device that is lost.
pub(super) async fn words(
    gpu: &Gpu,
    staging: wgpu::Buffer,
    bytes: u64,
    submission: Option<wgpu::SubmissionIndex>,
) -> Result<Vec<u32>> {
    read(gpu, staging, bytes, submission, <[u32]>::to_vec).await
}

/// [`words`], and what is made of them where they are mapped.
async fn read<T>(
    gpu: &Gpu,
    staging: wgpu::Buffer,
    bytes: u64,
    submission: Option<wgpu::SubmissionIndex>,
    make: impl FnOnce(&[u32]) -> T,
) -> Result<T> {
    if bytes == 0 {
        return Ok(make(&[]));
    }
    let state: Arc<Mutex<Outcome>> = Arc::default();
    let done = state.clone();
    // A lost device makes invalid buffers without a word; mapping one is an error that would panic.
    let map = || {
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            if let Ok(mut state) = done.lock() {
                state.0 = Some(result);
                state.1.take().into_iter().for_each(Waker::wake);
            }
        });
    };
    gpu.checked("reading results", map).await?;
    // On the web this does nothing, and the event loop calls back.
    let wait = wgpu::PollType::Wait { submission_index: submission, timeout: None };
    gpu.device().poll(wait).map_err(|e| gpu.error(format!("waiting for results: {e}")))?;
    let outcome = poll_fn(|context| match state.lock() {
        Ok(mut state) => match state.0.take() {
            Some(result) => Poll::Ready(result.map_err(|e| e.to_string())),
            None => {
                state.1 = Some(context.waker().clone());
                Poll::Pending
            }
        },
        Err(_) => Poll::Ready(Err("the callback failed".into())),
    });
    outcome.await.map_err(|e| gpu.error(format!("reading results: {e}")))?;
    let view = staging.slice(..bytes).get_mapped_range().map_err(|e| gpu.error(format!("reading results: {e}")))?;
    // On the web what is mapped is a copy, which may begin anywhere.
    let made = match bytemuck::try_cast_slice(&view) {
        Ok(words) => make(words),
        Err(_) => make(&bytemuck::pod_collect_to_vec(&view)),
    };
    drop(view);
    staging.unmap();
    gpu.keep_staging(staging);
    Ok(made)
}
