//! Bars of rates: a group for each case, ours and every peer's best.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::line::Rates;
use super::paper::{self, Drawn, INK, TEXT, colour, decades, short, text};

/// Pixels of a bar with the space under it, and of the whole chart's width.
const BAR: usize = 22;
const WIDTH: u32 = 1000;
/// Pixels for names of cases, and for the axis below.
const LABELS: u32 = 270;
const AXIS: u32 = 52;

/// A case.
pub struct Group {
    pub label: String,
    pub bars: Vec<Bar>,
}

/// A rate: of the median round, the slowest and the fastest.
pub struct Bar {
    who: String,
    rate: [f64; 3],
}

impl Bar {
    pub fn new(who: &str, rates: &Rates) -> Bar {
        Bar { who: who.to_owned(), rate: rates.samples() }
    }
}

pub fn draw(path: &Path, about: &str, groups: &[Group]) -> Drawn {
    let mut names: Vec<&str> = Vec::new();
    for bar in groups.iter().flat_map(|group| &group.bars) {
        if !names.contains(&bar.who.as_str()) {
            names.push(&bar.who);
        }
    }
    let lines = groups.iter().map(|group| group.bars.len() + 1).sum::<usize>();
    let height = (lines + 2) * BAR + AXIS as usize + 40;
    paper::draw(path, (WIDTH, height as u32), about, |area| {
        let (legend, area) = area.split_vertically(BAR as i32 + 8);
        let mut x = LABELS as i32;
        for (i, name) in names.iter().enumerate() {
            legend.draw(&Rectangle::new([(x, 6), (x + 14, 20)], colour(i).filled()))?;
            legend.draw(&Text::new((*name).to_owned(), (x + 20, 14), text(HPos::Left)))?;
            x += 50 + 10 * name.len() as i32;
        }
        let rates = groups.iter().flat_map(|group| &group.bars).flat_map(|bar| bar.rate);
        let [least, most] = decades(rates.filter(|rate| *rate > 0.0));
        // Room for the number behind the longest bar.
        let most = most * (most / least).powf(0.1);
        let mut chart = ChartBuilder::on(&area)
            .margin_right(12)
            .x_label_area_size(AXIS)
            .y_label_area_size(LABELS)
            .build_cartesian_2d((least..most).log_scale(), 0.0..lines as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .x_desc("samples/s (a stream: frames/s)")
            .x_label_formatter(&|x| short(*x))
            .x_label_style((paper::FONT, TEXT).into_font().color(&INK))
            .axis_style(INK)
            .light_line_style(WHITE)
            .draw()?;
        let mut y = lines as f64 - 0.5;
        for group in groups {
            let middle = y - (group.bars.len() as f64 - 1.0) / 2.0;
            let (_, row) = chart.backend_coord(&(least, middle));
            let (_, top) = area.get_base_pixel();
            let label = Text::new(group.label.clone(), (LABELS as i32 - 10, row - top), text(HPos::Right));
            area.draw(&label)?;
            for bar in &group.bars {
                let [rate, slowest, fastest] = bar.rate;
                let ink = colour(names.iter().position(|name| *name == bar.who).unwrap_or(0));
                let edges = [(least, y - 0.38), (rate, y + 0.38)];
                chart.draw_series([Rectangle::new(edges, ink.filled())])?;
                chart.draw_series([PathElement::new([(slowest, y), (fastest, y)], INK.stroke_width(1))])?;
                let after = (fastest.max(rate) * (most / least).powf(0.008), y);
                chart.draw_series([Text::new(short(rate), after, text(HPos::Left))])?;
                y -= 1.0;
            }
            y -= 1.0;
        }
        Ok(())
    })
}
