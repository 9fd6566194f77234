//! What is simulated: the circuit of the file, with what the command line says of it.

use saltatory::circuit::Circuit;
use saltatory::network::{self, OpenOptions};
use saltatory::{Error, Network, Result};

use super::Arguments;
use super::duration::Duration;

/// What is simulated, and what is kept of it.
pub struct Setup {
    pub name: String,
    pub circuit: Circuit,
    /// ms.
    pub dt: f64,
    pub steps: u64,
    /// The populations that are recorded and drawn.
    pub shown: Vec<usize>,
    /// The steps that are drawn.
    #[cfg(feature = "charts")]
    pub drawn: std::ops::Range<u64>,
}

impl Setup {
    pub fn new(arguments: &Arguments) -> Result<Setup> {
        let options = OpenOptions { dt: arguments.dt.map(|Duration(ms)| ms), ..OpenOptions::default() };
        // Faults that another time step makes are found behind the reader, and do not name the file.
        let network = network::open(&arguments.network, &options).map_err(|e| match e {
            Error::Layer { .. } => Error::file(&arguments.network, e.to_string()),
            other => other,
        })?;
        let Some(circuit) = network.circuit() else {
            let message = "expected a circuit alone (`[[population]]`, `[[projection]]`): what takes samples is run by \
                           `saltatory run`";
            return Err(Error::file(&arguments.network, message));
        };
        let mut circuit = circuit.clone();
        circuit.seed = arguments.seed.unwrap_or(circuit.seed);
        for probe in &arguments.probe {
            let (name, cells) = parse_probe(probe)?;
            let at = find(&circuit, "--probe", name)?;
            let population = &mut circuit.populations[at];
            let new = cells.into_iter().filter(|cell| !population.probes.contains(cell)).collect::<Vec<_>>();
            population.probes.extend(new);
        }
        circuit.check(network.dt).map_err(|e| Error::file(&arguments.network, e.to_string()))?;
        let only = arguments.only.iter().map(|name| find(&circuit, "--only", name)).collect::<Result<Vec<_>>>()?;
        let shown = (0..circuit.populations.len()).filter(|at| only.is_empty() || only.contains(at)).collect();
        let dt = network.dt;
        let steps = steps("--duration", arguments.duration, dt)?;
        if steps == 0 {
            let got = arguments.duration;
            return Err(Error::Request(format!("--duration: expected at least one step of {dt} ms, got {got}")));
        }
        let from = arguments.from.map_or(Ok(0), |from| self::steps("--from", from, dt))?;
        let to = arguments.to.map_or(Ok(steps), |to| self::steps("--to", to, dt))?.min(steps);
        if from >= to {
            return Err(Error::Request(format!(
                "--from, --to: expected some time within the simulation's {}, got steps {from} to {to} of {steps}",
                arguments.duration
            )));
        }
        Ok(Setup {
            name: network.name,
            circuit,
            dt,
            steps,
            shown,
            #[cfg(feature = "charts")]
            drawn: from..to,
        })
    }

    /// The network that is simulated.
    pub fn network(&self) -> Network {
        Network::of_circuit(&self.name, self.circuit.clone(), self.dt)
    }
}

/// Steps that are still whole numbers in f64.
const MOST_STEPS: f64 = 9e15;

/// Whole steps of a time.
fn steps(option: &str, time: Duration, dt: f64) -> Result<u64> {
    let steps = (time.0 / dt).round();
    if steps > MOST_STEPS {
        return Err(Error::Request(format!("{option}: expected at most {MOST_STEPS:e} steps of {dt} ms, got {time}")));
    }
    Ok(steps as u64)
}

fn find(circuit: &Circuit, option: &str, name: &str) -> Result<usize> {
    circuit.find(name).ok_or_else(|| {
        let known: Vec<&str> = circuit.populations.iter().map(|population| population.name.as_str()).collect();
        Error::Request(format!("{option}: there is no population `{name}`, but `{}`", known.join("`, `")))
    })
}

/// `POP:0,1,2` or `POP:0-9`.
fn parse_probe(text: &str) -> Result<(&str, Vec<usize>)> {
    let fault = || Error::Request(format!("--probe: expected POPULATION:0,1,2 or POPULATION:0-9, got `{text}`"));
    let (name, list) = text.rsplit_once(':').ok_or_else(fault)?;
    let mut cells = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| fault());
        let (first, last) = (number(first)? as usize, number(last)? as usize);
        if first > last || last >= saltatory::circuit::MOST_CELLS {
            return Err(fault());
        }
        cells.extend(first..=last);
    }
    Ok((name, cells))
}
