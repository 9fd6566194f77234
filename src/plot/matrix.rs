//! Connection matrices: which cell reaches which. Of many cells, blocks by how many of their pairs are joined.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::paper::{Area, Drawn, FONT, INK, TEXT, colour, draw, short, text};
use super::{WIDTH, drawn};
use crate::circuit::{Circuit, Receptor};
use crate::error::Result;

/// Pixels: of the matrix at most, of names at the left and at the top, of the margin at the right.
const SIDE: usize = 1000;
const LEFT: i32 = 150;
const TOP: i32 = 56;
const RIGHT: i32 = 50;

const EXCITATORY: RGBColor = RGBColor(0, 98, 177);
const INHIBITORY: RGBColor = RGBColor(190, 40, 50);

/// Who reaches whom in a circuit, counted in blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Names and sizes of the populations.
    populations: Vec<(String, usize)>,
    /// Cells along the side of a block.
    block: usize,
    /// Blocks along a side.
    side: usize,
    /// Excitatory and inhibitory synapses: `[source block, target block]`.
    counts: Vec<[u32; 2]>,
    synapses: u64,
}

impl Matrix {
    /// Draws every synapse of a circuit, as simulations in steps of `dt` ms draw it, and counts it.
    ///
    /// # Errors
    /// As [`Circuit::check`].
    pub fn of(circuit: &Circuit, dt: f64) -> Result<Matrix> {
        let populations: Vec<_> = circuit.populations.iter().map(|p| (p.name.clone(), p.size)).collect();
        let starts = starts(&populations);
        let cells = starts[populations.len()];
        let block = cells.div_ceil(SIDE).max(1);
        let side = cells.div_ceil(block).max(1);
        let mut matrix = Matrix { populations, block, side, counts: vec![[0; 2]; side * side], synapses: 0 };
        let ends: Vec<(usize, usize, usize)> = circuit
            .projections
            .iter()
            .map(|projection| {
                let start = |name: &str| circuit.find(name).map_or(0, |at| starts[at]);
                let inhibits = usize::from(projection.arrives_at() == Receptor::Inhibitory);
                (start(&projection.from), start(&projection.to), inhibits)
            })
            .collect();
        circuit.connections(dt, |connection| {
            let (from, to, inhibits) = ends[connection.projection];
            let (row, column) = ((from + connection.source) / block, (to + connection.target) / block);
            matrix.counts[row * side + column][inhibits] += 1;
            matrix.synapses += 1;
        })?;
        Ok(matrix)
    }

    /// Draws it under a title.
    ///
    /// # Errors
    /// [`crate::Error::Io`] and [`crate::Error::File`] where the file cannot be written.
    pub fn draw(&self, path: impl AsRef<Path>, title: &str) -> Result<()> {
        let pixels = (SIDE / self.side).max(1);
        let side = (pixels * self.side) as i32;
        let blocks = if self.block > 1 { format!(" in blocks of {0} x {0} cells", self.block) } else { String::new() };
        let about = format!("{title}: {} synapses{blocks}", short(self.synapses as f64));
        let width = (LEFT + side + RIGHT).max(WIDTH as i32 * 2 / 3) as u32;
        let size = (width, (TOP + side + 48 + 32) as u32);
        drawn(
            path.as_ref(),
            draw(path.as_ref(), size, &about, |area| {
                self.draw_blocks(area, pixels as i32)?;
                self.draw_names(area, f64::from(side))?;
                self.draw_legend(area, side)
            }),
        )
    }

    /// The largest share of the pairs of a block that is joined.
    fn densest(&self) -> f64 {
        let pairs = (self.block * self.block) as f64;
        self.counts.iter().flatten().map(|&count| f64::from(count) / pairs).fold(0.0, f64::max)
    }

    fn draw_blocks(&self, area: &Area<'_>, pixels: i32) -> Drawn {
        let most = self.densest() * (self.block * self.block) as f64;
        for (at, counts) in self.counts.iter().enumerate().filter(|(_, counts)| **counts != [0; 2]) {
            let (x, y) = (LEFT + (at % self.side) as i32 * pixels, TOP + (at / self.side) as i32 * pixels);
            let ink = shade(counts.map(|count| f64::from(count) / most));
            area.draw(&Rectangle::new([(x, y), (x + pixels, y + pixels)], ink.filled()))?;
        }
        Ok(())
    }

    /// Names beside the matrix and above it, lines between populations.
    fn draw_names(&self, area: &Area<'_>, side: f64) -> Drawn {
        let starts = starts(&self.populations);
        let cells = (self.block * self.side) as f64;
        let at = |cell: usize| (side * cell as f64 / cells) as i32;
        let end = at(starts[self.populations.len()]);
        let line = INK.mix(0.35).stroke_width(1);
        let (mut last_row, mut last_end) = (i32::MIN / 2, 0);
        for (number, (name, _)) in self.populations.iter().enumerate() {
            let (begin, middle) = (at(starts[number]), (at(starts[number]) + at(starts[number + 1])) / 2);
            if number > 0 {
                area.draw(&PathElement::new([(LEFT + begin, TOP), (LEFT + begin, TOP + end)], line))?;
                area.draw(&PathElement::new([(LEFT, TOP + begin), (LEFT + end, TOP + begin)], line))?;
            }
            let named = |h, v| {
                let pos = plotters::style::text_anchor::Pos::new(h, v);
                (FONT, TEXT).into_font().color(&colour(number)).pos(pos)
            };
            if middle - last_row >= TEXT {
                let short: String = name.chars().take((LEFT as usize - 40) / 9).collect();
                area.draw(&Text::new(short, (LEFT - 8, TOP + middle), named(HPos::Right, VPos::Center)))?;
                last_row = middle;
            }
            let half = 9 * name.chars().count() as i32 / 2;
            if middle - half > last_end {
                area.draw(&Text::new(name.clone(), (LEFT + middle, TOP - 8), named(HPos::Center, VPos::Bottom)))?;
                last_end = middle + half + 8;
            }
        }
        area.draw(&Rectangle::new([(LEFT, TOP), (LEFT + end, TOP + end)], INK.stroke_width(1)))?;
        let below = text(HPos::Center);
        area.draw(&Text::new("to", (LEFT + end / 2, TOP - 36), below.clone()))?;
        area.draw(&Text::new("from", (28, TOP + end / 2), below))?;
        Ok(())
    }

    /// Shades, and what they stand for.
    fn draw_legend(&self, area: &Area<'_>, side: i32) -> Drawn {
        let densest = self.densest();
        let top = TOP + side + 14;
        // Of pairs that are joined once or not at all there are no shades.
        let plain = self.block == 1 && densest <= 1.0;
        let mut x = LEFT;
        for (kind, name) in ["excitatory", "inhibitory"].into_iter().enumerate() {
            if self.counts.iter().all(|counts| counts[kind] == 0) {
                continue;
            }
            let of = |share: f64| if kind == 0 { [share, 0.0] } else { [0.0, share] };
            area.draw(&Text::new(name, (x, top + 8), text(HPos::Left)))?;
            x += 9 * name.len() as i32 + 10;
            for n in 0..60 {
                let ink = shade(of(if plain { 1.0 } else { f64::from(n + 1) / 60.0 }));
                area.draw(&Rectangle::new([(x + n, top), (x + n + 1, top + 16)], ink.filled()))?;
            }
            x += 76;
        }
        let text_of = match densest {
            0.0 => "no synapses".into(),
            _ if plain => return Ok(()),
            most => format!("synapses of a pair: 0 to {}", short(most)),
        };
        area.draw(&Text::new(text_of, (x + 4, top + 8), text(HPos::Left)))?;
        Ok(())
    }
}

/// Where the cells of each population begin, and where the last end.
fn starts(populations: &[(String, usize)]) -> Vec<usize> {
    let mut starts = vec![0];
    for (_, size) in populations {
        starts.push(starts[starts.len() - 1] + size);
    }
    starts
}

/// From white to the colours of what there is; the root makes few visible beside many.
fn shade(shares: [f64; 2]) -> RGBColor {
    let all = shares[0] + shares[1];
    let depth = all.clamp(0.0, 1.0).sqrt();
    let of = |channel: fn(&RGBColor) -> u8| {
        let [blue, red] = [EXCITATORY, INHIBITORY].map(|ink| f64::from(channel(&ink)));
        let full = (blue * shares[0] + red * shares[1]) / all.max(f64::MIN_POSITIVE);
        (255.0 + depth * (full - 255.0)) as u8
    };
    RGBColor(of(|ink| ink.0), of(|ink| ink.1), of(|ink| ink.2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::circuit::{Connector, Population, Projection};
    use crate::neuron::cell::models::IfCurrExp;

    #[test]
    fn synapses_are_in_their_blocks() {
        let population = |name, size| Population::new(name, size, IfCurrExp::default());
        let list = Connector::FromList(vec![(0, 9, 1.0, 1.0), (39, 0, 1.0, 1.0), (39, 0, 1.0, 2.0)]);
        let circuit = Circuit::new(1)
            .population(population("a", 40))
            .population(population("b", 10))
            .projection(Projection::new("a", "b", list))
            .projection(Projection::new("b", "b", Connector::OneToOne).weight(-0.5));
        let matrix = Matrix::of(&circuit, 0.1).unwrap();
        assert_eq!((matrix.side, matrix.block, matrix.synapses), (50, 1, 13));
        assert_eq!([matrix.counts[49], matrix.counts[39 * 50 + 40], matrix.counts[41 * 51]], [[1, 0], [2, 0], [0, 1]]);
        assert_eq!(matrix.densest(), 2.0);
    }

    #[test]
    fn many_cells_share_blocks() {
        let circuit = Circuit::new(1)
            .population(Population::new("a", 3000, IfCurrExp::default()))
            .projection(Projection::new("a", "a", Connector::FixedProbability(0.25)).weight(1.0));
        let matrix = Matrix::of(&circuit, 0.1).unwrap();
        assert_eq!((matrix.block, matrix.side), (3, 1000));
        let mean = matrix.synapses as f64 / 9e6;
        assert!((mean - 0.25).abs() < 2e-3, "{mean}");
        assert!(shade([0.0, 0.0]) == WHITE && shade([1.0, 0.0]) == EXCITATORY && shade([0.0, 1.0]) == INHIBITORY);
    }
}
