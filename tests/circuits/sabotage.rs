//! The comparison of circuits notices wrong shaders: what nobody has seen fail proves nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use saltatory::run::Device;
use saltatory::run::gpu::ShaderEdit;

use crate::machines::gpu;
use crate::support::{self, zoo};

const STEPS: usize = 60;

/// Shaders that an edit has changed.
static CHANGED: AtomicUsize = AtomicUsize::new(0);

fn changed(text: String, from: &str, to: &str) -> String {
    if text.contains(from) {
        CHANGED.fetch_add(1, Ordering::Relaxed);
    }
    text.replace(from, to)
}

/// What is done to the shaders, and whether synapses are drawn again by every spike.
const SABOTAGES: &[(&str, bool, ShaderEdit)] = &[
    ("spikes arrive a step late", false, |_, t| {
        changed(t, "(word >> p.place_bits)) %", "(word >> p.place_bits) + 1u) %")
    }),
    ("of a source that a workgroup has alone, synapses beyond the first 64 are lost", false, |_, t| {
        changed(
            t.replace("const MOST_PARTS: u32 = 16u", "const MOST_PARTS: u32 = 1u"),
            "synapse += parts * 64u",
            "synapse += 64000u",
        )
    }),
    ("the second part of a source's synapses is lost", false, |_, t| {
        changed(t, "rows[source] + unit % parts * 64u", "rows[source] + 2u * (unit % parts) * 64u")
    }),
    ("the last spike is lost", false, |_, t| {
        changed(t, "events[list] = fired;", "events[list] = max(fired, 1u) - 1u;")
    }),
    ("what has arrived is kept", false, |_, t| changed(t, "    ring[slot] = 0u;\n", "")),
    ("one spike of the background too many", false, |_, t| {
        changed(t, "let weight = spikes *", "let weight = (spikes + 1u) *")
    }),
    ("inhibition excites", false, |_, t| changed(t, "i += weight;", "e += weight;")),
    ("no refractory period", false, |_, t| changed(t, "let awake = s.refractory == 0u;", "let awake = true;")),
    ("it rests a step longer", false, |_, t| changed(t, "c.refractory, fires)", "c.refractory + 1u, fires)")),
    ("leak times 1 + 2e-7", false, |_, t| changed(t, "rounded(c.linear *", "rounded(1.0000002 * c.linear *")),
    ("decay of synapses times 1 + 2e-7", false, |_, t| {
        changed(t, "rounded(c.keep_e *", "rounded(1.0000002 * c.keep_e *")
    }),
    ("an exponential that is off by little", false, |_, t| changed(t, "0.16666667f", "0.1667f")),
    ("adaptation sees the old potential", false, |_, t| {
        changed(t, "select(s.v, h, (c.flags & ADAPTS_LATE)", "select(s.v, s.v, (c.flags & ADAPTS_LATE)")
    }),
    ("a change of the current comes late", false, |_, t| {
        changed(t, "if tables[entry] <= window.clock", "if tables[entry] < window.clock")
    }),
    ("spike times are a step late", false, |_, t| {
        changed(t, "times.x + before - 1u] == window.clock", "times.x + before - 1u] + 1u == window.clock")
    }),
    ("gaps are one longer", true, |_, t| changed(t, "next += gap;", "next += gap + 1u;")),
    ("delays are drawn with the weights", true, |_, t| changed(t, "3u * draw + 2u", "3u * draw + 1u")),
    ("cells reach themselves", true, |_, t| changed(t, "rule.skips_self == 0u || next != source", "true")),
    ("the high half of a product is off", true, |_, t| changed(t, "(left >> 16u) + (right >> 16u)", "(right >> 16u)")),
];

#[test]
fn every_sabotage_is_noticed() {
    let Some(Device::Gpu(gpu)) = gpu() else { return };
    let circuits = [false, true].map(|procedural| zoo(6, procedural));
    let expected = circuits.each_ref().map(|circuit| support::run(circuit, STEPS, &Device::Reference, STEPS));
    assert!(expected[0] == expected[1]);
    for (name, procedural, edit) in SABOTAGES {
        CHANGED.store(0, Ordering::Relaxed);
        let device = Device::Gpu(gpu.with_edited_shaders(*edit));
        let at = usize::from(*procedural);
        let got = support::run(&circuits[at], STEPS, &device, STEPS);
        assert!(CHANGED.load(Ordering::Relaxed) > 0, "`{name}` changes no shader");
        assert!(got != expected[at], "not noticed: {name}");
    }
}
