//! A training on disk, to be gone on with to the same bits: one safetensors file.
//!
//! It is a network with its weights, as [`crate::network::checkpoint`] writes it, with the recipe as its `[train]`: a
//! checkpoint can be run like any other network. Beside those stand the optimiser's moments as tensors
//! `optimiser/<parameter>.first` and so on, and how far the training has come as TOML under [`TRAINING_KEY`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Progress, Recipe, TrainerState};
use crate::error::{Error, Result};
use crate::io::output::AtomicFile;
use crate::network::Network;
use crate::network::checkpoint::{self, Beside, archive, archive::Archive};
use crate::tensor::Tensor;

/// The metadata key under which the progress of a training stands as TOML.
pub const TRAINING_KEY: &str = "saltatory.training";

/// Before the names of moments. Those end as no layer's tensor does: none has the name of another.
const MOMENTS: &str = "optimiser/";

/// A training under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The network with its weights as they are now.
    pub network: Network,
    /// The optimiser.
    pub state: TrainerState,
    /// How it is trained.
    pub recipe: Recipe,
    /// How far it has come.
    pub progress: Progress,
}

/// What stands under [`TRAINING_KEY`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    steps: u64,
    progress: Progress,
}

impl Checkpoint {
    /// Writes the file; one that is there is replaced at once or, on an error, not at all.
    ///
    /// # Errors
    /// [`Error::Layer`] where weights are missing, [`Error::File`] where values are not finite, [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let training = Training { steps: self.state.steps, progress: self.progress.clone() };
        let text = toml::to_string(&training).map_err(|e| Error::file(path, e.to_string()))?;
        let moments = self.state.moments.iter();
        let beside = Beside {
            recipe: Some(&self.recipe),
            tensors: moments.map(|(name, tensor)| (format!("{MOMENTS}{name}"), tensor)).collect(),
            metadata: Some((TRAINING_KEY, text)),
        };
        write(path, &checkpoint::to_bytes(&self.network, &beside, path)?)
    }

    /// Reads a file that [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`] naming the tensor, where the file is damaged or is of no training.
    pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint> {
        let path = path.as_ref();
        let bytes = archive::bytes(path)?;
        let archive = Archive::new(path, &bytes)?;
        let (network, recipe) = checkpoint::of_archive(&archive)?;
        let (Some(text), Some(recipe)) = (archive.metadata(TRAINING_KEY), recipe) else {
            let message = format!("expected a training under way, got a network alone (no metadata `{TRAINING_KEY}`)");
            return Err(Error::file(path, message));
        };
        let training: Training = toml::from_str(text).map_err(|e| {
            let fault = e.to_string().trim().replace('\n', ", ");
            Error::file(path, format!("metadata `{TRAINING_KEY}`: expected a training of this version, got {fault}"))
        })?;
        let mut moments = BTreeMap::new();
        for (name, moment) in archive.names().filter_map(|name| Some((name, name.strip_prefix(MOMENTS)?))) {
            let fail = |message: String| Error::file(path, format!("tensor `{name}`: {message}"));
            let Some(entry) = archive.tensor(name) else { continue };
            let tensor = Tensor::new(entry.shape(), entry.floats().map_err(fail)?)?;
            tensor.check_finite().map_err(fail)?;
            moments.insert(moment.to_owned(), tensor);
        }
        let state = TrainerState { steps: training.steps, moments };
        Ok(Checkpoint { network, state, recipe, progress: training.progress })
    }
}

/// Writes a network that was trained, with its recipe, for inference and more training. One that is there is replaced at
/// once or, on an error, not at all.
///
/// # Errors
/// As [`Checkpoint::save`].
pub fn save_trained(network: &Network, recipe: &Recipe, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let beside = Beside { recipe: Some(recipe), ..Beside::default() };
    write(path, &checkpoint::to_bytes(network, &beside, path)?)
}

/// Under a name that a process that was killed leaves to the next, which overwrites it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    AtomicFile::named(path, "")?.write_whole(bytes)
}

#[cfg(all(test, feature = "formats"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::neuron::Lif;
    use crate::train::{Epoch, Point, Schedule, Sums};

    fn checkpoint() -> Checkpoint {
        let network = Network::new([1, 4, 4]).conv2d(2, 3).batch_norm().spiking(Lif::tau(2.0)).flatten().linear(3);
        let mut network = network.steps(4).build().unwrap();
        network.init(3).unwrap();
        let moment = |value| Tensor::filled([3], value);
        let moments = BTreeMap::from([("fc.bias.first".into(), moment(0.1)), ("fc.bias.second".into(), moment(1e-30))]);
        let rates = BTreeMap::from([("a.b \"c\"".to_owned(), 0.1)]);
        let sums = Sums { samples: 9, correct: 3, loss: 0.1 + 0.2, firing: rates.clone() };
        let (validation, validation_loss) = (Some(0.4), Some(0.7));
        let epoch =
            Epoch { loss: 0.1, accuracy: 0.5, validation, validation_loss, learning_rate: 1e-3, firing_rates: rates };
        let progress = Progress {
            epoch: 1,
            position: 2,
            sums,
            notes: BTreeMap::from([("inputs".into(), "one\n\"two\"".into())]),
            points: vec![Point { step: 3, loss: 1.0 / 3.0, accuracy: 0.25 }; 2],
            epochs: vec![epoch],
            ..Progress::default()
        };
        let recipe = Recipe { schedule: Schedule::Step { every: 2, gamma: 0.5 }, ..Recipe::default() };
        Checkpoint { network, state: TrainerState { steps: 7, moments }, recipe, progress }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        let checkpoint = checkpoint();
        checkpoint.save(&path).unwrap();
        let mut read = Checkpoint::read(&path).unwrap();
        // A network file always names what the builder leaves open.
        assert_eq!(read.network, checkpoint::read(&path).unwrap());
        read.network.name.clone_from(&checkpoint.network.name);
        assert_eq!(read, checkpoint);
        checkpoint.save(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn faults_name_file_and_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.checkpoint");
        let mut checkpoint = checkpoint();
        save_trained(&checkpoint.network, &checkpoint.recipe, &path).unwrap();
        let message = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(message.contains("a.checkpoint") && message.contains("a network alone"), "{message}");
        // What could not be read is not written, and what was there stays.
        let before = std::fs::read(&path).unwrap();
        let with = |value| BTreeMap::from([("fc.weight.first".into(), Tensor::filled([2], value))]);
        checkpoint.state.moments = with(f32::INFINITY);
        let message = checkpoint.save(&path).unwrap_err().to_string();
        assert!(["a.checkpoint", "`optimiser/fc.weight.first`", "inf"].iter().all(|part| message.contains(part)));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let rare = 1234.5678f32;
        checkpoint.state.moments = with(rare);
        checkpoint.save(&path).unwrap();
        let mut damaged = std::fs::read(&path).unwrap();
        let at = damaged.windows(4).position(|word| word == rare.to_le_bytes()).unwrap();
        damaged[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&path, damaged).unwrap();
        let message = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(["a.checkpoint", "`optimiser/fc.weight.first`", "NaN"].iter().all(|part| message.contains(part)));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("a.checkpoint"));
        assert!(checkpoint.save(folder.path().join("none").join("a")).is_err());
    }
}
