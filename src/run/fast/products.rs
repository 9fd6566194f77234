//! Sums of rows, and of their products with real values, in vectors of the instruction set: twelve registers of sums are
//! two vectors of a block for six inputs or taps.

use pulp::Simd;

use super::BLOCK;

/// The most sums of two vectors that stay in registers.
pub(super) const MOST: usize = 6;

/// Evaluates an expression with a constant that is as large as a number, which is [`MOST`] at most.
macro_rules! up_to_most {
    ($number:expr, $name:ident => $call:expr) => {{
        macro_rules! with {
            ($n:literal) => {{
                const $name: usize = $n;
                $call
            }};
        }
        match $number {
            6 => with!(6),
            5 => with!(5),
            4 => with!(4),
            3 => with!(3),
            2 => with!(2),
            _ => with!(1),
        }
    }};
}
pub(super) use up_to_most;

/// In how many parts of two vectors a block is: halves, where a vector has eight values.
pub(super) const fn halves<S: Simd>() -> usize {
    BLOCK / (2 * S::F32_LANES)
}

/// Two vectors of a block.
pub(super) type Pair<S> = [<S as Simd>::f32s; 2];

/// A half of a block.
#[inline(always)]
pub(super) fn pair<S: Simd>(half: usize, row: &[f32; BLOCK]) -> Pair<S> {
    let (row, _) = S::as_simd_f32s(row);
    [row[2 * half], row[2 * half + 1]]
}

/// Sums for `N` inputs, of two vectors of a block of outputs.
#[derive(Clone, Copy)]
pub(super) struct Sums<S: Simd, const N: usize>([Pair<S>; N]);

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
            let [left, right] = pair::<S>(half, row);
            for (sum, values) in self.0.iter_mut().zip(&values) {
                let x = simd.splat_f32s(values[k]);
                sum[0] = simd.add_f32s(sum[0], simd.mul_f32s(left, x));
                sum[1] = simd.add_f32s(sum[1], simd.mul_f32s(right, x));
            }
        }
    }

    /// Those in memory.
    #[inline(always)]
    pub fn of(simd: S, half: usize, totals: &[[f32; BLOCK]]) -> Self {
        let mut sums = Self::new(simd);
        for (total, sum) in totals.iter().zip(&mut sums.0) {
            *sum = pair::<S>(half, total);
        }
        sums
    }

    /// Writes the sums to memory.
    #[inline(always)]
    pub fn store(self, half: usize, totals: &mut [[f32; BLOCK]]) {
        for (total, sum) in totals.iter_mut().zip(self.0) {
            let (total, _) = S::as_mut_simd_f32s(total);
            [total[2 * half], total[2 * half + 1]] = sum;
        }
    }

    /// Adds to each sum, in order, those of its rows that `at` names.
    #[inline(always)]
    pub fn add_rows(&mut self, simd: S, rows: [&[Pair<S>]; N], at: &[u32]) {
        for &at in at {
            for (sum, rows) in self.0.iter_mut().zip(&rows) {
                let row = &rows[at as usize];
                sum[0] = simd.add_f32s(sum[0], row[0]);
                sum[1] = simd.add_f32s(sum[1], row[1]);
            }
        }
    }

    /// Adds to each sum, in order, the products of those of its rows that `at` names with their values.
    #[inline(always)]
    pub fn add_rows_times(&mut self, simd: S, rows: [&[Pair<S>]; N], at: &[u32], values: &[f32]) {
        for (&at, &x) in at.iter().zip(values) {
            let x = simd.splat_f32s(x);
            for (sum, rows) in self.0.iter_mut().zip(&rows) {
                let row = &rows[at as usize];
                sum[0] = simd.add_f32s(sum[0], simd.mul_f32s(x, row[0]));
                sum[1] = simd.add_f32s(sum[1], simd.mul_f32s(x, row[1]));
            }
        }
    }

    /// Adds to totals the sums of products of the first `N` inputs with a part of the rows.
    #[inline(always)]
    pub fn add_products(simd: S, half: usize, x: &[&[f32]; MOST], rows: &[[f32; BLOCK]], totals: &mut [[f32; BLOCK]]) {
        let mut values: [&[f32]; N] = [&[]; N];
        values.copy_from_slice(&x[..N]);
        let mut sums = Self::new(simd);
        sums.add(simd, half, values, rows);
        sums.add_to(simd, half, totals);
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
