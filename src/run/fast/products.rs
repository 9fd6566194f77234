//! Sums of products of rows with real values, in vectors of the instruction set: in registers are sums of one vector of a
//! block for sixteen inputs, or of two for six.

use pulp::Simd;

use super::BLOCK;
use super::sums::with_constant;

/// The most inputs that are multiplied at once.
pub(super) const MOST_INPUTS: usize = 16;

/// How many inputs are multiplied at once, so that their sums stay in registers. Of vectors of sixteen values there are 32,
/// and a block is taken by single ones: one is multiplied with a value where that lies in memory, if no other is; loaded
/// for two vectors, it takes half as long as their products. Of others there may be 16, and two of a block are taken.
pub(super) const fn inputs_at_once<S: Simd>() -> usize {
    if S::F32_LANES == 16 { MOST_INPUTS } else { 6 }
}

/// What is multiplied: rows, in runs, with values of each input that lie side by side for a run.
pub(super) trait Terms {
    /// Runs of terms, whose products make one block sum.
    fn runs(&self) -> usize;
    /// The rows of a run.
    fn rows(&self, run: usize) -> &[[f32; BLOCK]];
    /// The values of an input, as many as there are rows.
    fn values(&self, run: usize, input: usize) -> &[f32];
}

/// Adds to totals, one for an input, the sums of products of its values with rows, each rounded on its own.
#[inline(always)]
pub(super) fn add_products<S: Simd>(simd: S, terms: &impl Terms, totals: &mut [[f32; BLOCK]]) {
    match inputs_at_once::<S>() {
        MOST_INPUTS => with_constant!(
            totals.len(), N => Products::<S, 1, N>::add_to(simd, terms, totals),
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
        ),
        _ => with_constant!(totals.len(), N => Products::<S, 2, N>::add_to(simd, terms, totals), 1 2 3 4 5 6),
    }
}

/// Sums of products for `N` inputs, of some vectors of a block of outputs.
struct Products<S: Simd, const VECTORS: usize, const N: usize>([[S::f32s; VECTORS]; N]);

impl<S: Simd, const VECTORS: usize, const N: usize> Products<S, VECTORS, N> {
    #[inline(always)]
    fn add_to(simd: S, terms: &impl Terms, totals: &mut [[f32; BLOCK]]) {
        for part in 0..BLOCK / (VECTORS * S::F32_LANES) {
            let mut sums = Products([[simd.splat_f32s(0.0); VECTORS]; N]);
            for run in 0..terms.runs() {
                sums.add(simd, part, terms, run);
            }
            for (total, sum) in totals.iter_mut().zip(&sums.0) {
                let total = S::as_mut_simd_f32s(total).0;
                for (v, sum) in sum.iter().enumerate() {
                    total[part * VECTORS + v] = simd.add_f32s(total[part * VECTORS + v], *sum);
                }
            }
        }
    }

    /// Adds the products of a run.
    #[inline(always)]
    fn add(&mut self, simd: S, part: usize, terms: &impl Terms, run: usize) {
        let rows = terms.rows(run);
        let mut inputs: [&[f32]; N] = [&[]; N];
        for (input, values) in inputs.iter_mut().enumerate() {
            *values = &terms.values(run, input)[..rows.len()];
        }
        for (k, row) in rows.iter().enumerate() {
            let row = S::as_simd_f32s(row).0;
            for (sum, values) in self.0.iter_mut().zip(&inputs) {
                let x = simd.splat_f32s(values[k]);
                for (v, sum) in sum.iter_mut().enumerate() {
                    *sum = simd.add_f32s(*sum, simd.mul_f32s(row[part * VECTORS + v], x));
                }
            }
        }
    }
}
