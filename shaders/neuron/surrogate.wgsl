// What stands for the derivative of a spike, `x` from threshold. Twin: src/neuron/surrogate.rs, which has the equations.

const SIGMOID: u32 = 0u;
const ATAN: u32 = 1u;
const FAST_SIGMOID: u32 = 2u;
const SUPER_SPIKE: u32 = 3u;
const PIECEWISE_QUADRATIC: u32 = 4u;
const SOFT_SIGN: u32 = 5u;
const RECTANGLE: u32 = 6u;
const TRIANGLE: u32 = 7u;
const HALF_PI: f32 = 1.57079632679489661923;

fn surrogate(x: f32) -> f32 {
    let a = p.alpha;
    switch p.surrogate {
        case SIGMOID: {
            let s = 1.0 / (1.0 + exp(-a * x));
            return a * (s * (1.0 - s));
        }
        case ATAN: {
            let z = HALF_PI * a * x;
            return 0.5 * a / (1.0 + rounded(z * z));
        }
        case FAST_SIGMOID: {
            let z = 1.0 + rounded(a * abs(x));
            return 1.0 / (z * z);
        }
        case SUPER_SPIKE: {
            let z = 1.0 + abs(x);
            return a / (z * z);
        }
        case PIECEWISE_QUADRATIC: {
            return max(a - rounded(a * a * abs(x)), 0.0);
        }
        case SOFT_SIGN: {
            let z = 1.0 + rounded(abs(a * x));
            return 0.5 * a / (z * z);
        }
        case RECTANGLE: {
            return select(0.0, a, abs(x) < 0.5 / a);
        }
        case TRIANGLE: {
            return max(1.0 - rounded(a * abs(x)), 0.0);
        }
        default: {
            return a * exp(-a * abs(x));
        }
    }
}
