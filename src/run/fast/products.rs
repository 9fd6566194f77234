//! Sums of rows, and of their products with real values, in vectors of the instruction set: twelve registers of sums are
//! two vectors of a block for six inputs or taps, or one vector for twelve.

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

/// Sums of rows for `N` taps, of two vectors of a block of outputs.
#[derive(Clone, Copy)]
pub(super) struct Sums<S: Simd, const N: usize>([Pair<S>; N]);

impl<S: Simd, const N: usize> Sums<S, N> {
    /// Those in memory.
    #[inline(always)]
    pub fn of(simd: S, half: usize, totals: &[[f32; BLOCK]]) -> Self {
        let mut sums = Sums([[simd.splat_f32s(0.0); 2]; N]);
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
}

/// The most inputs that are multiplied at once.
pub(super) const MOST_INPUTS: usize = 12;

/// How many inputs are multiplied at once: twice as many where a block is taken by single vectors. A vector of sixteen
/// values is multiplied with a value where that lies in memory, if no other is: loaded for two vectors, it takes half as
/// long as their products.
pub(super) const fn inputs_at_once<S: Simd>() -> usize {
    if S::F32_LANES == 16 { MOST_INPUTS } else { MOST }
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
    macro_rules! with {
        ($vectors:literal: $($n:literal)*) => {
            match totals.len() {
                $($n => Products::<S, $vectors, $n>::add_to(simd, terms, totals),)*
                _ => {}
            }
        };
    }
    match inputs_at_once::<S>() {
        MOST_INPUTS => with!(1: 1 2 3 4 5 6 7 8 9 10 11 12),
        _ => with!(2: 1 2 3 4 5 6),
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
