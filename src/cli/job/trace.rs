//! What each thread of a run did, and when: `--trace FILE.json`, an array of events as chrome://tracing and Perfetto read it.
//!
//! | thread | events |
//! |---|---|
//! | `read`, `decode` | `read`: array samples, those without a pause between as one; `decode`: an image |
//! | `main` | `collect`: waiting for samples; `submit`: upload, and on a CPU all of the computation; `finish`: waiting for it |
//! | `main` | of a simulation `window`: some steps, and writing what happened in them; `samples` are these steps |
//! | `plan` | with `--profile`: the steps of the plan, on each thread of a CPU, or by the clock of a GPU |
//! | `write` | `write`: the rows of a batch; `save`: waiting for the disk, and the journal |

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use saltatory::io::ahead::Watch;
use saltatory::io::output::AtomicFile;
use saltatory::run::Profile;
use saltatory::{Error, Result};
use serde_json::{Value, json};

/// Events that are kept: about ten megabytes.
const MOST: usize = 200_000;
/// Reads with a shorter pause between are one event.
const PAUSE: Duration = Duration::from_micros(100);

/// Takes events from every thread, or nothing where no trace was asked for. Clones share it.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Mutex<Events>>>);

struct Events {
    file: Option<AtomicFile>,
    began: Instant,
    list: Vec<Event>,
    plan: Vec<PlanSpan>,
    left_out: usize,
    threads: HashMap<ThreadId, Thread>,
}

/// A run of a step of the plan.
struct PlanSpan {
    name: String,
    lane: usize,
    start: Duration,
    end: Duration,
}

struct Thread {
    number: usize,
    name: String,
    /// Its last event.
    last: Option<usize>,
}

struct Event {
    what: &'static str,
    samples: usize,
    thread: usize,
    start: Duration,
    end: Duration,
}

impl Trace {
    /// Begins a file; without a path nothing is traced.
    pub fn create(path: Option<&Path>) -> Result<Trace> {
        let Some(path) = path else { return Ok(Trace::default()) };
        let file = Some(AtomicFile::create(path)?);
        let (list, plan, threads) = (Vec::new(), Vec::new(), HashMap::new());
        Ok(Trace(Some(Arc::new(Mutex::new(Events { file, began: Instant::now(), list, plan, left_out: 0, threads })))))
    }

    /// Does some work on so many samples, and notes when.
    pub fn span<T>(&self, what: &'static str, samples: usize, work: impl FnOnce() -> T) -> T {
        let Some(events) = &self.0 else { return work() };
        let start = Instant::now();
        let result = work();
        if let Ok(mut events) = events.lock() {
            events.add(what, samples, start, Instant::now());
        }
        result
    }

    /// What notes when samples are read.
    pub fn watch(&self) -> Option<Watch> {
        let events = self.0.clone()?;
        Some(Arc::new(move |what, start, end| {
            if let Ok(mut events) = events.lock() {
                events.add(what, 1, start, end);
            }
        }))
    }

    /// Adds the steps of a plan, whose times count from `begun` on.
    pub fn plan_steps(&self, begun: Instant, profile: &Profile) {
        let Some(Ok(mut events)) = self.0.as_ref().map(|events| events.lock()) else { return };
        let offset = begun.saturating_duration_since(events.began);
        let names: Vec<String> = profile.steps.iter().map(|s| format!("{} {}", s.kernel, s.layer)).collect();
        let spans = profile.spans.iter().map(|span| PlanSpan {
            name: names[span.step].clone(),
            lane: span.lane,
            start: offset + span.start,
            end: offset + span.end,
        });
        events.plan.extend(spans);
        events.left_out += profile.left_out as usize;
    }

    /// Writes the file, unless nothing was done.
    pub fn write(&self) -> Result<()> {
        let Some(events) = &self.0 else { return Ok(()) };
        let mut events = events.lock().map_err(|_| Error::Request("--trace: a thread broke down".into()))?;
        let Some(mut file) = events.file.take().filter(|_| !events.list.is_empty()) else { return Ok(()) };
        let path = file.target().to_owned();
        events.write(&mut file).map_err(|e| Error::io(path, e))?;
        file.commit()
    }
}

impl Events {
    fn add(&mut self, what: &'static str, samples: usize, start: Instant, end: Instant) {
        let (start, end) = (start.saturating_duration_since(self.began), end.saturating_duration_since(self.began));
        let number = self.threads.len();
        let current = std::thread::current();
        let thread = self.threads.entry(current.id()).or_insert_with(|| Thread {
            number,
            // Only the thread that writes has no name of its own.
            name: current.name().unwrap_or("write").into(),
            last: None,
        });
        if let Some(last) = thread.last.and_then(|last| self.list.get_mut(last))
            && what == "read"
            && last.what == what
            && start.saturating_sub(last.end) < PAUSE
        {
            (last.end, last.samples) = (end, last.samples + samples);
        } else if self.list.len() < MOST {
            thread.last = Some(self.list.len());
            self.list.push(Event { what, samples, thread: thread.number, start, end });
        } else {
            self.left_out += 1;
        }
    }

    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let micros = |t: Duration| t.as_secs_f64() * 1e6;
        let names = self.threads.values().map(|t| {
            let name = json!({ "name": t.name });
            json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": t.number, "args": name })
        });
        let spans = self.list.iter().map(|e| {
            json!({
                "ph": "X", "name": e.what, "pid": 1, "tid": e.thread,
                "ts": micros(e.start), "dur": micros(e.end.saturating_sub(e.start)), "args": { "samples": e.samples },
            })
        });
        let steps = self.plan.iter().map(|s| {
            json!({
                "ph": "X", "name": s.name, "pid": 2, "tid": s.lane,
                "ts": micros(s.start), "dur": micros(s.end.saturating_sub(s.start)),
            })
        });
        let plan = (!self.plan.is_empty())
            .then(|| json!({ "ph": "M", "name": "process_name", "pid": 2, "args": { "name": "plan" } }));
        let end = self.list.last().filter(|_| self.left_out > 0).map(|last| {
            let name = format!("the trace is full: {} more events are left out", self.left_out);
            json!({ "ph": "i", "s": "g", "name": name, "pid": 1, "tid": last.thread, "ts": micros(last.end) })
        });
        let all = names.chain(spans).chain(plan).chain(steps).chain(end).enumerate();
        write_all(to, all)
    }
}

/// Values as an array, one a line.
fn write_all(to: &mut impl Write, values: impl Iterator<Item = (usize, Value)>) -> std::io::Result<()> {
    to.write_all(b"[")?;
    for (i, value) in values {
        to.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        write!(to, "{value}")?;
    }
    to.write_all(b"\n]\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_full_trace_says_so_and_reads_without_a_pause_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let trace = Trace::create(Some(&path)).unwrap();
        let now = Instant::now();
        let watch = trace.watch().unwrap();
        for _ in 0..5 {
            watch("read", now, now);
        }
        for _ in 0..MOST + 2 {
            watch("decode", now, now);
        }
        trace.write().unwrap();
        let events: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((events.len(), &events[1]["args"]["samples"]), (MOST + 2, &json!(5)));
        assert!(events.last().unwrap()["name"].as_str().unwrap().contains("3 more events"));
    }
}
