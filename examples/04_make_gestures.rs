//! Makes the gestures of `assets/gestures`: recordings of a simulated event camera, as samples and as a picture.
//!
//!     cargo run --release --example 04_make_gestures
//!     cargo run --release --example 04_make_gestures -- train.npz 7200 1
//!
//! The second makes the 7200 recordings that the weights in `assets` were trained with, from seed 1, and no picture; those to test with have seed 0.

mod gestures;
#[path = "gestures/preview.rs"]
mod preview;

use std::error::Error;

use gestures::{CLASSES, SIZE, STEPS, bits, recording};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use saltatory::io::output::{NpyType, NpzWriter};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: u64| arguments.get(i).map_or(Ok(default), |text| text.parse());
    let path = arguments.first().map_or("assets/gestures/test.npz", String::as_str);
    let (count, seed) = (number(1, 200)?, number(2, 0)?);

    let mut file = NpzWriter::create(path)?.deflated();
    let x = file.array("x", NpyType::U8, &[STEPS, 2, SIZE, SIZE])?;
    let y = file.array("y", NpyType::U8, &[])?;
    for index in 0..count {
        let label = (index % CLASSES.len() as u64) as u8;
        file.write_row(x, &bits(&recording(seed, index))[..])?;
        file.write_row(y, &[label][..])?;
    }
    file.commit()?;
    println!("{path}: {count} recordings of seed {seed}");
    if arguments.is_empty() {
        let of_class = |class| (class..count).step_by(CLASSES.len()).map(|index| recording(seed, index));
        let liveliest = |class| of_class(class).max_by_key(Vec::len).unwrap_or_default();
        let shown: Vec<_> = (0..CLASSES.len() as u64).map(liveliest).collect();
        let file = std::fs::File::create("assets/gestures/preview.png")?;
        let encoder = PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::NoFilter);
        preview::picture(&shown).write_with_encoder(encoder)?;
    }
    Ok(())
}
