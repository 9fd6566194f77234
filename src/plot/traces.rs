//! Membrane traces: the potential of a few cells over time, each in a panel of its own, with its spikes above.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::paper::{Area, Drawn, FONT, INK, TEXT, Time, colour, draw, short, text};
use super::{WIDTH, drawn};
use crate::error::Result;

/// Columns of a trace at most: more than a picture has.
const MOST_COLUMNS: usize = 4096;
/// Traces that are drawn at most.
const MOST_TRACES: usize = 12;

/// Pixels: of a panel, of its head of spikes, of the axis below, of labels at the left, of the margin at the right.
const PANEL: u32 = 120;
const SPIKES: i32 = 14;
const AXIS: u32 = 48;
const LEFT: u32 = 170;
const RIGHT: u32 = 24;

/// Membrane traces in the making.
pub struct Traces {
    names: Vec<String>,
    dt: f64,
    steps: Range<u64>,
    /// Steps of a column.
    column_steps: u64,
    columns: Vec<Vec<Column>>,
}

/// What a trace did in some steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    first: f32,
    last: f32,
    least: f32,
    most: f32,
    spike: bool,
}

impl Column {
    fn of(value: f32) -> Column {
        Column { first: value, last: value, least: value, most: value, spike: false }
    }

    /// This one and what follows as one.
    fn with(self, next: Column) -> Column {
        Column {
            first: self.first,
            last: next.last,
            least: self.least.min(next.least),
            most: self.most.max(next.most),
            spike: self.spike || next.spike,
        }
    }
}

impl Traces {
    /// Of cells with these names, in steps of `dt` ms; of those steps.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>, dt: f64, steps: Range<u64>) -> Traces {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let columns = vec![Vec::new(); names.len().min(MOST_TRACES)];
        Traces { names, dt, steps, column_steps: 1, columns }
    }

    /// Notes the potential of every cell after a step, mV. Steps come one after the other.
    pub fn step(&mut self, step: u64, values: impl IntoIterator<Item = f32>) {
        if !self.steps.contains(&step) {
            return;
        }
        let at = self.column(step);
        for (columns, value) in self.columns.iter_mut().zip(values) {
            let column = Column::of(value);
            match columns.get_mut(at) {
                Some(there) => *there = there.with(column),
                None => columns.push(column),
            }
        }
    }

    /// Notes a spike of a cell, by its place among the names, in a step that is already noted.
    pub fn spike(&mut self, step: u64, cell: usize) {
        if self.steps.contains(&step) {
            let at = self.column(step);
            if let Some(column) = self.columns.get_mut(cell).and_then(|columns| columns.get_mut(at)) {
                column.spike = true;
            }
        }
    }

    /// The column of a step. Where there would be too many, neighbours become one.
    fn column(&mut self, step: u64) -> usize {
        let since = step - self.steps.start;
        while since / self.column_steps >= MOST_COLUMNS as u64 {
            for columns in &mut self.columns {
                *columns = columns.chunks(2).map(|pair| pair[1..].iter().fold(pair[0], |a, &b| a.with(b))).collect();
            }
            self.column_steps *= 2;
        }
        (since / self.column_steps) as usize
    }

    /// Shows no steps from this one on: where a simulation ended before it was to.
    pub fn end(&mut self, step: u64) {
        self.steps.end = self.steps.end.min(step).max(self.steps.start);
    }

    /// Draws them under a title.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::File`] where the file cannot be written.
    pub fn draw(&self, path: impl AsRef<Path>, title: &str) -> Result<()> {
        let count = self.columns.len();
        let hidden = self.names.len() - count;
        let about = if hidden > 0 { format!("{title}; {hidden} more are not shown") } else { title.into() };
        let height = PANEL * count as u32 + AXIS + 40;
        drawn(
            path.as_ref(),
            draw(path.as_ref(), (WIDTH, height), &about, |area| {
                let time = Time::new(self.steps.start, self.steps.end, self.dt);
                let mut rest = area.clone();
                for at in 0..count {
                    let is_last = at + 1 == count;
                    let (panel, below) = rest.split_vertically(PANEL + if is_last { AXIS } else { 0 });
                    self.draw_panel(&panel, at, is_last, &time)?;
                    rest = below;
                }
                Ok(())
            }),
        )
    }

    fn draw_panel(&self, area: &Area<'_>, at: usize, is_last: bool, time: &Time) -> Drawn {
        let columns = &self.columns[at];
        let least = columns.iter().map(|c| f64::from(c.least)).fold(f64::INFINITY, f64::min);
        let most = columns.iter().map(|c| f64::from(c.most)).fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = if least <= most { (least, most) } else { (0.0, 1.0) };
        let room = 0.06 * (most - least).max(0.1);
        let mut chart = ChartBuilder::on(area)
            .margin_right(RIGHT)
            .margin_top(SPIKES)
            .x_label_area_size(if is_last { AXIS } else { 6 })
            .y_label_area_size(LEFT)
            .build_cartesian_2d(time.from..time.to, least - room..most + room)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh()
            .y_labels(4)
            .x_labels(if is_last { 11 } else { 0 })
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .label_style((FONT, TEXT).into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(INK.mix(0.12))
            .light_line_style(WHITE);
        if is_last {
            mesh.x_desc(time.label);
        }
        mesh.draw()?;
        let ink = colour(at);
        // A column's values are those at the end of its steps.
        let x = |n: usize, part: f64| {
            let steps = (n as f64 + part) * self.column_steps as f64;
            time.of((self.steps.start as f64 + steps) * self.dt).min(time.to)
        };
        let line = columns.iter().enumerate().flat_map(|(n, c)| {
            let points = [(0.25, c.first), (0.5, c.least), (0.5, c.most), (1.0, c.last)];
            points.map(|(part, value)| (x(n, if self.column_steps == 1 { 1.0 } else { part }), f64::from(value)))
        });
        chart.draw_series([PathElement::new(line.collect::<Vec<_>>(), ink.stroke_width(1))])?;
        let wide = (WIDTH - LEFT - RIGHT) as i32;
        for (n, _) in columns.iter().enumerate().filter(|(_, column)| column.spike) {
            let across = (x(n, 0.5) - time.from) / (time.to - time.from);
            let x = LEFT as i32 + (across * f64::from(wide)) as i32;
            area.draw(&PathElement::new([(x, 2), (x, SPIKES - 2)], INK.stroke_width(1)))?;
        }
        let name = &self.names[at];
        let most = LEFT as usize / 9 - 8;
        let name: String = name.chars().take(most).collect();
        let middle = SPIKES + (PANEL as i32 - SPIKES) / 2 - 4;
        let named = |ink: &RGBColor| (FONT, TEXT).into_font().color(ink).pos(text(HPos::Left).pos);
        area.draw(&Text::new(name, (12, middle - 9), named(&ink)))?;
        area.draw(&Text::new("mV", (12, middle + 9), named(&INK)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_extremes_and_spikes() {
        let mut traces = Traces::new(["a", "b"], 0.1, 100..100_000);
        for step in 0..20_000u64 {
            let value = if step == 7777 { -90.0 } else { (step % 10) as f32 };
            traces.step(step, [value, 1.0]);
            if step == 7778 {
                traces.spike(step, 1);
            }
        }
        assert_eq!(traces.column_steps, 8);
        let [a, b] = &traces.columns[..] else { unreachable!() };
        assert_eq!((a.len(), b.len()), (19_900usize.div_ceil(8), 19_900usize.div_ceil(8)));
        let at = (7777 - 100) / 8;
        assert_eq!((a[at].least, a[at].spike, b[at].spike, b[at - 1].spike), (-90.0, false, true, false));
        assert_eq!(a.iter().filter(|column| column.least < 0.0).count(), 1);
        assert_eq!(b.iter().filter(|column| column.spike).count(), 1);
    }
}
