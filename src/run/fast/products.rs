//! Products of rows of weights with real inputs, in vectors of the instruction set: twelve registers of sums are two
//! vectors of outputs for six inputs.

use pulp::Simd;

use super::BLOCK;

/// In how many parts of two vectors a block is: halves, where a vector has eight values.
pub(super) const fn halves<S: Simd>() -> usize {
    BLOCK / (2 * S::F32_LANES)
}

/// Sums for `N` inputs, of two vectors of a block of outputs.
#[derive(Clone, Copy)]
pub(super) struct Sums<S: Simd, const N: usize>([[S::f32s; 2]; N]);

impl<S: Simd, const N: usize> Sums<S, N> {
    /// Zeros.
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        Sums([[simd.splat_f32s(0.0); 2]; N])
    }

    /// Adds the products of the values of each input with a part of the rows, each rounded on its own.
    #[inline(always)]
    pub fn add(&mut self, simd: S, half: usize, values: [&[f32]; N], rows: &[[f32; BLOCK]]) {
        for (k, row) in rows.iter().enumerate() {
            let (row, _) = S::as_simd_f32s(row);
            let (left, right) = (row[2 * half], row[2 * half + 1]);
            for (sum, values) in self.0.iter_mut().zip(&values) {
                let x = simd.splat_f32s(values[k]);
                sum[0] = simd.add_f32s(sum[0], simd.mul_f32s(left, x));
                sum[1] = simd.add_f32s(sum[1], simd.mul_f32s(right, x));
            }
        }
    }

    /// Adds the sums to others in memory.
    #[inline(always)]
    pub fn add_to(&self, simd: S, half: usize, totals: &mut [[f32; BLOCK]]) {
        for (total, sum) in totals.iter_mut().zip(&self.0) {
            let (total, _) = S::as_mut_simd_f32s(total);
            total[2 * half] = simd.add_f32s(total[2 * half], sum[0]);
            total[2 * half + 1] = simd.add_f32s(total[2 * half + 1], sum[1]);
        }
    }
}
