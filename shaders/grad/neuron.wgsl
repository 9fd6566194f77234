// One step of one neuron backwards: from the gradients of what it gave to those of what it had. Twin:
// src/neuron/backward.rs, which says what is what. Every product is rounded on its own.

// What flows back: the gradients of the state before a step, and of its input.
struct Back {
    state: State,
    x: f32,
}

// That, and what the coefficients get.
struct Given {
    back: Back,
    shares: array<f32, 8>,
}

// The potential before the threshold test, backwards: its gradient, and what threshold and reset potential get.
struct Tested {
    h: f32,
    threshold: f32,
    v_reset: f32,
}

// `back.state` is the gradient of the state after the step, `of_output` that of its spikes or of its potential.
fn step_back(c: Coefficients, before: State, x: f32, stepped: Stepped, of_output: f32, back: Back) -> Given {
    let late = (is(RESET_LATE) || is(RESET_RESIDUAL)) && is(FIRES) && fires(c, before.v);
    let late_hard = late && is(RESET_HARD);
    let tested = test_back(c, stepped.h, stepped.spikes, late, of_output, back.state.v);
    var shares: array<f32, 8>;
    shares[3] = tested.threshold;
    shares[4] = tested.v_reset;

    var i = 0.0;
    var seen = x;
    if is(CURRENT) {
        i = rounded(c.current_keep * before.i) + rounded(c.current_input * x);
        seen = select(i, before.i, is(VOLTAGE_FIRST));
    }
    let dropped = late_hard && !is(RESET_KEEPS_INPUT);
    let g = select(tested.h, 0.0, dropped);
    if dropped {
        shares[4] += tested.h;
    }
    let v_from = select(before.v, c.v_reset, late_hard);
    var by_v = 0.0;
    var by_seen = 0.0;
    if is(FORM_LEAK_ALL) {
        by_v = g * (1.0 - c.leak);
        by_seen = g * (c.leak * c.input);
        shares[0] = g * (rounded(c.input * seen) - (v_from - c.rest));
        shares[1] = g * (c.leak * seen);
        shares[2] = g * c.leak;
    } else if is(FORM_LEAK_POTENTIAL) {
        by_v = g * (1.0 - c.leak);
        by_seen = g * c.input;
        shares[0] = -(g * (v_from - c.rest));
        shares[1] = g * seen;
        shares[2] = g * c.leak;
    } else {
        by_v = g * c.leak;
        by_seen = g * c.input;
        shares[0] = g * v_from;
        shares[1] = g * seen;
        shares[2] = g;
    }
    by_v = rounded(by_v);
    by_seen = rounded(by_seen);
    for (var at = 0u; at < 3u; at++) {
        shares[at] = rounded(shares[at]);
    }
    if late && is(RESET_SUBTRACT) {
        shares[3] -= g;
    }
    if late_hard {
        shares[4] += by_v;
    }
    let v = select(by_v, 0.0, late_hard);
    if !is(CURRENT) {
        return Given(Back(State(v, 0.0), by_seen), shares);
    }
    let first = is(VOLTAGE_FIRST);
    shares[7] = rounded(back.state.i * i);
    let gi = rounded(back.state.i * c.current_decay) + select(by_seen, 0.0, first);
    shares[5] = rounded(gi * before.i);
    shares[6] = rounded(gi * x);
    let by_i = rounded(gi * c.current_keep) + select(0.0, by_seen, first);
    return Given(Back(State(v, by_i), gi * c.current_input), shares);
}

// From the gradient of the potential after a step to that of the one before the threshold test.
fn test_back(c: Coefficients, h: f32, spikes: f32, late: bool, of_output: f32, of_v: f32) -> Tested {
    if !is(FIRES) {
        return Tested(select(of_v + of_output, 0.0, h < c.v_min), 0.0, 0.0);
    }
    let z = surrogate(h - c.threshold);
    let again = select(0.0, 1.0, late);
    let at_once = !is(RESET_LATE);
    var kept = h;
    if at_once {
        kept = reset(c, h, spikes, late);
    }
    let v = select(of_v, 0.0, kept < c.v_min);
    var by_h = 1.0;
    var by_spikes = 0.0;
    var threshold = 0.0;
    var v_reset = 0.0;
    if at_once && is(RESET_SUBTRACT) {
        by_spikes = -c.threshold;
        threshold -= rounded(v * (spikes - again));
    } else if at_once && is(RESET_HARD) && is(RESET_RESIDUAL) && late {
        by_h = 1.0 - (spikes - again);
        by_spikes = -h;
    } else if at_once && is(RESET_HARD) {
        // With several spikes there is one reset.
        let resets = min(spikes, 1.0);
        by_h = 1.0 - resets;
        by_spikes = select(c.v_reset - h, 0.0, is(RESET_ADDS));
        v_reset = rounded(v * select(resets, 1.0, is(RESET_ADDS)));
    }
    let through = select(z, 0.0, p.detach == 1u);
    let by_threshold = rounded(of_output * z) + rounded(rounded(v * by_spikes) * through);
    return Tested(rounded(v * by_h) + by_threshold, threshold - by_threshold, v_reset);
}
