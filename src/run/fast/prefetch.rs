//! Memory that is asked for before it is needed.
//!
//! Neurons over all steps read one short row after another, of which each begins where no prefetcher of the machine expects
//! it: half of the time they waited, at half of the memory's rate. Each stretch of a row asks for the same one of the next.

/// Values of a stretch: some lines of the cache.
pub(super) const STRETCH: usize = 64;

/// Asks for the lines that hold these values; what the machine cannot ask for comes when it is read.
#[inline(always)]
#[allow(unsafe_code)] // the one call there is for it
pub(super) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        const LINE: usize = 64;
        let (first, bytes) = (values.as_ptr().cast::<i8>(), size_of_val(values));
        for at in (0..bytes).step_by(LINE) {
            // SAFETY: the address is that of a value; a prefetch reads nothing that the program sees.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(first.wrapping_add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
