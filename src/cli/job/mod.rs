//! What long runs of every kind share: what makes two of them the same, so that one may go on where another was
//! interrupted; how they are stopped; what they did, and when.

pub mod stop;
pub mod trace;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use saltatory::io::dataset::Dataset;
use saltatory::plan::Plan;

/// The network, the samples, and every choice that results depend on: names and values, as people read them.
pub type Job = BTreeMap<String, String>;

/// The name in a job of what it runs on.
pub const DEVICE: &str = "device";

/// How a run deals with what another has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Refuses to overwrite it.
    Careful,
    /// Goes on after it.
    Resume,
    /// Throws it away.
    Anew,
}

impl Start {
    /// As `--resume` and `--restart` say.
    pub fn of(resume: bool, restart: bool) -> Start {
        match (resume, restart) {
            (true, _) => Start::Resume,
            (_, true) => Start::Anew,
            _ => Start::Careful,
        }
    }
}

/// The devices of two jobs, where they are not the same.
pub fn moved<'a>(then: &'a Job, now: &'a Job) -> Option<(&'a str, &'a str)> {
    let (then, now) = (then.get(DEVICE)?, now.get(DEVICE)?);
    (then != now).then_some((then, now))
}

/// The differences between two jobs; `None` where there are none.
pub fn difference(then: &Job, now: &Job, except: &[&str]) -> Option<String> {
    let mut text = String::new();
    let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    for name in names.into_iter().filter(|name| !except.contains(&name.as_str())) {
        let value = |job: &Job| job.get(name).cloned().unwrap_or_else(|| "none".into());
        if value(then) != value(now) {
            let _ = write!(text, "\n  {name}: {} there, {} here", value(then), value(now));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The network: its plan with the rules of every neuron, and the words of its weights and tables.
pub fn of_plan(plan: &Plan) -> Job {
    let mut weights = Hash::default();
    plan.constants.iter().for_each(|constant| weights.words(&constant.words));
    let mut text = Hash::default();
    // What people read of a plan leaves out some rules; that of programmers leaves out nothing.
    text.bytes(format!("{plan}{:?}{:?}", plan.stages, plan.populations).as_bytes());
    Job::from([
        ("plan".into(), text.text()),
        ("weights".into(), weights.text()),
        ("steps".into(), plan.request.steps.to_string()),
        ("readout".into(), plan.request.readout.name().into()),
        ("version".into(), env!("CARGO_PKG_VERSION").into()),
    ])
}

/// The samples: names and sizes of their files. Their times stand by themselves, as a copy of a file has another.
pub fn of_samples(samples: &Dataset) -> Job {
    let (mut names, mut times) = (Hash::default(), Hash::default());
    let (mut files, mut bytes) = (0u64, 0u64);
    samples.files(|path| {
        let (size, time) = stamp(path);
        files += 1;
        bytes += size;
        names.bytes(path.file_name().unwrap_or_default().as_encoded_bytes());
        names.bytes(&size.to_le_bytes());
        times.bytes(&time.to_le_bytes());
    });
    let plural = if files == 1 { "" } else { "s" };
    Job::from([
        ("inputs".into(), format!("{files} file{plural} of {bytes} bytes ({})", names.text())),
        ("times of inputs".into(), times.text()),
        ("samples".into(), samples.len().to_string()),
    ])
}

/// Name, size and time of one more file, such as the labels.
pub fn of_file(name: &str, path: &Path) -> Job {
    let (size, time) = stamp(path);
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Job::from([(name.into(), format!("{file} of {size} bytes")), (format!("time of {name}"), time.to_string())])
}

/// The size and the time of a file, zero where it is gone.
fn stamp(path: &Path) -> (u64, u128) {
    let data = std::fs::metadata(path).ok();
    let time = data.as_ref().and_then(|data| data.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    (data.map_or(0, |data| data.len()), time.map_or(0, |time| time.as_nanos()))
}

/// FNV-1a of 64 bits: the same in every build, unlike the standard library's.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Hash(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn add(&mut self, part: u64) {
        self.0 = (self.0 ^ part).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// The length first: what follows cannot be taken for it.
    fn bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        bytes.iter().for_each(|&byte| self.add(byte.into()));
    }

    fn words(&mut self, words: &[u32]) {
        self.add(words.len() as u64);
        words.iter().for_each(|&word| self.add(word.into()));
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn differences_are_named() {
        let job = |steps: &str| Job::from([("steps".into(), steps.into()), ("readout".into(), "mean".into())]);
        assert_eq!(difference(&job("4"), &job("4"), &[]), None);
        assert_eq!(difference(&job("4"), &job("5"), &["steps"]), None);
        assert_eq!(difference(&job("4"), &job("5"), &[]).unwrap(), "\n  steps: 4 there, 5 here");
        assert!(difference(&job("4"), &Job::new(), &[]).unwrap().contains("readout: mean there, none here"));
    }
}
