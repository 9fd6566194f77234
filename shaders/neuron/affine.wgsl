// The one affine core: a step of a neuron. Twin: src/neuron/affine.rs, which has the equations.
// Every product is rounded on its own.

struct Coefficients {
    leak: f32,
    input: f32,
    rest: f32,
    threshold: f32,
    inverse_threshold: f32,
    v_reset: f32,
    v_min: f32,
    v_init: f32,
    current_keep: f32,
    current_input: f32,
    current_decay: f32,
    padding: f32,
}

// What a neuron remembers between steps.
struct State {
    v: f32,
    i: f32,
}

// The state after a step, the potential before the threshold test, and the spikes.
struct Stepped {
    state: State,
    h: f32,
    spikes: f32,
}

fn is(flag: u32) -> bool {
    return (FLAGS & flag) != 0u;
}

// Subnormal values are set to zero: some drivers do it anyway.
fn flushed(x: f32) -> f32 {
    return select(x, 0.0, abs(x) < 0x1p-126f);
}

fn fires(c: Coefficients, v: f32) -> bool {
    return select(v > c.threshold, v >= c.threshold, is(FIRE_GE));
}

fn spikes_at(c: Coefficients, h: f32) -> f32 {
    if !is(MANY) {
        return select(0.0, 1.0, fires(c, h));
    }
    if h <= 0.0 {
        return 0.0;
    }
    // The product with 1 / theta may be off by one; comparing multiples of theta puts it right.
    var n = trunc(rounded(h * c.inverse_threshold));
    if rounded((n + 1.0) * c.threshold) <= h {
        n += 1.0;
    }
    if rounded(n * c.threshold) > h {
        n -= 1.0;
    }
    return n;
}

// The potential after a reset in the step of the spike; `late`: one was due from the step before.
fn reset(c: Coefficients, h: f32, spikes: f32, late: bool) -> f32 {
    let again = select(0.0, 1.0, late);
    if is(RESET_SUBTRACT) {
        return h - rounded((spikes - again) * c.threshold);
    }
    if is(RESET_HARD) {
        if is(RESET_RESIDUAL) && late {
            return h - rounded((spikes - again) * h);
        }
        if is(RESET_ADDS) {
            return select(h, 0.0, spikes > 0.0) + c.v_reset;
        }
        return select(h, c.v_reset, spikes > 0.0);
    }
    return h;
}

fn integrate(c: Coefficients, before: State, x: f32) -> Stepped {
    var i = before.i;
    var seen = x;
    if is(CURRENT) {
        let now = rounded(c.current_keep * before.i) + rounded(c.current_input * x);
        seen = select(now, before.i, is(VOLTAGE_FIRST));
        i = flushed(rounded(now * c.current_decay));
    }
    let late = (is(RESET_LATE) || is(RESET_RESIDUAL)) && is(FIRES) && fires(c, before.v);
    let late_hard = late && is(RESET_HARD);
    let v = select(before.v, c.v_reset, late_hard);
    let drive = rounded(c.input * seen);
    var h = 0.0;
    if is(FORM_LEAK_ALL) {
        h = v + rounded(c.leak * (drive - (v - c.rest)));
    } else if is(FORM_LEAK_POTENTIAL) {
        h = (v - rounded(c.leak * (v - c.rest))) + drive;
    } else {
        h = (rounded(c.leak * v) + drive) + c.rest;
    }
    if late && is(RESET_SUBTRACT) {
        h -= c.threshold;
    } else if late_hard && !is(RESET_KEEPS_INPUT) {
        h = c.v_reset;
    }
    var spikes = 0.0;
    var after = h;
    if is(FIRES) {
        spikes = spikes_at(c, h);
        if !is(RESET_LATE) {
            after = reset(c, h, spikes, late);
        }
    }
    return Stepped(State(flushed(select(after, c.v_min, after < c.v_min)), i), h, spikes);
}
