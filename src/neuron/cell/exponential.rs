//! An exponential that every machine computes to the same bits: only sums, rounded products and whole numbers.

/// Beyond these the result is that of these: potentials are never there, and it stays finite.
const MOST: f32 = 80.0;

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 in two parts, of which the first has 15 bits: its products with whole numbers up to 2^8 are exact.
const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
/// Taylor coefficients: on half of ln 2 to either side the rest is below half a unit in the last place.
const TERMS: [f32; 7] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];

/// e to the power of `x`. Twin: `exponential` in `shaders/neuron/cell.wgsl`.
#[inline(always)]
pub(crate) fn exponential(x: f32) -> f32 {
    let x = x.clamp(-MOST, MOST);
    let n = (x * LOG2_E + 0.5).floor();
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum * r + term;
    }
    let power = f32::from_bits(((n as i32 + 127) << 23) as u32);
    (sum * r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_exponential() {
        for n in -8000..=8000 {
            let x = n as f32 / 100.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exponential(x)) - exact).abs() / exact;
            assert!(off < 2.0 * f64::from(f32::EPSILON), "{x}: {off:e}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert!(exponential(1e9).is_finite() && exponential(-1e9) > 0.0);
    }
}
