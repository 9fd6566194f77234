//! Curves of times: a panel for each sweep, both axes logarithmic.

use std::path::Path;

use plotters::prelude::*;

use super::super::sweep::Measured;
use super::paper::{self, Area, Drawn, FONT, INK, TEXT, TITLE, colour, decades, short};

/// Pixels of a panel.
const PANEL: (u32, u32) = (620, 430);

/// A sweep.
pub struct Panel {
    pub sweep: &'static str,
    /// What time it is of.
    pub of: &'static str,
    pub curves: Vec<Curve>,
    /// Where curves cross.
    pub mark: Option<f64>,
}

/// A series.
pub struct Curve {
    label: String,
    unit: &'static str,
    /// What grows, then milliseconds: of the median round, the fastest and the slowest.
    points: Vec<[f64; 4]>,
}

impl Curve {
    pub fn new(measured: &Measured) -> Curve {
        let label = format!("{}: exponent {:.2}", measured.series.workload, measured.exponent());
        let points = measured.points().map(|[x, y, least, most]| [x, 1e3 * y, 1e3 * least, 1e3 * most]);
        Curve { label, unit: measured.series.unit[0], points: points.collect() }
    }

    /// Of what grows and milliseconds alone.
    #[cfg(feature = "gpu")]
    pub fn of(label: String, unit: &'static str, points: impl Iterator<Item = (f64, f64)>) -> Curve {
        Curve { label, unit, points: points.map(|(x, y)| [x, y, y, y]).collect() }
    }
}

pub fn draw(path: &Path, about: &str, panels: &[Panel]) -> Drawn {
    let across = panels.len().min(2);
    let down = panels.len().div_ceil(across);
    let size = (PANEL.0 * across as u32, PANEL.1 * down as u32 + 40);
    paper::draw(path, size, about, |area| {
        let areas = area.split_evenly((down, across));
        areas.iter().zip(panels).try_for_each(|(area, panel)| draw_panel(area, panel))
    })
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Drawn {
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let across = points().map(|point| point[0]);
    let [left, right] = [across.clone().fold(f64::INFINITY, f64::min), across.fold(0.0, f64::max)];
    let [bottom, top] = decades(points().flat_map(|&[_, _, least, most]| [least, most]));
    let mut units: Vec<&str> = panel.curves.iter().map(|curve| curve.unit).collect();
    units.dedup();
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .caption(panel.sweep, (FONT, TITLE).into_font().color(&INK))
        .x_label_area_size(46)
        .y_label_area_size(64)
        .build_cartesian_2d((left / 1.2..right * 1.2).log_scale(), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(units.join(" / "))
        .y_desc(panel.of)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .label_style((FONT, TEXT).into_font().color(&INK))
        .axis_style(INK)
        .light_line_style(WHITE)
        .draw()?;
    for (i, curve) in panel.curves.iter().enumerate() {
        let ink = colour(i);
        let line: Vec<_> = curve.points.iter().map(|p| (p[0], p[1])).collect();
        chart
            .draw_series([PathElement::new(line.clone(), ink.stroke_width(2))])?
            .label(&curve.label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], ink.stroke_width(2)));
        chart.draw_series(line.iter().map(|&point| Circle::new(point, 4, ink.filled())))?;
        let ranges = curve.points.iter().map(|&[x, _, least, most]| [(x, least), (x, most)]);
        chart.draw_series(ranges.map(|range| PathElement::new(range, ink.stroke_width(1))))?;
    }
    if let Some(x) = panel.mark {
        let ink = INK.stroke_width(1);
        chart
            .draw_series([PathElement::new([(x, bottom), (x, top)], ink)])?
            .label(format!("up to {} {}", short(x), units.join(" / ")))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], ink));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font((FONT, TEXT).into_font().color(&INK))
        .background_style(WHITE.mix(0.9))
        .border_style(INK.mix(0.3))
        .draw()?;
    Ok(())
}
