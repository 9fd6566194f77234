//! PNG, JPEG and BMP files as samples: single ones, or a folder of them.
//!
//! Gray where the input has one channel (weights of Rec. 709), RGB where it has three; alpha is dropped, 16 bits become 8.

use std::fs;
use std::path::{Path, PathBuf};

use ::image::imageops::{self, FilterType};
use ::image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::error::{Error, Result};
use crate::io::preprocess::Preprocess;
use crate::network::{ChannelOrder, InputSpec};

/// Image files in the order in which they are read.
pub(crate) struct Images {
    /// What names are relative to; `None`: to nothing.
    root: Option<PathBuf>,
    files: Vec<PathBuf>,
    /// The class of each file, where there are folders of classes.
    labels: Option<Vec<u32>>,
    decoder: Decoder,
}

impl Images {
    /// One image file.
    pub fn file(path: &Path, spec: &InputSpec) -> Result<Self> {
        Ok(Self { root: None, files: vec![path.to_owned()], labels: None, decoder: Decoder::new(spec, path)? })
    }

    /// The images of a folder, by name; or those of its folders, which are classes, by name.
    ///
    /// The label is the folder's place among them, or among `spec.classes` where that names every folder.
    pub fn folder(root: &Path, spec: &InputSpec) -> Result<Self> {
        let decoder = Decoder::new(spec, root)?;
        let (folders, mut files) = list(root)?;
        let labels = match (folders.is_empty(), files.is_empty()) {
            (true, _) => None,
            (false, true) => Some(classes(root, &folders, &spec.classes, &mut files)?),
            (false, false) => return Err(Error::file(root, "expected images or folders of images, got both")),
        };
        if files.is_empty() {
            return Err(Error::file(root, format!("expected images ({}), got none", EXTENSIONS.join(", "))));
        }
        Ok(Self { root: Some(root.to_owned()), files, labels, decoder })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The path of an image, relative to its folder.
    pub fn name(&self, sample: usize) -> String {
        self.files[sample].display().to_string()
    }

    /// The class of every image.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// The values of an image, preprocessed and channels first.
    pub fn read(&self, sample: usize) -> Result<Vec<f32>> {
        let file = &self.files[sample];
        self.decoder.decode(&self.root.as_ref().map_or_else(|| file.clone(), |root| root.join(file)))
    }
}

/// Extensions of the files that a folder is searched for.
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// Whether a file is an image by its first bytes or, if it is broken, by its name.
pub(crate) fn is_image(path: &Path, first: &[u8]) -> bool {
    let magic: [&[u8]; 3] = [b"\x89PNG", b"\xff\xd8\xff", b"BM"];
    magic.iter().any(|m| first.starts_with(m)) || is_named_image(path)
}

fn is_named_image(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// The names of the folders and of the images in `folder`, each sorted. Hidden ones are left out.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let entry = entry.map_err(|e| Error::io(folder, e))?;
        let name = PathBuf::from(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            folders.push(name);
        } else if is_named_image(&name) {
            files.push(name);
        }
    }
    folders.sort();
    files.sort();
    Ok((folders, files))
}

fn classes(root: &Path, folders: &[PathBuf], names: &[String], files: &mut Vec<PathBuf>) -> Result<Vec<u32>> {
    let named: Option<Vec<usize>> =
        folders.iter().map(|f| names.iter().position(|name| Path::new(name) == f)).collect();
    let mut labels = Vec::new();
    for (place, folder) in folders.iter().enumerate() {
        let class = named.as_ref().map_or(place, |named| named[place]);
        let (_, images) = list(&root.join(folder))?;
        labels.extend(images.iter().map(|_| class as u32));
        files.extend(images.iter().map(|image| folder.join(image)));
    }
    Ok(labels)
}

/// How an image becomes a sample.
struct Decoder {
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
    fn new(spec: &InputSpec, path: &Path) -> Result<Self> {
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

    fn decode(&self, path: &Path) -> Result<Vec<f32>> {
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
    use ::image::{GrayImage, Rgb, RgbImage};

    fn spec(shape: &[usize]) -> InputSpec {
        InputSpec { shape: shape.to_vec(), scale: Some(1.0), ..InputSpec::default() }
    }

    #[test]
    fn colours_come_channels_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8, 10, 20])).save(&path).unwrap();
        let images = Images::folder(folder.path(), &spec(&[3, 1, 2])).unwrap();
        assert_eq!((images.name(0), images.len(), images.labels()), ("a.png".to_owned(), 1, None));
        assert_eq!(images.read(0).unwrap(), [0.0, 1.0, 10.0, 10.0, 20.0, 20.0]);
    }

    #[test]
    fn folders_are_classes_in_order_or_by_the_networks_names() {
        let folder = tempfile::tempdir().unwrap();
        for (class, name) in [("boot", "b.bmp"), ("boot", "a.PNG"), ("bag", "x.jpg"), (".git", "y.png")] {
            fs::create_dir_all(folder.path().join(class)).unwrap();
            GrayImage::new(2, 2).save(folder.path().join(class).join(name)).unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "not an image").unwrap();
        let images = Images::folder(folder.path(), &spec(&[4])).unwrap();
        assert_eq!(images.labels().unwrap(), [0, 1, 1]);
        assert_eq!(images.name(1), Path::new("boot").join("a.PNG").display().to_string());
        let classes = ["shirt", "boot", "bag"].map(str::to_owned).to_vec();
        let images = Images::folder(folder.path(), &InputSpec { classes, ..spec(&[2, 2]) }).unwrap();
        assert_eq!(images.labels().unwrap(), [2, 1, 1]);
    }

    #[test]
    fn another_size_is_an_error_or_resized() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        GrayImage::from_pixel(6, 4, ::image::Luma([9])).save(&path).unwrap();
        let message = Images::file(&path, &spec(&[1, 2, 3])).unwrap().read(0).unwrap_err().to_string();
        assert!(message.contains("expected 3x2 (width x height), got 6x4"), "{message}");
        let resized = Images::file(&path, &InputSpec { resize: true, ..spec(&[1, 2, 3]) }).unwrap();
        assert_eq!(resized.read(0).unwrap(), [9.0; 6]);
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
        let message =
            Images::file(&path, &InputSpec { resize: true, ..spec(&[1, 2, 2]) }).unwrap().read(0).unwrap_err();
        assert!(message.to_string().contains("bytes of pixels"), "{message}");
    }

    #[test]
    fn shapes_that_are_no_image_and_empty_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Images::folder(folder.path(), &spec(&[2, 4, 4])).is_err());
        assert!(Images::folder(folder.path(), &spec(&[12])).is_err());
        assert!(Images::folder(folder.path(), &spec(&[1, 4, 4])).is_err());
    }
}
