// A cell of a circuit: a step of it. Twin: src/neuron/cell/mod.rs, which has the equations.
// Every product is rounded on its own.

struct Cell {
    flags: u32,
    refractory: u32,
    rate: u32,
    background: i32,
    chances: vec2<u32>,
    currents: vec2<u32>,
    linear: f32,
    rest: f32,
    quadratic: f32,
    critical: f32,
    sharp: f32,
    v_sharp: f32,
    inverse_delta: f32,
    constant: f32,
    drive_e: f32,
    drive_i: f32,
    reversal_e: f32,
    reversal_i: f32,
    keep_e: f32,
    keep_i: f32,
    unit: f32,
    w_drive: f32,
    w_rate: f32,
    w_coupling: f32,
    w_rest: f32,
    w_jump: f32,
    threshold: f32,
    v_reset: f32,
    w_init: f32,
    current: f32,
}

const CELL_WORDS: u32 = 32u;

// What a cell remembers between steps.
struct CellState {
    v: f32,
    w: f32,
    e: f32,
    i: f32,
    refractory: u32,
}

// What arrives at a cell in a step.
struct Arrived {
    e: f32,
    i: f32,
    current: f32,
}

struct Stepped {
    state: CellState,
    fires: bool,
}

// Subnormal values are set to zero: some drivers do it anyway.
fn flushed(x: f32) -> f32 {
    return select(x, 0.0, abs(x) < 0x1p-126f);
}

// e to the power of `x`. Twin: src/neuron/cell/exponential.rs.
fn exponential(power_of: f32) -> f32 {
    let x = clamp(power_of, -80.0, 80.0);
    let n = floor(rounded(x * 1.44269504f) + 0.5);
    let r = (x - rounded(n * 0.693145752f)) - rounded(n * 1.4286068e-6f);
    var sum = 0.0001984127f;
    sum = rounded(sum * r) + 0.0013888889f;
    sum = rounded(sum * r) + 0.008333334f;
    sum = rounded(sum * r) + 0.041666668f;
    sum = rounded(sum * r) + 0.16666667f;
    sum = rounded(sum * r) + 0.5f;
    sum = rounded(sum * r) + 1.0f;
    let power = bitcast<f32>(u32(i32(n) + 127) << 23u);
    return rounded((rounded(sum * r) + 1.0f) * power);
}

// The potential after a step, before anything is done to it.
fn potential(c: Cell, s: CellState, current: f32) -> f32 {
    let from_rest = s.v - c.rest;
    var flow = rounded(c.linear * from_rest);
    if (c.flags & QUADRATIC) != 0u {
        flow += rounded(rounded(c.quadratic * from_rest) * (s.v - c.critical));
    }
    if (c.flags & EXPONENTIAL) != 0u {
        flow += rounded(c.sharp * exponential(rounded((s.v - c.v_sharp) * c.inverse_delta)));
    }
    if (c.flags & (ADAPTS | RAISES_THRESHOLD)) == ADAPTS {
        flow += rounded(c.w_drive * s.w);
    }
    if (c.flags & CONDUCTANCE) != 0u {
        let e = rounded(rounded(c.drive_e * s.e) * (c.reversal_e - s.v));
        let i = rounded(rounded(c.drive_i * s.i) * (c.reversal_i - s.v));
        flow += e + i;
    } else if (c.flags & JUMPS) == 0u {
        flow += rounded(c.drive_e * s.e) + rounded(c.drive_i * s.i);
    }
    return s.v + (flow + (c.constant + rounded(c.current * current)));
}

// One step of a neuron.
fn step_cell(c: Cell, before: CellState, arrived: Arrived) -> Stepped {
    var s = before;
    let awake = s.refractory == 0u;
    var h = s.v;
    if awake {
        h = potential(c, s, arrived.current);
    }
    let threshold = select(c.threshold, c.threshold + s.w, (c.flags & RAISES_THRESHOLD) != 0u);
    let fires = awake && h >= threshold;
    if (c.flags & ADAPTS) != 0u {
        let seen = select(s.v, h, (c.flags & ADAPTS_LATE) != 0u);
        let next = s.w + rounded(c.w_rate * (rounded(c.w_coupling * (seen - c.w_rest)) - s.w));
        s.w = flushed(select(next, next + c.w_jump, fires));
    }
    var next = h;
    if (c.flags & JUMPS) != 0u {
        if awake {
            next = h + (arrived.e + arrived.i);
        }
    } else {
        s.e = flushed(rounded(c.keep_e * s.e) + arrived.e);
        s.i = flushed(rounded(c.keep_i * s.i) + arrived.i);
    }
    s.v = flushed(select(next, c.v_reset, fires));
    s.refractory = select(s.refractory - min(s.refractory, 1u), c.refractory, fires);
    return Stepped(s, fires);
}
