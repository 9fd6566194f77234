//! What the machine could do at best: bytes through memory, rows of weights added in the fastest cache.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use saltatory::{Error, Result};
use serde_json::{Value, json};

use super::date;

/// Outputs of a row, as the CPU computes them together.
const ROW: usize = 32;
/// Rows in the fastest cache: 16 KiB.
const ROWS: usize = 128;
/// Sums that a thread has under way: enough that none waits for the one before.
const SUMS: usize = 4;
/// Times that all rows are added between two looks at the clock.
const PASSES: usize = 128;
/// How long a thread adds rows.
const ADDING: Duration = Duration::from_millis(20);
/// Times that each is measured: the best counts.
const TRIES: usize = 5;
/// Bytes of the buffers that are copied, at least and at most, and as a multiple of the largest cache.
const BUFFERS: [usize; 2] = [256 << 20, 1 << 30];
const TIMES_CACHE: usize = 8;

/// The machine's best rates, on so many threads.
pub struct Machine {
    threads: usize,
    /// Bytes read and written a second.
    bandwidth: f64,
    /// Additions of weights a second.
    additions: f64,
}

impl Machine {
    /// Measures for a second at most, where nothing else does.
    pub fn measure(threads: usize) -> Result<Machine> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| Error::Request(format!("{threads} threads cannot be started: {e}")))?;
        let (bandwidth, additions) = pool.install(|| (bandwidth(threads), additions()));
        Ok(Machine { threads, bandwidth, additions })
    }

    /// Seconds to move so many bytes.
    pub fn moving(&self, bytes: f64) -> f64 {
        bytes / self.bandwidth
    }

    /// Seconds for so many synaptic operations.
    pub fn adding(&self, operations: f64) -> f64 {
        operations / self.additions
    }

    /// For people; `peers` say what they are.
    pub fn text(&self, device: &str, peers: Option<&Value>) -> String {
        let mut text = format!(
            "device {device}; {} threads, memory {:.1} GB/s, rows added {:.1} Gop/s; {}\n",
            self.threads,
            self.bandwidth / 1e9,
            self.additions / 1e9,
            date::today()
        );
        if let Some(peers) = peers {
            let words = |key: &str| peers[key].as_object().into_iter().flatten();
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let there: Vec<String> = words("peers").map(|(name, v)| format!("{name} {}", word(v))).collect();
            let skipped: Vec<String> = words("skipped").map(|(name, why)| format!("{name} ({})", word(why))).collect();
            text += &format!("peers {}\n", if there.is_empty() { "none".into() } else { there.join(", ") });
            if !skipped.is_empty() {
                text += &format!("skipped {}\n", skipped.join(", "));
            }
        }
        text
    }

    /// For machines.
    pub fn json(&self, device: &str, peers: Option<&Value>) -> Value {
        json!({
            "kind": "machine", "version": env!("CARGO_PKG_VERSION"), "device": device, "threads": self.threads,
            "date": date::today(),
            "bandwidth_gb_s": self.bandwidth / 1e9, "additions_gop_s": self.additions / 1e9, "peers": peers,
        })
    }
}

/// Bytes read and written a second where threads copy a buffer far larger than the caches.
fn bandwidth(threads: usize) -> f64 {
    let half = (TIMES_CACHE * largest_cache()).clamp(BUFFERS[0], BUFFERS[1]) / 2;
    let from = vec![1u8; half];
    let mut to = vec![0u8; half];
    let part = half.div_ceil(threads.max(1));
    let copy = |_| {
        let begun = Instant::now();
        to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
        black_box(&mut to);
        2.0 * half as f64 / begun.elapsed().as_secs_f64()
    };
    (0..TRIES).map(copy).fold(0.0, f64::max)
}

/// Bytes of the largest cache of the first core; 0 where nobody says.
fn largest_cache() -> usize {
    let size = |index: usize| {
        let text = std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size")).ok()?;
        text.trim().strip_suffix('K')?.parse::<usize>().ok().map(|kilobytes| kilobytes << 10)
    };
    (0..8).map_while(size).max().unwrap_or(0)
}

/// Additions a second of all threads together, all of them at it at once.
fn additions() -> f64 {
    let arch = pulp::Arch::new();
    let of_thread = |_: rayon::BroadcastContext<'_>| {
        let rows: Vec<[f32; ROW]> = (0..ROWS).map(|i| [i as f32; ROW]).collect();
        let (begun, mut looks) = (Instant::now(), 0);
        while begun.elapsed() < ADDING {
            black_box(arch.dispatch(AddRows(&rows)));
            looks += 1;
        }
        (looks * PASSES * ROWS * ROW) as f64 / begun.elapsed().as_secs_f64()
    };
    (0..TRIES).map(|_| rayon::broadcast(of_thread).into_iter().sum()).fold(0.0, f64::max)
}

/// The kernels' innermost loop and nothing else, to be compiled for each instruction set.
struct AddRows<'a>(&'a [[f32; ROW]]);

impl pulp::NullaryFnOnce for AddRows<'_> {
    type Output = [f32; ROW];

    #[inline(always)]
    fn call(self) -> [f32; ROW] {
        let mut sums = [[0.0; ROW]; SUMS];
        for _ in 0..PASSES {
            for rows in black_box(self.0).chunks_exact(SUMS) {
                for j in 0..SUMS {
                    for i in 0..ROW {
                        sums[j][i] += rows[j][i];
                    }
                }
            }
        }
        // Plain loops: a closure that looks at the sums would keep them in memory.
        let mut total = [0.0; ROW];
        for sum in sums {
            for i in 0..ROW {
                total[i] += sum[i];
            }
        }
        total
    }
}
