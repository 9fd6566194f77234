//! Curves of a training as PNG: loss and accuracy over the epochs.

use std::path::{Path, PathBuf};

use plotters::coord::ranged1d::ValueFormatter;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use saltatory::train::schedule::Length;
use saltatory::train::{Epoch, Point, Progress};
use saltatory::{Error, Result};

use saltatory::plot::paper::{self, Area, Drawn, FONT, INK, TEXT, TITLE, colour, decades, short};

/// Pixels of a panel.
const PANEL: (u32, u32) = (620, 430);

/// Curves in the making, drawn anew whenever a training is saved.
pub struct Curves {
    path: PathBuf,
    about: String,
}

/// Epochs and values.
type Points = Vec<(f64, f64)>;
/// A chart of values over epochs.
type Chart<'a, 'b, Y> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<RangedCoordf64, Y>>;

impl Curves {
    /// Looks at the path before anything is trained; `about` stands at the top.
    ///
    /// # Errors
    /// A name that does not end in `.png`, a folder that is not there.
    pub fn new(path: &Path, about: &str) -> Result<Curves> {
        let fault = |what| Err(Error::Request(format!("--curves {}: {what}", path.display())));
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            return fault("expected a file that ends in .png");
        }
        if !path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
            return fault("its folder is not there");
        }
        Ok(Curves { path: path.into(), about: about.into() })
    }

    /// Draws what was seen so far.
    pub fn write(&self, progress: &Progress, length: Length) -> Result<()> {
        let across = |step: u64| step as f64 / length.steps.max(1) as f64;
        let points = |of: fn(&Point) -> f64| -> Points {
            progress.points.iter().map(|point| (across(point.step), of(point))).collect()
        };
        let epochs = || progress.epochs.iter().zip(1..).map(|(epoch, number)| (f64::from(number), epoch));
        // Where epochs are shorter than an interval, they have the curve to themselves.
        let coarse = progress.points.len() < progress.epochs.len();
        let (loss, accuracy): (Points, Points) = if coarse {
            (epochs().map(|(x, e)| (x, e.loss)).collect(), epochs().map(|(x, e)| (x, e.accuracy)).collect())
        } else {
            (points(|point| point.loss), points(|point| point.accuracy))
        };
        let validation = |of: fn(&Epoch) -> Option<f64>| -> Points {
            epochs().filter_map(|(x, e)| Some((x, of(e)?))).filter(|(_, y)| y.is_finite()).collect()
        };
        let losses = [loss, validation(|e| e.validation_loss)].map(|points| scaled(points, |y| y.max(1e-6)));
        let accuracies = [accuracy, validation(|e| e.validation)].map(|points| scaled(points, |y| 100.0 * y));
        let all = length.epochs as f64;
        let drawn = paper::draw(&self.path, (2 * PANEL.0, PANEL.1 + 40), &self.about, |area| {
            let (left, right) = area.split_horizontally(PANEL.0);
            let values = |curves: &[Points; 2]| curves.iter().flatten().map(|&(_, y)| y).collect::<Vec<_>>();
            let [bottom, top] = decades(values(&losses).into_iter().chain([1.0]));
            let chart = builder(&left, "loss").build_cartesian_2d(0.0..all, (bottom..top).log_scale())?;
            fill(chart, losses, coarse, SeriesLabelPosition::LowerLeft)?;
            let lowest = values(&accuracies).into_iter().fold(100.0, f64::min);
            let bottom = (lowest / 10.0).floor() * 10.0;
            let chart = builder(&right, "accuracy, %").build_cartesian_2d(0.0..all, bottom..100.0)?;
            fill(chart, accuracies, coarse, SeriesLabelPosition::LowerRight)
        });
        drawn.map_err(|e| Error::Request(format!("--curves {}: {e}", self.path.display())))
    }
}

fn scaled(points: Points, by: impl Fn(f64) -> f64) -> Points {
    points.into_iter().map(|(x, y)| (x, by(y))).collect()
}

/// Draws axes, and the curves of training and of validation. Those of epochs have dots.
fn fill<'a, 'b: 'a, Y>(
    mut chart: Chart<'a, 'b, Y>,
    curves: [Points; 2],
    coarse: bool,
    legend: SeriesLabelPosition,
) -> Drawn
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc("epoch")
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .axis_style(INK)
        .light_line_style(WHITE)
        .label_style((FONT, TEXT).into_font().color(&INK))
        .draw()?;
    let named = ["training", "validation"].into_iter().zip(curves).enumerate();
    for (i, (name, points)) in named.filter(|(_, (_, points))| !points.is_empty()) {
        let ink = colour(i);
        let dots = points.clone().into_iter().filter(|_| i == 1 || coarse);
        chart
            .draw_series([PathElement::new(points, ink.stroke_width(2))])?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], ink.stroke_width(2)));
        chart.draw_series(dots.map(|point| Circle::new(point, 4, ink.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(legend)
        .label_font((FONT, TEXT).into_font().color(&INK))
        .background_style(WHITE.mix(0.9))
        .border_style(INK.mix(0.3))
        .draw()?;
    Ok(())
}

fn builder<'a, 'b>(area: &'a Area<'b>, caption: &str) -> ChartBuilder<'a, 'b, BitMapBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(14).x_label_area_size(46).y_label_area_size(64);
    builder.caption(caption, (FONT, TITLE).into_font().color(&INK));
    builder
}
