//! The parameters of every kind of cell: names in files, units, defaults.

use serde::{Deserialize, Serialize};

/// Declares the parameters of a cell: names in files, defaults.
macro_rules! parameters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident $key:literal = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(rename = $key)] pub $field: f64,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            /// The parameters by their names in files.
            pub(super) fn parameters(&self) -> Vec<(&'static str, f64)> {
                vec![$(($key, self.$field)),*]
            }
        }
    };
}

parameters! {
    /// Leaky integrate and fire, currents that decay exponentially. The integration is exact, but for adaptation, which is
    /// constant within a step.
    IfCurrExp {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory currents, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold, mV.
        v_thresh "v_thresh" = -50.0,
        /// Added to the adaptation current by a spike, nA; the current is taken from the input.
        b "b" = 0.0,
        /// Conductance from the potential to the adaptation current, uS.
        a "a" = 0.0,
        /// Time constant of the adaptation, ms.
        tau_w "tau_w" = 100.0,
    }
}

parameters! {
    /// Leaky integrate and fire with a threshold that rises with every spike and comes down again; currents that decay
    /// exponentially. The integration is exact.
    IfCurrExpThreshold {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory currents, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold at rest, mV.
        v_thresh "v_thresh" = -50.0,
        /// Added to the threshold by a spike, mV.
        theta_jump "theta_jump" = 1.0,
        /// Time constant with which the threshold comes down, ms.
        tau_theta "tau_theta" = 100.0,
    }
}

parameters! {
    /// Leaky integrate and fire, whose potential jumps by the weight of what arrives. The integration is exact.
    IfCurrDelta {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold, mV.
        v_thresh "v_thresh" = -50.0,
    }
}

parameters! {
    /// Leaky integrate and fire, conductances that decay exponentially. Forward Euler.
    IfCondExp {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory conductances, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory conductances, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Reversal potential of excitation, mV.
        e_rev_e "e_rev_E" = 0.0,
        /// Reversal potential of inhibition, mV.
        e_rev_i "e_rev_I" = -70.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold, mV.
        v_thresh "v_thresh" = -50.0,
    }
}

parameters! {
    /// Exponential integrate and fire with adaptation (AdEx; Brette and Gerstner 2005), conductances that decay
    /// exponentially. Forward Euler.
    EifCondExp {
        /// Resting potential, mV.
        v_rest "v_rest" = -70.6,
        /// Capacity, nF.
        cm "cm" = 0.281,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 9.3667,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory conductances, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory conductances, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Reversal potential of excitation, mV.
        e_rev_e "e_rev_E" = 0.0,
        /// Reversal potential of inhibition, mV.
        e_rev_i "e_rev_I" = -80.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -70.6,
        /// Where the exponential takes over, mV.
        v_thresh "v_thresh" = -50.4,
        /// It fires at this potential, mV.
        v_spike "v_spike" = -40.0,
        /// How sharp the exponential is, mV.
        delta_t "delta_T" = 2.0,
        /// Conductance from the potential to the adaptation current, nS.
        a "a" = 4.0,
        /// Added to the adaptation current by a spike, nA.
        b "b" = 0.0805,
        /// Time constant of the adaptation, ms.
        tau_w "tau_w" = 144.0,
    }
}

parameters! {
    /// Exponential integrate and fire, `tau_m v' = v_rest - v + delta_T exp((v - v_thresh) / delta_T) + r i`, currents that
    /// decay exponentially. Forward Euler.
    EifCurrExp {
        /// Resting potential.
        v_rest "v_rest" = -65.0,
        /// Resistance: from current to potential.
        r "r" = 20.0,
        /// Time constant of the membrane.
        tau_m "tau_m" = 20.0,
        /// Refractory period.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory currents.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike.
        v_reset "v_reset" = -65.0,
        /// Where the exponential takes over.
        v_thresh "v_thresh" = -50.0,
        /// It fires at this potential.
        v_spike "v_spike" = -40.0,
        /// How sharp the exponential is.
        delta_t "delta_T" = 2.0,
    }
}

parameters! {
    /// Quadratic integrate and fire, `tau_m v' = a0 (v - v_rest) (v - v_c) - w + r i`, with adaptation
    /// `tau_w w' = a (v - v_rest) - w`, to which a spike adds b; currents that decay exponentially. Forward Euler, the
    /// adaptation after the potential.
    QifCurrExp {
        /// Resting potential.
        v_rest "v_rest" = -65.0,
        /// Above it the potential runs away.
        v_c "v_c" = -50.0,
        /// How steep it is.
        a0 "a0" = 0.1,
        /// Resistance: from current to potential.
        r "r" = 20.0,
        /// Time constant of the membrane.
        tau_m "tau_m" = 20.0,
        /// Refractory period.
        tau_refrac "tau_refrac" = 0.0,
        /// Decay of excitatory currents.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike.
        v_reset "v_reset" = -65.0,
        /// It fires at this potential.
        v_spike "v_spike" = -40.0,
        /// Factor from the potential to the adaptation.
        a "a" = 0.0,
        /// Added to the adaptation by a spike.
        b "b" = 0.0,
        /// Time constant of the adaptation.
        tau_w "tau_w" = 100.0,
    }
}

parameters! {
    /// Izhikevich (2003), `v' = 0.04 v^2 + 5 v + 140 - u + i`, `u' = a (b v - u)`, whose potential jumps by the weight of
    /// what arrives. Forward Euler.
    Izhikevich {
        /// How fast u follows, 1/ms.
        a "a" = 0.02,
        /// Factor from the potential to u.
        b "b" = 0.2,
        /// Potential after a spike, mV.
        c "c" = -65.0,
        /// Added to u by a spike.
        d "d" = 2.0,
        /// Current in every step, in the units of the equation.
        i_offset "i_offset" = 0.0,
    }
}

parameters! {
    /// Fires at random, each step with the same chance.
    SpikeSourcePoisson {
        /// Spikes a second.
        rate "rate" = 1.0,
    }
}
