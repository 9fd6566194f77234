//! A step of a block of neurons with what is less common: synaptic currents, late resets, none.
//!
//! The equations are those of `Coefficients::step`, one after the other for all lanes; what a flag asks for is asked
//! outside of the loops over lanes.

use super::BLOCK;
use super::neuron::{Counted, Lanes, States, kept};
use crate::neuron::affine::flag;

/// One step of a block: its spikes as a word.
#[inline(always)]
pub(super) fn step(flags: u32, l: &Lanes, states: &mut States, x: &[f32; BLOCK], counted: &mut Counted) -> u32 {
    let seen = if flags & flag::CURRENT != 0 { current(flags, l, &mut states.i, x) } else { *x };
    let before = states.v;
    // The lanes of which a reset is due from the step before.
    let mut late = [false; BLOCK];
    if flags & (flag::RESET_LATE | flag::RESET_RESIDUAL) != 0 {
        for i in 0..BLOCK {
            late[i] = before[i] >= l.fires_at[i];
        }
    }
    let mut v = before;
    if flags & flag::RESET_HARD != 0 {
        for i in 0..BLOCK {
            v[i] = if late[i] { l.v_reset[i] } else { v[i] };
        }
    }
    let mut h = potential(flags, l, &v, &seen);
    if flags & flag::RESET_SUBTRACT != 0 {
        for i in 0..BLOCK {
            h[i] = if late[i] { h[i] - l.subtract[i] } else { h[i] };
        }
    } else if flags & (flag::RESET_HARD | flag::RESET_KEEPS_INPUT) == flag::RESET_HARD {
        for i in 0..BLOCK {
            h[i] = if late[i] { l.v_reset[i] } else { h[i] };
        }
    }
    let mut fired = [0; BLOCK];
    for i in 0..BLOCK {
        fired[i] = if h[i] >= l.fires_at[i] { 1 << i } else { 0 };
    }
    let after = if flags & flag::RESET_LATE != 0 { h } else { reset(flags, l, &h, &fired, &late) };
    for i in 0..BLOCK {
        states.v[i] = kept(after[i], l.v_min[i]);
    }
    counted.update(&before, &states.v);
    counted.word(&fired)
}

/// The currents that the membranes see.
#[inline(always)]
fn current(flags: u32, l: &Lanes, state: &mut [f32; BLOCK], x: &[f32; BLOCK]) -> [f32; BLOCK] {
    let before = *state;
    let mut now = [0.0; BLOCK];
    for i in 0..BLOCK {
        now[i] = l.current_keep[i] * before[i] + l.current_input[i] * x[i];
        // Of no floor, as a current has none.
        state[i] = kept(now[i] * l.current_decay[i], f32::NEG_INFINITY);
    }
    if flags & flag::VOLTAGE_FIRST != 0 { before } else { now }
}

/// The potentials before the threshold test, and before what a late reset still does.
#[inline(always)]
fn potential(flags: u32, l: &Lanes, v: &[f32; BLOCK], seen: &[f32; BLOCK]) -> [f32; BLOCK] {
    let mut h = [0.0; BLOCK];
    if flags & flag::FORM_LEAK_ALL != 0 {
        for i in 0..BLOCK {
            h[i] = v[i] + l.leak[i] * (l.input[i] * seen[i] - (v[i] - l.rest[i]));
        }
    } else if flags & flag::FORM_LEAK_POTENTIAL != 0 {
        for i in 0..BLOCK {
            h[i] = (v[i] - l.leak[i] * (v[i] - l.rest[i])) + l.input[i] * seen[i];
        }
    } else {
        for i in 0..BLOCK {
            h[i] = l.leak[i] * v[i] + l.input[i] * seen[i] + l.rest[i];
        }
    }
    h
}

/// The potentials after a reset in the step of the spike.
#[inline(always)]
fn reset(flags: u32, l: &Lanes, h: &[f32; BLOCK], fired: &[u32; BLOCK], late: &[bool; BLOCK]) -> [f32; BLOCK] {
    let mut after = *h;
    if flags & flag::RESET_SUBTRACT != 0 {
        for i in 0..BLOCK {
            let spikes = if fired[i] != 0 { 1.0 } else { 0.0 };
            let again = if late[i] { 1.0 } else { 0.0 };
            after[i] = h[i] - (spikes - again) * l.subtract[i];
        }
    } else if flags & flag::RESET_HARD != 0 {
        let adds = flags & flag::RESET_ADDS != 0;
        let residual = flags & flag::RESET_RESIDUAL != 0;
        for i in 0..BLOCK {
            let spikes = if fired[i] != 0 { 1.0 } else { 0.0 };
            let common = if fired[i] != 0 { l.v_reset[i] } else { h[i] };
            let added = (if fired[i] != 0 { 0.0 } else { h[i] }) + l.v_reset[i];
            let again = h[i] - (spikes - 1.0) * h[i];
            let once = if adds { added } else { common };
            after[i] = if residual && late[i] { again } else { once };
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::affine::{Coefficients, State};

    /// Every form with and without currents, under every reset, against the core that it repeats.
    #[test]
    fn steps_are_those_of_the_core() {
        let forms = [0, flag::FORM_LEAK_ALL, flag::FORM_LEAK_POTENTIAL];
        let currents = [0, flag::CURRENT, flag::CURRENT | flag::VOLTAGE_FIRST];
        let hard = [0, flag::RESET_LATE, flag::RESET_LATE | flag::RESET_KEEPS_INPUT, flag::RESET_ADDS]
            .into_iter()
            .chain([flag::RESET_RESIDUAL, flag::RESET_RESIDUAL | flag::RESET_ADDS])
            .map(|reset| reset | flag::RESET_HARD);
        let soft = [0, flag::RESET_LATE, flag::RESET_RESIDUAL].map(|reset| reset | flag::RESET_SUBTRACT);
        let resets: Vec<u32> = hard.chain(soft).chain([0, flag::RESET_LATE]).collect();
        let mut spikes = 0;
        for flags in forms.iter().flat_map(|form| currents.map(|current| form | current | flag::FIRES)) {
            for flags in resets.iter().flat_map(|reset| [flags | reset, flags | reset | flag::FIRE_GE]) {
                spikes += check(flags);
            }
        }
        assert!(spikes > 10_000, "{spikes}");
    }

    fn check(flags: u32) -> u32 {
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7 & 1023) as f32 / 512.0;
        let row = |i: usize| Coefficients {
            leak: 0.25 + noise(i) / 8.0,
            input: 1.0 + noise(i + 40),
            rest: 0.1 * noise(i + 80) - 0.1,
            threshold: 0.75 + noise(i + 120) / 8.0,
            inverse_threshold: 0.0,
            v_reset: 0.1 - noise(i + 160) / 8.0,
            v_min: if i.is_multiple_of(3) { -0.2 } else { f32::MIN },
            v_init: 0.0,
            current_keep: 0.5,
            current_input: noise(i + 200) / 2.0,
            current_decay: 0.75,
            padding: 0.0,
        };
        let rows = std::array::from_fn(row);
        let lanes = Lanes::new(flags, &rows);
        let mut states = States { v: [0.0; BLOCK], i: [0.0; BLOCK] };
        let mut expected = [State::default(); BLOCK];
        let (mut counted, mut updates) = (Counted::default(), 0);
        let mut spikes = 0;
        for t in 0..20 {
            let x = std::array::from_fn(|i| 2.0 * noise(1000 * t + i) - 1.2);
            let word = step(flags, &lanes, &mut states, &x, &mut counted);
            for i in 0..BLOCK {
                let before = expected[i].v;
                let stepped = rows[i].step(flags, &mut expected[i], x[i]);
                updates += u32::from(expected[i].v != before);
                assert_eq!(word >> i & 1, stepped.spikes as u32, "flags {flags:b}, step {t}, lane {i}");
                assert_eq!(states.v[i].to_bits(), expected[i].v.to_bits(), "flags {flags:b}, step {t}, lane {i}");
                assert_eq!(states.i[i].to_bits(), expected[i].i.to_bits(), "flags {flags:b}, step {t}, lane {i}");
            }
            spikes += word.count_ones();
        }
        let mut tally = [0; 4];
        counted.add_to(&mut tally);
        assert_eq!(tally, [spikes, spikes, updates, u32::from(spikes > 0)], "flags {flags:b}");
        spikes
    }
}
