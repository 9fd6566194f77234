//! A network ready to run: batches of whole samples, or a stream of frames.

use std::sync::Arc;

use super::confident::Confident;
use super::machine::{Device, How, Machine, Pending};
use super::output::{Output, gather};
use super::profile::Profiler;
use super::state::State;
use super::values::{WORTH_THREADS, check_sample};
use crate::error::{Error, Result};
use crate::network::{InputKind, Network, Readout};
use crate::plan::{EventLists, Plan, Request};
use crate::tensor::{Tensor, shape_text};

/// How a session runs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where; the CPU by default.
    pub device: Device,
    /// Steps per sample; `None`: as the network or the samples say.
    pub steps: Option<usize>,
    /// How the output is reduced over time; `None`: as the network says, else the mean.
    pub readout: Option<Readout>,
    /// Threads; `None`: one for each core.
    pub threads: Option<usize>,
    /// Spikes and potentials of every population are kept.
    pub record: bool,
    /// Synaptic operations are not counted.
    pub no_meter: bool,
    /// The most bytes that one sample may take; `None`: 16 GiB.
    pub memory_limit: Option<usize>,
    /// Steps that every layer computes before the next slice of time begins; `None`: all of them. Of no effect on
    /// results, but on memory.
    pub slice: Option<usize>,
    /// Samples stop as soon as their decision is certain; `None`: they run to their end.
    pub confident: Option<Confident>,
    /// What times every step of the plan; `None`: nothing does.
    pub profile: Option<Profiler>,
    /// The state that every sample of a batch begins with; `None`: that before the first step.
    pub initial_state: Option<Arc<State>>,
    /// When linear layers read lists of the inputs that fired; `None`: on a GPU up to the share that was measured there, else
    /// never. Of no effect on results, nor on the fast machine of the CPU, which makes its own.
    pub event_lists: Option<EventLists>,
}

/// A network with its plans and memory.
///
/// ```
/// use saltatory::{Network, Session, Tensor, neuron::Lif, run::Options};
/// let mut network = Network::new([1, 8, 8])
///     .conv2d(16, 3).padding(1).spiking(Lif::tau(2.0)).max_pool(2)
///     .flatten().linear(10).steps(8)
///     .build()?;
/// network.init(7)?;
/// let mut session = Session::new(network, Options::default())?;
/// let images = Tensor::filled([32, 1, 8, 8], 0.5);
/// let output = session.run(&images)?;
/// assert_eq!(output.scores.shape(), [32, 10]);
/// # Ok::<(), saltatory::Error>(())
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) network: Network,
    pub(super) options: Options,
    pub(super) threads: Option<Arc<rayon::ThreadPool>>,
    /// What batches last ran on, and how.
    batch: Option<Machine>,
    how: How,
    /// Whether nothing has run on it yet.
    fresh: bool,
    pub(super) stream: Option<Machine>,
    /// The longest slice of time that has turned out to fit, where the whole does not.
    slice: Option<usize>,
}

/// A batch under way: [`Session::finish`] gives its output.
#[derive(Debug)]
pub struct Ticket {
    plan: Arc<Plan>,
    pending: Pending,
}

/// So many threads of one's own; `None`: those that all share.
///
/// # Errors
/// None at all, or threads that cannot be had.
pub(super) fn threads(threads: Option<usize>) -> Result<Option<Arc<rayon::ThreadPool>>> {
    match threads {
        None => Ok(None),
        Some(0) => Err(Error::Request("expected at least one thread, got 0".into())),
        Some(n) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
            Ok(Some(Arc::new(pool.map_err(|e| Error::Request(format!("{n} threads cannot be started: {e}")))?)))
        }
    }
}

impl Session {
    /// Checks the network; plans are made when the form of the input is known.
    ///
    /// # Errors
    /// A network that is not well formed, steps that conflict, threads that cannot be had.
    pub fn new(network: Network, options: Options) -> Result<Session> {
        network.check()?;
        if let (Some(fixed), Some(asked)) = (network.steps, options.steps)
            && fixed != asked
        {
            return Err(Error::Request(format!(
                "the network fixes {fixed} steps, {asked} were asked for: change `steps` in its file, or leave them out"
            )));
        }
        let threads = threads(options.threads)?;
        if options.confident.is_some_and(|c| c.every == 0 || c.margin.is_nan()) {
            return Err(Error::Request("expected a margin, and at least one step from one look to the next".into()));
        }
        let (how, batch, stream) = (How::default(), None, None);
        let fresh = false;
        let session = Session { network, options, threads, batch, how, fresh, stream, slice: None };
        if session.options.confident.is_some() && session.readout() == Readout::Trace {
            let message = "samples that stop when they are certain need one score for each class: the read-out `trace` has \
                           one for each step";
            return Err(Error::Request(message.into()));
        }
        Ok(session)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The read-out in use.
    pub fn readout(&self) -> Readout {
        self.options.readout.or(self.network.readout).unwrap_or(Readout::Mean)
    }

    /// The plan for static samples, or for sequences of `sequence` steps.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn plan(&mut self, sequence: Option<usize>) -> Result<Arc<Plan>> {
        let request = self.request(sequence)?;
        Ok(self.machine(request, false)?.0.plan().clone())
    }

    /// Runs a batch of static samples `[batch, ...]`, each repeated over all steps, or of sequences
    /// `[batch, time, ...]`; `...` is the network's input shape.
    ///
    /// # Errors
    /// A batch whose shape does not fit or that is empty, values that are not finite or not of the input's kind,
    /// steps that are not known or conflict, more memory than is allowed.
    pub fn run(&mut self, batch: &Tensor) -> Result<Output> {
        let input = self.network.input.shape.clone();
        let (shape, axes) = (batch.shape(), input.len());
        let sequence = match shape.len().checked_sub(axes) {
            Some(1) if shape[1..] == input => None,
            Some(2) if shape[2..] == input => Some(shape[1]),
            _ => {
                let expected = shape_text(&input);
                return Err(Error::Request(format!(
                    "expected a batch [samples, {expected}] or [samples, steps, {expected}], got {shape:?}"
                )));
            }
        };
        if batch.is_empty() {
            return Err(Error::Request(format!("expected at least one sample and one step, got {shape:?}")));
        }
        let rows: Vec<&[f32]> = batch.data().chunks_exact(batch.len() / shape[0]).collect();
        self.run_samples(&rows, sequence)
    }

    /// Runs samples that lie anywhere in memory: each `[...]`, or `[time, ...]` with `sequence` steps or fewer. What a
    /// shorter one gives is what it gives alone.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_samples(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Output> {
        self.check_samples(samples, sequence)?;
        pollster::block_on(async {
            let ticket = self.begin(samples, sequence).await?;
            self.end(ticket, samples).await
        })
    }

    pub(super) fn check_samples(&self, samples: &[&[f32]], sequence: Option<usize>) -> Result<()> {
        let frame = self.network.input.shape.iter().product::<usize>();
        let most = sequence.unwrap_or(1);
        for (i, sample) in samples.iter().enumerate() {
            let steps = sample.len() / frame.max(1);
            if !sample.len().is_multiple_of(frame) || steps == 0 || steps > most {
                let times = if most == 1 { String::new() } else { format!(" for each of up to {most} steps") };
                let got = sample.len();
                return Err(Error::Request(format!("sample {i}: expected {frame} values{times}, got {got}")));
            }
            // Not the session itself: on the web it belongs to its thread.
            let kind = self.network.input.kind;
            let check = || check_sample(i, sample, kind);
            match &self.threads {
                Some(threads) if sample.len() >= WORTH_THREADS => threads.install(check),
                _ => check(),
            }?;
        }
        Ok(())
    }

    /// Begins a batch without waiting for it, where the device works on its own: another can be prepared meanwhile.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn submit(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Ticket> {
        pollster::block_on(self.submit_async(samples, sequence))
    }

    /// [`Session::submit`] for the web.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn submit_async(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Ticket> {
        self.check_samples(samples, sequence)?;
        self.begin(samples, sequence).await
    }

    /// The output of a batch; `samples` are those it was begun with, in case they need more bit planes.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn finish(&mut self, ticket: Ticket, samples: &[&[f32]]) -> Result<Output> {
        pollster::block_on(self.end(ticket, samples))
    }

    /// [`Session::finish`] for the web.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn finish_async(&mut self, ticket: Ticket, samples: &[&[f32]]) -> Result<Output> {
        self.end(ticket, samples).await
    }

    async fn begin(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Ticket> {
        let request = Request { input_planes: self.planes(samples), ..self.request(sequence)? };
        self.begin_request(samples, request).await
    }

    async fn begin_request(&mut self, samples: &[&[f32]], mut request: Request) -> Result<Ticket> {
        loop {
            let (machine, how) = self.machine(request, true)?;
            match machine.submit(samples, how).await {
                // One sample does not fit: perhaps a shorter part of it does.
                Err(error) if error.is_too_large() && request.window_steps() > 1 => {
                    request.slice = Some(request.window_steps().div_ceil(2));
                    self.slice = request.slice;
                }
                // Some devices know so soon that a neuron fired more often than its bit planes hold.
                Err(Error::Layer { .. }) if request.count_planes < Request::MOST_COUNT_PLANES => {
                    request.count_planes = Request::MOST_COUNT_PLANES;
                }
                submitted => return Ok(Ticket { plan: machine.plan().clone(), pending: submitted? }),
            }
        }
    }

    async fn end(&mut self, ticket: Ticket, samples: &[&[f32]]) -> Result<Output> {
        let (mut plan, mut pending) = (ticket.plan, ticket.pending);
        loop {
            let Some(machine) = &mut self.batch else { return Err(Error::Request("no batch was begun".into())) };
            let mut request = plan.request;
            match machine.finish(pending).await {
                Ok(results) => return gather(&plan, results),
                // A neuron fired more often than its bit planes hold: more planes give the same bits for all else.
                Err(Error::Layer { .. }) if request.count_planes < Request::MOST_COUNT_PLANES => {
                    request.count_planes = Request::MOST_COUNT_PLANES;
                    Ticket { plan, pending } = self.begin_request(samples, request).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Fills all working memory with a value that shows up in results if it is ever read before it is written: for
    /// tests.
    pub fn poison(&mut self, word: u32) {
        self.batch.iter_mut().chain(&mut self.stream).for_each(|machine| machine.poison(word));
    }

    /// The words of working memory that a batch of so many samples has no use for: for tests, which [`Session::poison`]
    /// them and see that they stay as they are. There are some where a larger batch ran before, on a GPU.
    ///
    /// # Errors
    /// A device that is lost.
    #[cfg(feature = "gpu")]
    #[doc(hidden)]
    pub fn beyond(&self, samples: usize) -> Result<Vec<u32>> {
        match &self.batch {
            Some(machine) => pollster::block_on(machine.beyond(samples)),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn request(&self, sequence: Option<usize>) -> Result<Request> {
        let fixed = self.options.steps.or(self.network.steps);
        let steps = match (sequence, fixed) {
            (Some(steps), Some(fixed)) if steps != fixed => {
                return Err(Error::Request(format!(
                    "the samples have {steps} steps, {fixed} are fixed: drop one of them"
                )));
            }
            (Some(steps), _) | (None, Some(steps)) => steps,
            (None, None) => {
                return Err(Error::Request(
                    "the samples have no time axis and the network fixes no steps: say how many (`--steps T`)".into(),
                ));
            }
        };
        Ok(self.request_for(steps, sequence.is_none()))
    }

    pub(super) fn request_for(&self, steps: usize, constant_input: bool) -> Request {
        let looks = self.options.confident.map(|confident| confident.every);
        let slices = [self.options.slice, self.slice, self.options.device.most_steps(), looks];
        let slice = slices.into_iter().flatten().min().filter(|&slice| slice < steps);
        Request {
            steps,
            constant_input,
            readout: self.readout(),
            record: self.options.record,
            meter: !self.options.no_meter,
            slice,
            // Neurons begin with a state that is given as they go on with one that was kept.
            streaming: self.options.initial_state.is_some(),
            binding_limit: self.options.device.binding_limit(),
            event_lists: self.options.device.event_lists(self.options.event_lists),
            memory_limit: self.options.memory_limit.unwrap_or(Request::default().memory_limit),
            count_planes: match self.initial_planes() {
                Some(planes) if planes > Request::default().count_planes => Request::MOST_COUNT_PLANES,
                _ => Request::default().count_planes,
            },
            ..Request::default()
        }
    }

    /// Bit planes that counts in the given state need.
    fn initial_planes(&self) -> Option<u32> {
        self.options.initial_state.as_ref().map(|state| bits_of(state.largest_past()))
    }

    /// Bit planes that an input of counts needs for these samples.
    fn planes(&self, samples: &[&[f32]]) -> u32 {
        if self.network.input.kind != InputKind::Counts {
            return Request::MOST_INPUT_PLANES;
        }
        let largest = |sample: &&[f32]| sample.iter().fold(0, |largest, &x| largest.max(x as u32));
        let planes = bits_of(samples.iter().map(largest).max().unwrap_or(0)).max(2);
        planes.max(self.initial_planes().unwrap_or(0)).min(Request::MOST_INPUT_PLANES)
    }

    /// The machine for batches under a request, which is about to run one, or not; the last one where that will do.
    fn machine(&mut self, request: Request, runs: bool) -> Result<(&mut Machine, &How)> {
        let fresh = self.fresh;
        let fits = |plan: &Plan| {
            let Request { count_planes, input_planes, .. } = plan.request;
            let enough = count_planes >= request.count_planes && input_planes >= request.input_planes;
            // Fewer planes are less to do, but not worth another machine.
            let few = !fresh || input_planes == request.input_planes;
            plan.request == Request { count_planes, input_planes, ..request } && enough && few
        };
        if !self.batch.as_ref().is_some_and(|machine| fits(machine.plan())) {
            let plan = Arc::new(self.options.device.compile(&self.network, &request)?);
            let initial = self.options.initial_state.as_ref().map(|state| state.words(&plan)).transpose()?;
            let confident = self.options.confident;
            self.how = How { initial: initial.map(Arc::new), confident, profile: self.options.profile.clone() };
            self.fresh = true;
            self.batch =
                Some(Machine::new(&self.options.device, plan, self.threads.clone(), self.options.profile.clone())?);
        }
        self.fresh &= !runs;
        let machine = self.batch.as_mut().ok_or_else(|| Error::Request("no machine".into()))?;
        Ok((machine, &self.how))
    }
}

/// Bits of a whole number.
fn bits_of(number: u32) -> u32 {
    u32::BITS - number.leading_zeros()
}
