//! A circuit: for each step of time its cells, the list of those that fired, and what their spikes reach.

use super::Lowering;
use crate::circuit::{Circuit, Stored, Tables};
use crate::error::{Error, Result};
use crate::kernel::{Edge, Kernel, cells, compact, probe, propagate, regenerate};
use crate::plan::{CircuitInfo, Holds, Slot, Stage, StateInfo, StateKind, Step, When, bytes_text};

/// Workgroups that share the events of a step at most: enough to fill a large GPU.
const MOST_GROUPS: u32 = 2048;

impl Lowering<'_> {
    pub(super) fn circuit(&mut self, node: usize, circuit: &Circuit) -> Result<()> {
        let name = self.graph.nodes[node].name.clone();
        if self.training.is_some() {
            return Err(Error::layer(&name, "circuits have no gradients: they cannot be trained"));
        }
        let named = |e: Error| Error::layer(&name, e.to_string());
        let stored = circuit.projections.iter().filter(|projection| !projection.procedural);
        let bytes = STORED_BYTES * stored.map(|projection| circuit.expected_synapses(projection)).sum::<f64>();
        if bytes > self.request.memory_limit as f64 {
            let (needed, limit) = (bytes_text(bytes as u128), bytes_text(self.request.memory_limit as u128));
            let what =
                format!("its stored synapses need about {needed}, {limit} are allowed: make projections `procedural`");
            return Err(Error::layer(&name, what));
        }
        let tables = Tables::new(circuit, self.network.dt).map_err(named)?;
        let input = match self.graph.nodes[node].inputs.first() {
            Some(&from) => {
                let value = self.value(from)?;
                Some(self.shaped(node, value, &[value.edge.elements()])?)
            }
            None => None,
        };
        let Tables { cells: count, ring, rows, initial, key, .. } = tables;
        let output = self.output(node, [1, 1], count);
        self.plan.buffers[output.buffer].permanent = true;
        let words = |what: &str, words: usize| (format!("{name}.{what}"), Holds::Words(words));
        let (ring_words, state_words) = (2 * count as usize * ring as usize, cells::STATE_WORDS * count as usize);
        let kept = [words("arriving", ring_words), words("state", state_words)];
        let [arriving, state] = kept.map(|(name, holds)| self.buffer(name, holds, true));
        let list = compact::list_words(count as usize);
        let events = self.buffer(format!("{name}.events"), Holds::Words(list), true);
        let groups = count.div_ceil(8).clamp(1, MOST_GROUPS);

        let mut steps = Steps { layer: name.clone(), steps: Vec::new() };
        let first_input = circuit.starts()[circuit.input_population()] as u32;
        let edge = input.map_or_else(no_input, |value| value.edge);
        let params = cells::Params { input: edge, first_input, rows, initial, ring, key, output: output.edge };
        let table = self.constant(format!("{name}.cells"), tables.words);
        if self.request.keeps_state() {
            let tables = self.plan.constants.len() - 1;
            let shape = vec![count as usize];
            let layout = output.edge;
            let states = &mut self.plan.states;
            let mut kept = |buffer: usize, kind: StateKind| {
                states.push(StateInfo { layer: name.clone(), shape: shape.clone(), layout, buffer, kind });
            };
            kept(state, StateKind::Cells { params, tables });
            kept(arriving, StateKind::Arriving(ring as usize));
        }
        let from = input.map_or(Slot::Empty, |value| Slot::Buffer(value.buffer));
        let [arriving, state, events] = [arriving, state, events].map(Slot::Buffer);
        let spikes = Slot::Buffer(output.buffer);
        steps.add(Kernel::Cells(params), vec![from, table, arriving, state, spikes], format!("{count} cells"));
        let who = compact::Params { input: output.edge, most: count, series: 0 };
        steps.add(Kernel::Compact(who), vec![spikes, events], "who fired");
        self.stored(&mut steps, &name, tables.stored, (count, ring, groups), events, arriving);
        let (words, rules) = tables.procedural;
        if rules > 0 {
            let table = self.constant(format!("{name}.rules"), words);
            let params = regenerate::Params { cells: count, rules, ring, groups };
            let note = format!("{rules} projections drawn again");
            steps.add(Kernel::Regenerate(params), vec![events, table, arriving], note);
        }
        let probed = tables.probes.len();
        let probes = (!tables.probes.is_empty()).then(|| {
            let buffer = self.buffer(format!("{name}.probes"), Holds::Probes(probed), true);
            let table = self.constant(format!("{name}.probed"), tables.probes);
            let params = probe::Params { cells: count, probes: probed as u32 };
            steps.add(Kernel::Probe(params), vec![table, state, Slot::Buffer(buffer)], "recorded");
            buffer
        });
        match &mut self.cycle {
            Some(cycle) => cycle.extend(steps.steps),
            None => self.plan.stages.push(Stage::Loop(steps.steps)),
        }
        self.plan.circuits.push(CircuitInfo { layer: name, spikes: output.buffer, edge: output.edge, probes });
        Ok(())
    }

    /// Steps for stored synapses: as many as they have bindings.
    fn stored(
        &mut self,
        steps: &mut Steps,
        name: &str,
        mut stored: Stored,
        (cells, ring, groups): (u32, u32, u32),
        events: Slot,
        arriving: Slot,
    ) {
        if stored.len() == 0 {
            return;
        }
        let most = self.request.binding_limit / 8;
        let mut first = 0;
        while first < cells as usize {
            let begin = stored.rows[first] as usize;
            let fitting = stored.rows.partition_point(|&end| end as usize - begin.min(end as usize) <= most);
            let end = (fitting - 1).clamp(first + 1, cells as usize);
            let behind = stored.rows[end] as usize;
            if behind > begin {
                let part = format!("{name}.synapses.{first}");
                let rows = stored.rows[first..=end].iter().map(|row| row - begin as u32).collect();
                let rows = self.constant(format!("{part}.rows"), rows);
                let all = 2 * (behind - begin) == stored.synapses.len();
                let own = if all {
                    std::mem::take(&mut stored.synapses)
                } else {
                    stored.synapses[2 * begin..2 * behind].to_vec()
                };
                let synapses = self.constant(part, own);
                let params = propagate::Params {
                    cells,
                    first: first as u32,
                    sources: (end - first) as u32,
                    ring,
                    place_bits: stored.place_bits,
                    groups,
                };
                let note = format!("{} stored synapses", behind - begin);
                steps.add(Kernel::Propagate(params), vec![events, rows, synapses, arriving], note);
            }
            first = end;
        }
    }
}

/// Bytes of a stored synapse.
const STORED_BYTES: f64 = 8.0;

/// The steps of a circuit.
struct Steps {
    layer: String,
    steps: Vec<Step>,
}

impl Steps {
    fn add(&mut self, kernel: Kernel, bind: Vec<Slot>, note: impl Into<String>) {
        let layer = self.layer.clone();
        self.steps.push(Step { layer, kernel, bind, when: When::Always, note: note.into() });
    }
}

/// The edge of a circuit that takes nothing.
fn no_input() -> Edge {
    Edge { cells: 1, channels: 0, planes: 1, series: 0 }
}
