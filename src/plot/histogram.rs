//! Histograms of firing rates: how many cells of a population fire at which rate.

use std::path::Path;

use plotters::prelude::*;

use super::paper::{Area, Drawn, FONT, INK, TEXT, TITLE, colour, draw, round_up, short};
use super::{WIDTH, drawn};
use crate::error::Result;

/// Bars of a histogram, about.
const BARS: f64 = 25.0;
/// Populations that are drawn at most.
const MOST: usize = 24;
/// Pixels of a panel's height.
const PANEL: u32 = 300;

/// Draws the rates (Hz) of the cells of each population, by name, under a title.
///
/// # Errors
/// [`crate::Error::Io`] and [`crate::Error::File`] where the file cannot be written.
pub fn histogram(path: impl AsRef<Path>, title: &str, populations: &[(String, Vec<f64>)]) -> Result<()> {
    let shown = populations.len().min(MOST);
    let hidden = populations.len() - shown;
    let about = if hidden > 0 { format!("{title}; {hidden} more populations are not shown") } else { title.into() };
    let across = if shown > 4 { 3 } else { shown.clamp(1, 2) };
    let down = shown.div_ceil(across).max(1);
    let size = (WIDTH, PANEL * down as u32 + 40);
    drawn(
        path.as_ref(),
        draw(path.as_ref(), size, &about, |area| {
            let panels = area.split_evenly((down, across));
            let mut both = panels.iter().zip(&populations[..shown]).enumerate();
            both.try_for_each(|(at, (area, (name, rates)))| panel(area, at, name, rates))
        }),
    )
}

/// How wide a bar is, and how many cells each has: about a round width, so that there are enough of them, but as wide as what
/// lies between two rates, or so many times. Rates are whole numbers of spikes over time: else some bars had none.
fn bars(rates: &[f64]) -> (f64, Vec<u32>) {
    let mut sorted = rates.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let most = sorted.last().copied().unwrap_or(0.0);
    let round = if most > 0.0 { round_up(most / BARS) } else { 1.0 };
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 1e-9 * most);
    let gap = gaps.fold(f64::INFINITY, f64::min);
    let width = if gap.is_finite() { gap * (round / gap).round().max(1.0) } else { round };
    // A rate that is at an edge but for rounding belongs above it.
    let bar = |rate: f64| (rate / width + 1e-6) as usize;
    let mut counts = vec![0; bar(most) + 1];
    rates.iter().for_each(|&rate| counts[bar(rate)] += 1);
    (width, counts)
}

fn panel(area: &Area<'_>, at: usize, name: &str, rates: &[f64]) -> Drawn {
    let (width, counts) = bars(rates);
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    let silent = rates.iter().filter(|rate| **rate == 0.0).count();
    let most = f64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let quiet = if silent > 0 { format!(", {} silent", short(silent as f64)) } else { String::new() };
    let caption = format!("{name}: {} cells, mean {} Hz{quiet}", short(rates.len() as f64), short(mean));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(caption, (FONT, TITLE - 2).into_font().color(&INK))
        .x_label_area_size(44)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..width * (counts.len() as f64 + 0.5), 0.0..1.08 * most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_labels(6)
        .x_labels(8)
        .x_desc("firing rate, Hz")
        .y_desc("cells")
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .label_style((FONT, TEXT).into_font().color(&INK))
        .axis_style(INK)
        .bold_line_style(INK.mix(0.12))
        .light_line_style(WHITE)
        .draw()?;
    let ink = colour(at);
    chart.draw_series(counts.iter().zip(0..).filter(|(count, _)| **count > 0).map(|(&count, n)| {
        let edges = [(width * f64::from(n), 0.0), (width * f64::from(n + 1), f64::from(count))];
        let mut bar = Rectangle::new(edges, ink.filled());
        bar.set_margin(0, 0, 0, 1);
        bar
    }))?;
    chart.draw_series([PathElement::new([(mean, 0.0), (mean, 1.08 * most)], INK.stroke_width(1))])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn every_cell_is_in_a_bar() {
        let rates: Vec<f64> = (0..1000).map(|n| f64::from(n) / 10.0).collect();
        let (width, counts) = bars(&rates);
        assert!((width - 5.0).abs() < 1e-6 && counts == [50; 20], "{width} {counts:?}");
        // Up to nine spikes in 0.3 s.
        let rates: Vec<f64> = (0..100).map(|n| f64::from(n % 10) / 0.3).collect();
        let (width, counts) = bars(&rates);
        assert!((width - 1.0 / 0.3).abs() < 1e-6 && counts == [10; 10], "{width} {counts:?}");
        assert_eq!(bars(&[50.0; 4]), (2.0, [vec![0; 25], vec![4]].concat()));
        assert_eq!(bars(&[0.0, 0.0]), (1.0, vec![2]));
        assert_eq!(bars(&[]), (1.0, vec![0]));
    }
}
