//! What pictures are drawn on.

#![allow(missing_docs)] // shared with the command line; its types are those of plotters

use std::error::Error;
use std::io::Write;
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::io::output::AtomicFile;

/// The font's name, as labels refer to it: the library brings it along, since a machine may have none.
pub const FONT: &str = "chart";
/// Pixels of a line of text, and of a title.
pub const TEXT: i32 = 15;
pub const TITLE: i32 = 18;
pub const INK: RGBColor = RGBColor(50, 50, 50);

/// In the order in which things come.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 98, 177),
    RGBColor(230, 120, 20),
    RGBColor(60, 150, 80),
    RGBColor(130, 90, 170),
    RGBColor(180, 60, 70),
    RGBColor(120, 120, 120),
];

pub type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
pub type Drawn = Result<(), Box<dyn Error>>;

/// Draws on white paper of this size under a line of text, and writes the file.
pub fn draw(path: &Path, size: (u32, u32), about: &str, with: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::HACK_REGULAR).map_err(|_| "its font is broken")?;
    let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
    {
        let paper = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        paper.fill(&WHITE)?;
        let (top, rest) = paper.split_vertically(TITLE + 14);
        top.draw(&Text::new(about.to_owned(), (12, 10), (FONT, TEXT).into_font().color(&INK)))?;
        with(&rest)?;
        paper.present()?;
    }
    let mut file = AtomicFile::create(path)?;
    PngEncoder::new(&mut file).write_image(&pixels, size.0, size.1, ExtendedColorType::Rgb8)?;
    file.flush()?;
    Ok(file.commit()?)
}

pub fn colour(of: usize) -> RGBColor {
    COLOURS[of % COLOURS.len()]
}

/// Text that ends, begins or is centred at a point, and is as high above it as below.
pub fn text(at: HPos) -> TextStyle<'static> {
    (FONT, TEXT).into_font().color(&INK).pos(Pos::new(at, VPos::Center))
}

/// A time axis from steps to steps of `dt` ms: its limits, and its unit, of which a millisecond has `scale`.
pub struct Time {
    pub from: f64,
    pub to: f64,
    scale: f64,
    pub label: &'static str,
}

impl Time {
    pub fn new(first_step: u64, end_step: u64, dt: f64) -> Time {
        let long = (end_step - first_step) as f64 * dt >= 5000.0;
        let (scale, label) = if long { (1e-3, "time, s") } else { (1.0, "time, ms") };
        let at = |step: u64| step as f64 * dt * scale;
        Time { from: at(first_step), to: at(end_step.max(first_step + 1)), scale, label }
    }

    /// Where a time in ms is.
    pub fn of(&self, ms: f64) -> f64 {
        ms * self.scale
    }

    /// Where a time in ms is among so many pixels.
    pub fn pixel(&self, ms: f64, pixels: i32) -> i32 {
        (f64::from(pixels) * (self.of(ms) - self.from) / (self.to - self.from)) as i32
    }
}

/// The number from 1, 2 and 5 times powers of ten that is next above.
pub fn round_up(x: f64) -> f64 {
    let power = 10f64.powf(x.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|&n| n >= x * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A whole number with its order: 1st, 2nd, 3rd, 4th.
pub fn nth(n: usize) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// The whole powers of ten around values, with room at both ends.
pub fn decades(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    [10f64.powf((least * 0.8).log10().floor()), 10f64.powf((most * 1.25).log10().ceil())]
}

/// A number in a few letters.
pub fn short(x: f64) -> String {
    let (value, unit) = match x {
        1e9.. => (x / 1e9, "G"),
        1e6.. => (x / 1e6, "M"),
        1e4.. => (x / 1e3, "k"),
        _ => (x, ""),
    };
    let places = usize::try_from(2 - value.abs().max(1e-6).log10().floor() as i32).unwrap_or(0);
    let digits = format!("{value:.places$}");
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{unit}")
}

#[cfg(test)]
mod tests {
    use super::{decades, nth, round_up, short};

    #[test]
    fn numbers_are_round() {
        assert_eq!([0.03, 1.0, 1.1, 4.0, 700.0].map(round_up), [0.05, 1.0, 2.0, 5.0, 1000.0]);
        assert_eq!([1, 2, 3, 11, 22, 112].map(nth), ["1st", "2nd", "3rd", "11th", "22nd", "112th"]);
    }

    #[test]
    fn numbers_are_short() {
        for (x, text) in [(0.1, "0.1"), (4.0, "4"), (2537.4, "2537"), (65536.0, "65.5k"), (1048576.0, "1.05M")] {
            assert_eq!(short(x), text);
        }
    }

    #[test]
    fn axes_begin_and_end_with_powers_of_ten() {
        assert_eq!(decades([30.0, 2.0, 400.0].into_iter()), [1.0, 1000.0]);
        assert_eq!(decades([1.0, 90.0].into_iter()), [0.1, 1000.0]);
    }
}
