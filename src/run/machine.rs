//! The machines that run plans, behind one set of calls.

use std::str::FromStr;
use std::sync::{Arc, Mutex};

use super::collect::SampleResult;
use super::confident::Confident;
use super::cpu::{self, Workspace};
use super::fast::Fast;
#[cfg(feature = "gpu")]
use super::gpu::{self, Gpu, GpuMachine};
use super::profile::Profiler;
use super::state::StateWords;
use crate::error::{Error, Result};
use crate::network::{Network, compile_with};
use crate::plan::{EventLists, Plan, Request, TrainingRequest};

/// Where networks run.
#[derive(Clone, Debug, Default)]
pub enum Device {
    /// On the CPU, vectorised.
    #[default]
    Cpu,
    /// On the CPU by the plain twins: the reference that every other machine must equal.
    Reference,
    /// On a GPU.
    #[cfg(feature = "gpu")]
    Gpu(Gpu),
}

/// As people write it: `cpu`, `reference`; `gpu` for the best there is, an index or a part of a name for one of them.
impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Device> {
        match text {
            "cpu" => Ok(Device::Cpu),
            "reference" => Ok(Device::Reference),
            #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
            other => Gpu::open(&other.into()).map(Device::Gpu),
            #[cfg(not(all(feature = "gpu", not(target_arch = "wasm32"))))]
            other => {
                Err(Error::Unsupported(format!("device `{other}`: there are `cpu` and `reference` in this build")))
            }
        }
    }
}

impl Device {
    /// Its name, for people.
    pub fn name(&self) -> String {
        match self {
            Device::Cpu => "cpu".into(),
            Device::Reference => "cpu, plain twins".into(),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let info = gpu.info();
                format!("{} ({}, {})", info.name, info.backend, info.driver)
            }
        }
    }

    /// The most bytes that one binding holds.
    pub(super) fn binding_limit(&self) -> usize {
        match self {
            Device::Cpu | Device::Reference => usize::MAX,
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu.binding_limit() as usize,
        }
    }

    /// When linear layers read lists of the inputs that fired.
    pub(super) fn event_lists(&self, asked: Option<EventLists>) -> EventLists {
        match self {
            // It makes lists of its own, of what comes in.
            Device::Cpu => EventLists::Never,
            Device::Reference => asked.unwrap_or_default(),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => asked.unwrap_or(EventLists::Measured),
        }
    }

    /// A request as this device takes it: what one binding holds, how many steps a window of time has, lists of events.
    pub fn takes(&self, request: Request) -> Request {
        let slice = [request.slice, self.most_steps()].into_iter().flatten().min();
        Request {
            slice: slice.filter(|&slice| slice < request.steps),
            binding_limit: self.binding_limit(),
            event_lists: self.event_lists(None),
            ..request
        }
    }

    /// A request for training as this device takes it: on a GPU more goes on at once.
    pub fn takes_training(&self, request: TrainingRequest) -> TrainingRequest {
        TrainingRequest { sums_apart: !matches!(self, Device::Cpu | Device::Reference), ..request }
    }

    /// The plan of a network for this device, with what was measured on it.
    ///
    /// # Errors
    /// As [`compile`](crate::network::compile).
    pub fn compile(&self, network: &Network, request: &Request) -> Result<Plan> {
        match self {
            Device::Cpu | Device::Reference => compile_with(network, request, &|_| None),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => compile_with(network, request, &|size| gpu.crossover(size)),
        }
    }

    /// The most steps that a window of time may have.
    pub(super) fn most_steps(&self) -> Option<usize> {
        match self {
            Device::Cpu | Device::Reference => None,
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => Some(crate::kernel::MOST_STEPS),
        }
    }
}

/// A plan on a device, with its memory.
#[derive(Debug)]
pub(super) enum Machine {
    Cpu {
        plan: Arc<Plan>,
        /// `None`: plain twins alone.
        fast: Option<Arc<Fast>>,
        /// Memory of samples that are done.
        pool: Mutex<Vec<Workspace>>,
        stream: Box<Workspace>,
        threads: Option<Arc<rayon::ThreadPool>>,
    },
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuMachine>),
}

/// How samples of a batch are run.
#[derive(Clone, Debug, Default)]
pub(super) struct How {
    /// The state that every sample begins with; `None`: a fresh one.
    pub initial: Option<Arc<StateWords>>,
    /// When samples stop before their end.
    pub confident: Option<Confident>,
    /// What times the steps of a CPU.
    pub profile: Option<Profiler>,
}

/// A batch under way.
#[derive(Debug)]
pub(super) enum Pending {
    Done(Result<Vec<SampleResult>>),
    #[cfg(feature = "gpu")]
    Gpu(gpu::Pending),
}

impl Machine {
    /// A machine for a plan.
    ///
    /// # Errors
    /// A profile that the device cannot make.
    pub fn new(
        device: &Device,
        plan: Arc<Plan>,
        threads: Option<Arc<rayon::ThreadPool>>,
        profile: Option<Profiler>,
    ) -> Result<Machine> {
        Ok(match device {
            Device::Cpu | Device::Reference => {
                let fast = matches!(device, Device::Cpu).then(|| Arc::new(Fast::new(&plan)));
                let stream = Box::new(Workspace::timed(profile));
                Machine::Cpu { plan, fast, pool: Mutex::default(), stream, threads }
            }
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Machine::Gpu(Box::new(GpuMachine::new(gpu.clone(), plan, profile)?)),
        })
    }

    pub fn plan(&self) -> &Arc<Plan> {
        match self {
            Machine::Cpu { plan, .. } => plan,
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => machine.plan(),
        }
    }

    /// Begins a batch; a CPU is done with it at once.
    pub async fn submit(&mut self, samples: &[&[f32]], how: &How) -> Result<Pending> {
        match self {
            Machine::Cpu { plan, fast, pool, threads, .. } => {
                let run = || cpu::run_batch(plan, fast.as_deref(), samples, how, pool);
                Ok(Pending::Done(threads.as_ref().map_or_else(run, |threads| threads.install(run))))
            }
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => Ok(Pending::Gpu(machine.submit(samples, how).await?)),
        }
    }

    /// The results of a batch, in order.
    pub async fn finish(&mut self, pending: Pending) -> Result<Vec<SampleResult>> {
        match (self, pending) {
            (_, Pending::Done(results)) => results,
            #[cfg(feature = "gpu")]
            (Machine::Gpu(machine), Pending::Gpu(pending)) => machine.finish(pending).await,
            #[cfg(feature = "gpu")]
            (Machine::Cpu { .. }, Pending::Gpu(_)) => Err(Error::Request("this batch was begun on a GPU".into())),
        }
    }

    /// The next steps of a stream.
    pub async fn advance(&mut self, sample: &[f32]) -> Result<SampleResult> {
        match self {
            Machine::Cpu { plan, fast, stream, threads, .. } => {
                if stream.is_empty() {
                    stream.allocate(plan);
                }
                let mut run = || stream.run(plan, fast.as_deref(), sample, None);
                match threads {
                    Some(threads) => threads.install(run),
                    None => run(),
                }
            }
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => machine.advance(sample).await,
        }
    }

    /// The state of the stream; `None` where it has not begun.
    pub async fn state(&self) -> Result<Option<StateWords>> {
        match self {
            Machine::Cpu { plan, stream, .. } => Ok(stream.state(plan)),
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => machine.state().await,
        }
    }

    /// The stream goes on from a state.
    pub async fn set_state(&mut self, state: &StateWords) -> Result<()> {
        match self {
            Machine::Cpu { plan, stream, .. } => {
                if stream.is_empty() {
                    stream.allocate(plan);
                }
                stream.set_state(plan, state);
                Ok(())
            }
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => machine.set_state(state).await,
        }
    }

    /// Forgets the state of the stream.
    pub fn reset(&mut self) {
        match self {
            Machine::Cpu { stream, .. } => stream.reset(),
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => machine.reset(),
        }
    }

    /// Words of working memory that batches of so many samples have no use for.
    #[cfg(feature = "gpu")]
    pub async fn beyond(&self, samples: usize) -> Result<Vec<u32>> {
        match self {
            // A workspace holds one sample.
            Machine::Cpu { .. } => Ok(Vec::new()),
            Machine::Gpu(machine) => machine.beyond(samples).await,
        }
    }

    /// Fills working memory with a value that shows up where it is read before it is written.
    pub fn poison(&mut self, word: u32) {
        match self {
            Machine::Cpu { pool, stream, .. } => {
                stream.poison(word);
                if let Ok(pool) = pool.get_mut() {
                    pool.iter_mut().for_each(|workspace| workspace.poison(word));
                }
            }
            #[cfg(feature = "gpu")]
            Machine::Gpu(machine) => machine.poison(word),
        }
    }
}
