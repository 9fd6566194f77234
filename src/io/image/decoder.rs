//! From an image file to the values of a sample, with what it may allocate bounded by the length of the file.

use std::fs;
use std::path::Path;

use ::image::imageops::{self, FilterType};
use ::image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::error::{Error, Result};
use crate::io::preprocess::Preprocess;
use crate::network::{ChannelOrder, InputSpec};

/// How an image becomes a sample.
pub(crate) struct Decoder {
    channels: usize,
    height: u32,
    width: u32,
    resize: bool,
    process: Preprocess,
}

/// Wider or higher images are refused before they are decoded.
const MAX_EXTENT: u32 = 1 << 14;

/// Larger images are refused before they are decoded: progressive JPEG takes three times the memory of its pixels.
fn max_pixel_bytes(file_length: u64) -> u64 {
    (32 << 20) + 3 * file_length
}

impl Decoder {
    /// Images of `spec`; `path` is for errors.
    pub fn new(spec: &InputSpec, path: &Path) -> Result<Self> {
        let (channels, height, width) = match spec.shape[..] {
            [channels @ (1 | 3), height, width] => (channels, height, width),
            [height, width] => (1, height, width),
            [n] if n.isqrt().pow(2) == n => (1, n.isqrt(), n.isqrt()),
            _ => {
                let message = format!("images need an input shape [1, H, W] or [3, H, W], got {:?}", spec.shape);
                return Err(Error::file(path, message));
            }
        };
        let extent = |d: usize| u32::try_from(d).ok().filter(|d| (1..=MAX_EXTENT).contains(d));
        let (Some(height), Some(width)) = (extent(height), extent(width)) else {
            return Err(Error::file(path, format!("expected images of 1 to {MAX_EXTENT}, got {height}x{width}")));
        };
        let process = Preprocess::new(spec, ChannelOrder::First, true)?;
        Ok(Self { channels, height, width, resize: spec.resize, process })
    }

    /// The values of an image, preprocessed and channels first.
    pub fn decode(&self, path: &Path) -> Result<Vec<f32>> {
        let bytes = self.pixels(path)?;
        let plane = bytes.len() / self.channels;
        let mut values = Vec::with_capacity(bytes.len());
        for index in 0..bytes.len() {
            let value = self.process.value(index, f64::from(bytes[index % plane * self.channels + index / plane]));
            if let Some(fault) = self.process.fault(index, value) {
                return Err(Error::file(path, fault));
            }
            values.push(value);
        }
        Ok(values)
    }

    /// The pixels, row by row, the channels of a pixel together.
    fn pixels(&self, path: &Path) -> Result<Vec<u8>> {
        let (w, h) = (self.width, self.height);
        let image = self.open(path)?;
        let fits = (image.width(), image.height()) == (w, h);
        Ok(match (self.channels, fits) {
            (1, true) => image.into_luma8().into_raw(),
            (1, false) => imageops::resize(&image.into_luma8(), w, h, FilterType::Triangle).into_raw(),
            (_, true) => image.into_rgb8().into_raw(),
            (_, false) => imageops::resize(&image.into_rgb8(), w, h, FilterType::Triangle).into_raw(),
        })
    }

    fn open(&self, path: &Path) -> Result<DynamicImage> {
        let fault = |e: ::image::ImageError| Error::file(path, e.to_string());
        let length = fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MAX_EXTENT), Some(MAX_EXTENT));
        limits.max_alloc = Some(max_pixel_bytes(length));
        let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
        let mut reader = reader.map_err(|e| Error::io(path, e))?;
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(fault)?;
        let (width, height) = decoder.dimensions();
        if !self.resize && (width, height) != (self.width, self.height) {
            let message = format!("expected {}x{} (width x height), got {width}x{height}", self.width, self.height);
            return Err(Error::file(path, message + "; `resize` scales it"));
        }
        if decoder.total_bytes() > max_pixel_bytes(length) {
            let message = format!("expected at most {} bytes of pixels, got {width}x{height}", max_pixel_bytes(length));
            return Err(Error::file(path, message));
        }
        DynamicImage::from_decoder(decoder).map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ::image::GrayImage;

    fn read(path: &Path, resize: bool) -> Result<Vec<f32>> {
        let spec = InputSpec { shape: vec![1, 2, 3], scale: Some(1.0), resize, ..InputSpec::default() };
        Decoder::new(&spec, path)?.decode(path)
    }

    #[test]
    fn another_size_is_an_error_or_resized() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        GrayImage::from_pixel(6, 4, ::image::Luma([9])).save(&path).unwrap();
        let message = read(&path, false).unwrap_err().to_string();
        assert!(message.contains("expected 3x2 (width x height), got 6x4"), "{message}");
        assert_eq!(read(&path, true).unwrap(), [9.0; 6]);
    }

    #[test]
    fn a_head_that_claims_absurd_sizes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        GrayImage::new(2, 2).save(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[16..24].copy_from_slice(&[0, 0, 0x3f, 0xff, 0, 0, 0x3f, 0xff]);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        fs::write(&path, bytes).unwrap();
        let message = read(&path, true).unwrap_err().to_string();
        assert!(message.contains("bytes of pixels"), "{message}");
    }
}
