//! Makes the gestures of `assets/gestures`: recordings of a simulated event camera, as samples and as a picture.
//!
//!     cargo run --release --example 04_make_gestures
//!     cargo run --release --example 04_make_gestures -- train.npz 8000 1
//!
//! The second makes 8000 recordings to train with, from seed 1, and no picture; those to test with have seed 0.

mod gestures;

use std::error::Error;

use gestures::{CLASSES, SIZE, STEPS, bits, preview, recording};
use saltatory::io::output::{NpyType, NpzWriter};

/// The recordings in the picture, one of each class.
const SHOWN: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default| arguments.get(i).and_then(|text| text.parse().ok()).unwrap_or(default);
    let path = arguments.first().map_or("assets/gestures/test.npz", String::as_str);
    let (count, seed) = (number(1, 200), number(2, 0));

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
        let shown: Vec<_> = SHOWN.iter().map(|&index| recording(seed, index)).collect();
        preview::picture(&shown).save("assets/gestures/preview.png")?;
    }
    Ok(())
}
