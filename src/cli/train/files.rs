//! The files of a training: its outputs, and the checkpoint from which it goes on when it was interrupted.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use saltatory::io::output::AtomicFile;
use saltatory::train::Checkpoint;
use saltatory::{Error, Result};

use crate::cli::job::{DEVICE, Job, Start, difference};

/// Where results go.
#[derive(Clone, Debug)]
pub struct Paths {
    pub out: PathBuf,
    pub best: Option<PathBuf>,
    pub log: Option<PathBuf>,
    pub curves: Option<PathBuf>,
}

impl Paths {
    /// Refuses to write two results into one file, and models that could not be written when they are done.
    pub fn check(&self) -> Result<()> {
        let all = [Some(&self.out), self.best.as_ref(), self.log.as_ref(), self.curves.as_ref()];
        let given: Vec<&PathBuf> = all.into_iter().flatten().collect();
        if let Some((_, path)) = given.iter().enumerate().find(|(i, path)| given[..*i].contains(path)) {
            let message = "expected a file of its own for each of --out, --best, --log and --curves";
            return Err(Error::Request(format!("{}: {message}", path.display())));
        }
        // Dropped at once: what matters is that they can be begun.
        [Some(&self.out), self.best.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|path| AtomicFile::create(path).map(drop))
    }

    /// The checkpoint beside the model.
    pub fn checkpoint(&self) -> Result<PathBuf> {
        self.hidden("checkpoint")
    }

    fn hidden(&self, what: &str) -> Result<PathBuf> {
        let none = || Error::file(&self.out, "expected the name of a file");
        let name = self.out.file_name().ok_or_else(none)?;
        Ok(self.out.with_file_name(format!(".{}.{what}", name.to_string_lossy())))
    }

    /// Keeps other trainings from writing the same files.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.hidden("lock")?;
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Error::io(&path, e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                Err(Error::file(&path, "another training is writing this model: wait until it ends, or name another"))
            }
            // Where a file system has no locks, trainings are trusted.
            Err(TryLockError::Error(_)) | Ok(()) => Ok(Lock { path, _file: file }),
        }
    }
}

/// Held while a training writes its files.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// What a training may go on without: another device gives other bits at worst, and who runs out of memory takes less of it.
const MAY_CHANGE: [&str; 2] = [DEVICE, "recipe's recompute"];

/// The training that was interrupted, if there is one and it is to go on.
pub fn past(path: &Path, job: &Job, start: Start) -> Result<Option<Checkpoint>> {
    if !path.exists() {
        return Ok(None);
    }
    if start == Start::Anew {
        return std::fs::remove_file(path).map(|()| None).map_err(|e| Error::io(path, e));
    }
    let checkpoint = Checkpoint::read(path)?;
    let progress = &checkpoint.progress;
    if start == Start::Careful {
        let message = format!(
            "a training that was interrupted after {} epochs and {} steps is there: go on with it (`--resume`), or throw it \
             away (`--restart`)",
            progress.epoch, progress.position
        );
        return Err(Error::file(path, message));
    }
    match difference(&progress.notes, job, &MAY_CHANGE) {
        Some(difference) => Err(Error::file(
            path,
            format!(
                "it is of another training, `--resume` cannot go on with it (undo the difference, or begin anew with \
                 `--restart`):{difference}"
            ),
        )),
        None => Ok(Some(checkpoint)),
    }
}
