//! A circuit in the words that kernels read.

use super::joined::{Joined, RuleTables};
use super::{Circuit, Distribution, Population, Receptor, Stored};
use crate::error::{Error, Result};
use crate::kernel::cells::GROUP_WORDS;
use crate::neuron::cell::{CELL_WORDS, Cell, CellType, flag};
use crate::random::{Stream, picked, random_below};

/// What random numbers of a circuit are drawn for; projections come behind.
pub(super) mod place {
    /// Told apart from what else a seed is for.
    pub const CIRCUIT: u32 = 0x00c1_4c17;
    pub const CELLS: u32 = 0;
    pub const V_INIT: u32 = 1;
    pub const I_OFFSET: u32 = 2;
    pub const PROJECTIONS: u32 = 16;
}

/// More spikes of the background than this in one step of one cell, on average, are taken for a mistake.
const MOST_BACKGROUND: f64 = 500.0;

/// A circuit as kernels read it.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Cells, with those that fill up words.
    pub cells: u32,
    /// Steps that accumulators look ahead, a power of two.
    pub ring: u32,
    /// What [`crate::kernel::cells`] reads, and where rows and initial potentials begin in it.
    pub words: Vec<u32>,
    pub rows: u32,
    pub initial: u32,
    /// The stream that sources and the background draw from.
    pub key: [u32; 2],
    /// Rules of synapses that are not stored, with what they draw from; and how many there are.
    pub procedural: (Vec<u32>, u32),
    /// Those that are stored.
    pub stored: Stored,
    /// Cells that are probed.
    pub probes: Vec<u32>,
}

impl Tables {
    /// For steps of `dt` ms.
    ///
    /// # Errors
    /// A background that is too strong for one step, more synapses than can be numbered.
    pub fn new(circuit: &Circuit, dt: f64) -> Result<Tables> {
        let starts = circuit.starts();
        let units = units(circuit, dt)?;
        let random = Stream::new(circuit.seed, place::CIRCUIT);
        let cells = CellTables::new(circuit, dt, &starts, &units, random)?;
        let mut stored = RuleTables::default();
        let mut procedural = RuleTables::default();
        let mut drawn = Vec::new();
        for (at, projection) in circuit.projections.iter().enumerate() {
            let stream = random.at(place::PROJECTIONS + at as u32);
            let synapses = Joined::new(circuit, projection, &starts, &units, dt);
            let to = if projection.procedural { &mut procedural } else { &mut stored };
            match projection.connector.kind() {
                Some(kind) => to.add(kind, &synapses, stream),
                None => drawn.push((synapses, stream)),
            }
        }
        let delays = circuit.projections.iter().flat_map(|p| p.all_delays()).map(|delay| (delay / dt).round() as u32);
        let ring = (delays.max().unwrap_or(0) + 1).next_power_of_two();
        let cell_count = circuit.cells() as u32;
        let (rules, words) = stored.finish();
        let stored = Stored::new(cell_count, ring, &rules, &words, &drawn)?;
        let (rules, words) = procedural.finish();
        let probes = circuit
            .populations
            .iter()
            .zip(&starts)
            .flat_map(|(population, start)| population.probes.iter().map(move |probe| (start + probe) as u32));
        Ok(Tables {
            cells: cell_count,
            ring,
            words: cells.words,
            rows: cells.rows,
            initial: cells.initial,
            key: random.at(place::CELLS).key(),
            procedural: (words, rules.len() as u32),
            stored,
            probes: probes.collect(),
        })
    }
}

/// What one unit of each population's accumulators stands for: the largest sum of weights fits, whatever fires.
pub(super) fn units(circuit: &Circuit, dt: f64) -> Result<Vec<f64>> {
    let mut most: Vec<f64> = vec![0.0; circuit.populations.len()];
    for projection in &circuit.projections {
        let (Some(from), Some(to)) = (circuit.find(&projection.from), circuit.find(&projection.to)) else { continue };
        let [sources, targets] = [from, to].map(|at| circuit.populations[at].size);
        most[to] += projection.largest_weight() * projection.connector.most_of_target(sources, targets);
    }
    for (population, most) in circuit.populations.iter().zip(&mut most) {
        if let Some(background) = &population.background {
            *most += background.weight.abs() * background_chances(&population.name, background.rate, dt)?.len() as f64;
        }
    }
    let unit = |most: &f64| {
        // The largest sum is below 2^30 units: rounding of weights cannot carry it over 2^31.
        let log = if *most > 0.0 { (most.log2() - 30.0).ceil() } else { 0.0 };
        2f64.powf(log.clamp(-60.0, 60.0))
    };
    Ok(most.iter().map(unit).collect())
}

/// Cumulative chances of so many spikes of a background in one step (Poisson), as what a random word is below.
fn background_chances(name: &str, rate: f64, dt: f64) -> Result<Vec<u32>> {
    let mean = rate * dt / 1000.0;
    if mean > MOST_BACKGROUND {
        return Err(Error::Request(format!(
            "population `{name}`: expected a background of at most {MOST_BACKGROUND} spikes a step and cell, got {mean}"
        )));
    }
    let (mut chance, mut sum) = ((-mean).exp(), 0.0);
    let mut chances = Vec::new();
    while 1.0 - sum > 1e-10 && chances.len() < 4096 {
        sum += chance;
        chances.push(random_below(sum));
        chance *= mean / chances.len() as f64;
    }
    Ok(chances)
}

/// The tables of cells while they are made.
struct CellTables {
    words: Vec<u32>,
    rows: u32,
    initial: u32,
}

impl CellTables {
    fn new(circuit: &Circuit, dt: f64, starts: &[usize], units: &[f64], random: Stream) -> Result<CellTables> {
        let cells = circuit.cells();
        let mut words = Vec::with_capacity(GROUP_WORDS * cells / 32);
        let mut row = 0;
        for population in &circuit.populations {
            let own = usize::from(population.i_offset.is_some());
            for first in (0..population.size).step_by(32) {
                let count = (population.size - first).min(32);
                words.extend([row + own * first, own, count].map(|x| x as u32));
            }
            row += if own == 1 { population.size } else { 1 };
        }
        let rows = words.len() as u32;
        let initial = rows as usize + CELL_WORDS * row;
        let mut more = Vec::new();
        for (at, population) in circuit.populations.iter().enumerate() {
            let kind = kind_of(population, dt, units[at], (initial + cells, starts[at]), &mut more)?;
            let offsets = population.i_offset.map(|offset| drawn(&offset, random.at(place::I_OFFSET).at(at as u32)));
            match offsets {
                None => words.extend(bytemuck::cast_slice(&[kind])),
                Some(of_cell) => (0..population.size).for_each(|cell| {
                    let constant = (f64::from(kind.current) * of_cell(cell)) as f32;
                    words.extend(bytemuck::cast_slice(&[Cell { constant, ..kind }]));
                }),
            }
        }
        for (at, population) in circuit.populations.iter().enumerate() {
            let initial = population.v_init.unwrap_or(Distribution::Constant(population.cell.v_init()));
            let of_cell = drawn(&initial, random.at(place::V_INIT).at(at as u32));
            let filled = population.size.next_multiple_of(32);
            words.extend((0..filled).map(|cell| (of_cell(cell) as f32).to_bits()));
        }
        words.extend(more);
        Ok(CellTables { words, rows, initial: initial as u32 })
    }
}

/// A number for each of many, by their place.
fn drawn(distribution: &Distribution, stream: Stream) -> impl Fn(usize) -> f64 + use<> {
    let (values, log) = (distribution.values(), distribution.log());
    move |at| values[picked(stream.bits(at as u32), log)]
}

/// What the cells of a population compute with. `more` takes what belongs to it and lies from a place of the tables on.
fn kind_of(
    population: &Population,
    dt: f64,
    unit: f64,
    (behind, start): (usize, usize),
    more: &mut Vec<u32>,
) -> Result<Cell> {
    let mut cell = population.cell.cell(dt)?;
    cell.unit = unit as f32;
    let here = |more: &[u32]| (behind + more.len()) as u32;
    let step = |time: f64| (time / dt).round() as u32;
    if let Some(background) = &population.background {
        let chances = background_chances(&population.name, background.rate, dt)?;
        cell.chances = [here(more), chances.len() as u32];
        cell.background = (background.weight / unit).round() as i32;
        let by_sign = if background.weight < 0.0 { Receptor::Inhibitory } else { Receptor::Excitatory };
        if background.receptor.unwrap_or(by_sign) == Receptor::Inhibitory {
            cell.flags |= flag::BACKGROUND_INHIBITS;
        }
        more.extend(chances);
    }
    if !population.currents.is_empty() {
        cell.currents = [here(more), population.currents.len() as u32];
        more.extend(population.currents.iter().flat_map(|&(time, current)| [step(time), (current as f32).to_bits()]));
    }
    if let CellType::SpikeSourceArray { spike_times } = &population.cell {
        cell.currents = [here(more), start as u32];
        let mut next = here(more) + spike_times.len() as u32 + 1;
        let mut lists = Vec::new();
        for times in spike_times {
            let mut steps: Vec<u32> = times.iter().map(|&time| step(time)).collect();
            steps.sort_unstable();
            steps.dedup();
            more.push(next);
            next += steps.len() as u32;
            lists.extend(steps);
        }
        more.push(next);
        more.extend(lists);
    }
    Ok(cell)
}
