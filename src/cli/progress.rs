//! A bar with samples per second and time left, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over so many samples; hidden where nobody would see it.
pub fn bar(samples: usize, quiet: bool) -> ProgressBar {
    styled(samples, quiet, "{bar:40.cyan/blue} {pos}/{len} samples  {per_sec}  {eta} left  {msg}")
}

/// A bar over the samples of all epochs; its prefix says where, its message what came of it.
pub fn training(samples: u64, quiet: bool) -> ProgressBar {
    styled(samples as usize, quiet, "{prefix}  {bar:20.cyan/blue}  {msg}")
}

/// A bar over the steps of a simulation; its message says how far it is.
pub fn simulation(steps: u64, quiet: bool) -> ProgressBar {
    styled(steps as usize, quiet, "{bar:40.cyan/blue} {pos}/{len} steps  {msg}  {eta} left")
}

/// A bar over a few things that each take a while; hidden where nobody would see it.
pub fn steps(count: usize, what: &str) -> ProgressBar {
    let bar = styled(count, false, &format!("{{spinner}} {{bar:20.cyan/blue}} {{pos}}/{{len}} {what}  {{msg}}"));
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

fn styled(length: usize, quiet: bool, style: &str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
