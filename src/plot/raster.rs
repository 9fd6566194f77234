//! Raster plots: a dot for each spike by cell and time, and below them the rate of each population.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::paper::{Area, Drawn, FONT, INK, TEXT, Time, colour, draw, nth, round_up, short, text};
use super::{WIDTH, drawn};
use crate::circuit::Bins;
use crate::error::Result;

/// Spikes that are kept at most; and cells.
const MOST_SPIKES: usize = 400_000;
const MOST_CELLS: usize = 50_000;
/// Bins of the rates at most, and about how many there shall be.
const MOST_BINS: usize = 400;
const BINS: f64 = 200.0;

/// Pixels: of the dots, of the rates with their axis, of names at the left, of margins.
const DOTS: i32 = 520;
const RATES: u32 = 210;
const LEFT: i32 = 150;
const RIGHT: i32 = 24;
const GAP: i32 = 14;
/// Pixels that a population has at least, as long as there is room.
const LEAST: f64 = 18.0;

/// A raster plot in the making.
pub struct Raster {
    populations: Vec<(String, usize)>,
    dt: f64,
    steps: Range<u64>,
    /// Every so-many-th cell is kept, and of its spikes every so-many-th.
    stride: usize,
    every: u64,
    seen: u64,
    spikes: Vec<(u64, u32, u32)>,
    bins: Bins,
}

impl Raster {
    /// Of populations, by name and size, in steps of `dt` ms; of those steps.
    pub fn new<N: Into<String>>(
        populations: impl IntoIterator<Item = (N, usize)>,
        dt: f64,
        steps: Range<u64>,
    ) -> Raster {
        let populations: Vec<_> = populations.into_iter().map(|(name, size)| (name.into(), size)).collect();
        let cells: usize = populations.iter().map(|(_, size)| size).sum();
        let ms = steps.end.saturating_sub(steps.start) as f64 * dt;
        let bin = (round_up((ms / BINS).max(1.0)) / dt).round().max(1.0);
        Raster {
            bins: Bins::new(populations.len(), steps.start, bin as u64, MOST_BINS),
            stride: cells.div_ceil(MOST_CELLS).max(1),
            populations,
            dt,
            steps,
            every: 1,
            seen: 0,
            spikes: Vec::new(),
        }
    }

    /// Notes a spike; one in another step, or of a cell that there is not, is passed over.
    pub fn spike(&mut self, step: u64, population: usize, cell: usize) {
        let there = self.populations.get(population).is_some_and(|(_, size)| cell < *size);
        if !there || !self.steps.contains(&step) {
            return;
        }
        self.bins.spike(step, population);
        if !cell.is_multiple_of(self.stride) {
            return;
        }
        self.seen += 1;
        if self.seen.is_multiple_of(self.every) {
            self.spikes.push((step, population as u32, cell as u32));
        }
        if self.spikes.len() >= MOST_SPIKES {
            self.thin_out();
        }
    }

    /// Leaves out every second cell; once there are none to leave out, every second spike.
    fn thin_out(&mut self) {
        if self.populations.iter().any(|(_, size)| *size > self.stride) {
            self.stride *= 2;
            self.spikes.retain(|&(_, _, cell)| (cell as usize).is_multiple_of(self.stride));
        } else {
            self.every *= 2;
            let mut number = 0u32;
            self.spikes.retain(|_| {
                number += 1;
                number.is_multiple_of(2)
            });
        }
    }

    /// Shows no steps from this one on: where a simulation ended before it was to.
    pub fn end(&mut self, step: u64) {
        self.steps.end = self.steps.end.min(step).max(self.steps.start);
    }

    /// What is left out, for people.
    fn left_out(&self) -> String {
        let mut text = String::new();
        if self.stride > 1 {
            text += &format!("; every {} cell is shown", nth(self.stride));
        }
        if self.every > 1 {
            text += &format!("; every {} spike is shown", nth(self.every as usize));
        }
        text
    }

    /// Draws it under a title.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::File`] where the file cannot be written.
    pub fn draw(&self, path: impl AsRef<Path>, title: &str) -> Result<()> {
        let about = format!("{title}{}", self.left_out());
        let height = (DOTS + GAP) as u32 + RATES + 32;
        drawn(
            path.as_ref(),
            draw(path.as_ref(), (WIDTH, height), &about, |area| {
                let (dots, rates) = area.split_vertically(DOTS + GAP);
                let time = Time::new(self.steps.start, self.steps.end, self.dt);
                self.draw_dots(&dots, &time)?;
                self.draw_rates(&rates, &time)
            }),
        )
    }

    /// Where each population begins, in pixels, and where the last ends.
    fn rows(&self) -> Vec<f64> {
        let count = self.populations.len() as f64;
        let least = if LEAST * count < 0.5 * f64::from(DOTS) { LEAST } else { 0.0 };
        let cells: usize = self.populations.iter().map(|(_, size)| size).sum();
        let a_cell = (f64::from(DOTS) - least * count) / cells.max(1) as f64;
        let mut rows = vec![0.0];
        for (_, size) in &self.populations {
            rows.push(rows[rows.len() - 1] + least + a_cell * *size as f64);
        }
        rows
    }

    fn draw_dots(&self, area: &Area<'_>, time: &Time) -> Drawn {
        let rows = self.rows();
        let (left, right) = (LEFT, WIDTH as i32 - RIGHT);
        let mut last = i32::MIN / 2;
        for (at, (name, size)) in self.populations.iter().enumerate() {
            let middle = (0.5 * (rows[at] + rows[at + 1])) as i32;
            if at > 0 {
                let y = rows[at] as i32;
                area.draw(&PathElement::new([(left, y), (right, y)], INK.mix(0.25).stroke_width(1)))?;
            }
            // Of names without room every one that has some.
            if middle - last >= TEXT {
                let own = rows[at + 1] - rows[at] >= 2.4 * f64::from(TEXT);
                let ink = (FONT, TEXT).into_font().color(&colour(at)).pos(text(HPos::Right).pos);
                let y = if own { middle - TEXT / 2 - 1 } else { middle };
                area.draw(&Text::new(fitting(name), (left - 10, y), ink))?;
                if own {
                    let cells = format!("{} cells", short(*size as f64));
                    let style = (FONT, TEXT - 2).into_font().color(&INK.mix(0.6)).pos(text(HPos::Right).pos);
                    area.draw(&Text::new(cells, (left - 10, middle + TEXT / 2 + 1), style))?;
                }
                last = middle;
            }
        }
        for &(step, population, cell) in &self.spikes {
            let at = population as usize;
            let size = self.populations[at].1.max(1) as f64;
            let height = rows[at + 1] - rows[at];
            let a_cell = height / size * self.stride as f64;
            // Dots of one pixel alone are hard to see; where many lie side by side they would run together.
            let least = if self.spikes.len() < 20_000 { 2.0 } else { 1.0 };
            let dot = (0.8 * a_cell).clamp(least, 5.0) as i32;
            let y = (rows[at] + height * (f64::from(cell) + 0.5) / size) as i32 - dot / 2;
            let x = left + time.pixel(step as f64 * self.dt, right - left);
            if !self.steps.contains(&step) {
                continue;
            }
            let ink = colour(at);
            area.draw(&Rectangle::new([(x, y), (x + dot.min(2), y + dot)], ink.filled()))?;
        }
        area.draw(&Rectangle::new([(left, 0), (right, DOTS)], INK.stroke_width(1)))?;
        Ok(())
    }

    fn draw_rates(&self, area: &Area<'_>, time: &Time) -> Drawn {
        let bin = self.bins.bin_steps();
        let steps = self.steps.end.saturating_sub(self.steps.start);
        let rates = |at: usize| {
            let counts = self.bins.counts(at);
            let size = self.populations[at].1.max(1) as f64;
            (0..steps.div_ceil(bin)).map(move |n| {
                let width = bin.min(steps - n * bin) as f64 * self.dt / 1000.0;
                counts.get(n as usize).map_or(0.0, |&count| count as f64 / (size * width))
            })
        };
        let most = (0..self.populations.len()).flat_map(rates).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .margin_right(RIGHT)
            .margin_top(8)
            .x_label_area_size(48)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(time.from..time.to, 0.0..(1.08 * most).max(1e-3))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .y_labels(5)
            .x_labels(11)
            .x_desc(time.label)
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .label_style((FONT, TEXT).into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.12))
            .light_line_style(WHITE)
            .draw()?;
        let named = |ink: f64, size: i32| (FONT, size).into_font().color(&INK.mix(ink)).pos(text(HPos::Left).pos);
        let middle = (RATES as i32 - 40) / 2;
        area.draw(&Text::new("rate, Hz", (12, middle - 9), named(1.0, TEXT)))?;
        let width = format!("{} ms bins", short(bin as f64 * self.dt));
        area.draw(&Text::new(width, (12, middle + 9), named(0.6, TEXT - 2)))?;
        for at in 0..self.populations.len() {
            let edge = |n: u64| time.of((self.steps.start + (n * bin).min(steps)) as f64 * self.dt);
            let line = rates(at).zip(0..).flat_map(|(rate, n)| [(edge(n), rate), (edge(n + 1), rate)]);
            chart.draw_series([PathElement::new(line.collect::<Vec<_>>(), colour(at).stroke_width(1))])?;
        }
        Ok(())
    }
}

/// A name, cut to its place.
fn fitting(name: &str) -> String {
    let most = (LEFT as usize - 16) / 9;
    if name.chars().count() <= most { name.into() } else { name.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_even() {
        let mut raster = Raster::new([("a", 40_000), ("b", 160_000)], 0.1, 10..1000);
        assert_eq!(raster.stride, 4);
        for step in 0..28 {
            (0..160_000).for_each(|cell| raster.spike(step, 1, cell));
        }
        assert!(raster.spikes.len() < MOST_SPIKES && raster.spikes.len() > MOST_SPIKES / 4);
        assert_eq!(raster.stride, 8, "{}", raster.spikes.len());
        assert!(raster.spikes.iter().all(|&(step, _, cell)| step >= 10 && cell.is_multiple_of(8)));
        assert_eq!(raster.bins.counts(1).iter().sum::<u64>(), 18 * 160_000, "rates are those of all cells");
        assert_eq!(raster.left_out(), "; every 8th cell is shown");
    }

    #[test]
    fn one_cell_is_thinned_out_too() {
        let mut raster = Raster::new([("a", 1)], 0.1, 0..2_000_000);
        (0..1_000_000).for_each(|step| raster.spike(step, 0, 0));
        assert!(raster.spikes.len() < MOST_SPIKES && raster.every > 1);
        assert!(raster.left_out().contains("spike is shown"), "{}", raster.left_out());
    }
}
