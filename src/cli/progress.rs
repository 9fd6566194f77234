//! A bar with samples per second and time left, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over so many samples; hidden where nobody would see it.
pub fn bar(samples: usize, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(samples as u64);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = "{bar:40.cyan/blue} {pos}/{len} samples  {per_sec}  {eta} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
