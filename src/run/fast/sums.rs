//! Sums of rows, in vectors of the instruction set: twelve registers of sums are a vector of a block for twelve taps.

use pulp::Simd;

use super::BLOCK;

/// The most sums that stay in registers.
pub(super) const MOST: usize = 12;

/// Evaluates an expression with a constant that is as large as a number, which is one of some.
macro_rules! with_constant {
    ($number:expr, $name:ident => $call:expr, $($n:literal)*) => {
        match $number {
            $($n => {
                const $name: usize = $n;
                $call
            })*
            _ => {}
        }
    };
}
pub(super) use with_constant;

/// The same of numbers up to [`MOST`].
macro_rules! up_to_most {
    ($number:expr, $name:ident => $call:expr) => {
        $crate::run::fast::sums::with_constant!($number, $name => $call, 1 2 3 4 5 6 7 8 9 10 11 12)
    };
}
pub(super) use up_to_most;

/// In how many parts of a vector a block is.
pub(super) const fn parts<S: Simd>() -> usize {
    BLOCK / S::F32_LANES
}

/// Sums for `N` taps, of a vector of a block of outputs.
#[derive(Clone, Copy)]
pub(super) struct Sums<S: Simd, const N: usize>([S::f32s; N]);

impl<S: Simd, const N: usize> Sums<S, N> {
    /// Those in memory.
    #[inline(always)]
    pub fn of(simd: S, part: usize, totals: &[[f32; BLOCK]]) -> Self {
        let mut sums = Sums([simd.splat_f32s(0.0); N]);
        for (total, sum) in totals.iter().zip(&mut sums.0) {
            *sum = S::as_simd_f32s(total).0[part];
        }
        sums
    }

    /// Writes the sums to memory.
    #[inline(always)]
    pub fn store(self, part: usize, totals: &mut [[f32; BLOCK]]) {
        for (total, sum) in totals.iter_mut().zip(self.0) {
            S::as_mut_simd_f32s(total).0[part] = sum;
        }
    }

    /// Adds to each sum, in order, those of its rows that `at` names.
    #[inline(always)]
    pub fn add_rows(&mut self, simd: S, rows: [&[S::f32s]; N], at: &[u16]) {
        for &at in at {
            for (sum, rows) in self.0.iter_mut().zip(&rows) {
                *sum = simd.add_f32s(*sum, rows[usize::from(at)]);
            }
        }
    }

    /// Adds to each sum, in order, the products of those of its rows that `at` names with their values.
    #[inline(always)]
    pub fn add_rows_times(&mut self, simd: S, rows: [&[S::f32s]; N], at: &[u16], values: &[f32]) {
        for (&at, &x) in at.iter().zip(values) {
            let x = simd.splat_f32s(x);
            for (sum, rows) in self.0.iter_mut().zip(&rows) {
                *sum = simd.add_f32s(*sum, simd.mul_f32s(x, rows[usize::from(at)]));
            }
        }
    }
}
