//! What fits times that grow: a power, and a line.

/// That of the power `y = factor x^exponent` which fits pairs `[x, y]`, all above 0, by least squares of the logarithms;
/// NaN of fewer than two.
pub fn exponent(points: &[[f64; 2]]) -> f64 {
    let logs: Vec<_> = points.iter().map(|&[x, y]| [x.ln(), y.ln(), 1.0]).collect();
    let [_, exponent] = least_squares(&logs);
    exponent
}

/// `y = fixed + each x`, by least squares of the deviations as parts of `y`: the smallest time counts as much as the
/// largest.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Below 0 where the time grows faster than `x`.
    pub fixed: f64,
    pub each: f64,
    /// The largest deviation, as a part of `y`.
    pub off: f64,
}

impl Line {
    /// Of pairs `[x, y]`, all above 0; NaN of fewer than two.
    pub fn fit(points: &[[f64; 2]]) -> Line {
        let weighted: Vec<_> = points.iter().map(|&[x, y]| [x, y, 1.0 / (y * y)]).collect();
        let [fixed, each] = least_squares(&weighted);
        let off = points.iter().map(|&[x, y]| ((fixed + each * x) / y - 1.0).abs()).fold(0.0, f64::max);
        Line { fixed, each, off }
    }
}

/// Intercept and slope of the line through points `[x, y, weight]`.
fn least_squares(points: &[[f64; 3]]) -> [f64; 2] {
    let mean = |of: usize| points.iter().map(|p| p[2] * p[of]).sum::<f64>() / points.iter().map(|p| p[2]).sum::<f64>();
    let [x, y] = [mean(0), mean(1)];
    let of_deviations = |of: usize, mean: f64| points.iter().map(|p| p[2] * (p[0] - x) * (p[of] - mean)).sum::<f64>();
    let slope = of_deviations(1, y) / of_deviations(0, x);
    [y - slope * x, slope]
}

#[cfg(test)]
mod tests {
    use super::{Line, exponent};

    fn points(y: impl Fn(f64) -> f64) -> Vec<[f64; 2]> {
        (2..9).map(|i| f64::from(1 << i)).map(|x| [x, y(x)]).collect()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1.0)
    }

    #[test]
    fn powers_are_found() {
        for (power, factor) in [(1.0, 3e-4), (0.5, 2.0), (2.0, 1e-7), (0.0, 5.0)] {
            let found = exponent(&points(|x| factor * x.powf(power)));
            assert!(near(found, power), "{found} {power}");
        }
    }

    #[test]
    fn lines_are_found_with_what_is_fixed() {
        let line = Line::fit(&points(|x| 0.25 + 0.5 * x));
        assert!(near(line.fixed, 0.25) && near(line.each, 0.5) && line.off < 1e-9, "{line:?}");
    }

    #[test]
    fn a_fixed_part_makes_the_exponent_smaller_the_more_small_points_count() {
        let all = points(|x| 10.0 + x);
        let [whole, upper] = [&all[..], &all[3..]].map(exponent);
        assert!(whole < upper && upper < 1.0, "{whole} {upper}");
    }

    #[test]
    fn small_times_count_as_much_as_large_ones() {
        // The last point alone is a tenth too large: the line keeps to the others.
        let mut bent = points(|x| x);
        if let Some([_, y]) = bent.last_mut() {
            *y *= 1.1;
        }
        let line = Line::fit(&bent);
        assert!(line.each < 1.05 && line.off < 0.1, "{line:?}");
    }

    #[test]
    fn one_point_has_no_slope() {
        assert!(exponent(&[[1.0, 1.0]]).is_nan() && Line::fit(&[[1.0, 1.0]]).each.is_nan());
    }
}
