//! PNG, JPEG and BMP files as samples: single ones, or a folder of them.
//!
//! Gray where the input has one channel (weights of Rec. 709), RGB where it has three; alpha is dropped, 16 bits become 8.

mod decoder;

use std::fs;
use std::path::{Path, PathBuf};

use decoder::Decoder;

use crate::error::{Error, Result};
use crate::network::InputSpec;

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

    /// The path of an image.
    pub fn path(&self, sample: usize) -> PathBuf {
        let file = &self.files[sample];
        self.root.as_ref().map_or_else(|| file.clone(), |root| root.join(file))
    }

    /// The values of an image, preprocessed and channels first.
    pub fn read(&self, sample: usize) -> Result<Vec<f32>> {
        self.decoder.decode(&self.path(sample))
    }
}

/// Extensions of the files that a folder is searched for.
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// Whether a file is an image by its first bytes or, if it is broken, by its name.
pub(crate) fn is_image(path: &Path, first: &[u8]) -> bool {
    let magic: [&[u8]; 3] = [b"\x89PNG", b"\xff\xd8\xff", b"BM"];
    magic.iter().any(|m| first.starts_with(m)) || is_named_image(path)
}

/// Whether a name is that of an image.
pub(crate) fn is_named_image(path: &Path) -> bool {
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
    fn shapes_that_are_no_image_and_empty_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Images::folder(folder.path(), &spec(&[2, 4, 4])).is_err());
        assert!(Images::folder(folder.path(), &spec(&[12])).is_err());
        assert!(Images::folder(folder.path(), &spec(&[1, 4, 4])).is_err());
    }
}
