//! An Arrow or Parquet file of predictions, made of batches from elsewhere: the same bytes however the rows come.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use saltatory::io::output::AtomicFile;
use saltatory::{Error, Result};

use super::Format;
use super::columns::{self, Builder};

/// The batches of a file, read one after the other.
pub struct Batches {
    path: PathBuf,
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>,
}

impl Batches {
    /// Those of a whole file.
    pub fn open(path: &Path, format: Format) -> Result<Batches> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let read = if format == Format::Parquet { Self::parquet(path, file) } else { Self::arrow(path, file) };
        read.map_err(|e| Error::file(path, format!("expected {}, got {e}", format.name())))
    }

    fn arrow(path: &Path, file: File) -> Result<Batches, ArrowError> {
        let reader = FileReader::try_new_buffered(file, None)?;
        Ok(Batches { path: path.to_owned(), schema: reader.schema(), batches: Box::new(reader) })
    }

    fn parquet(path: &Path, file: File) -> Result<Batches, ArrowError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let schema = builder.schema().clone();
        let rows = columns::width(&schema).map_or(1, columns::batch_rows);
        let batches = Box::new(builder.with_batch_size(rows).build()?);
        Ok(Batches { path: path.to_owned(), schema, batches })
    }

    /// Those of an Arrow stream.
    pub fn stream(path: &Path) -> Result<Batches> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let reader = StreamReader::try_new(BufReader::new(file), None).map_err(|e| fault(path, e))?;
        Ok(Batches { path: path.to_owned(), schema: reader.schema(), batches: Box::new(reader) })
    }
}

#[cfg(test)]
impl Batches {
    /// The number of rows of every batch.
    pub fn rows_of_each(self) -> Vec<usize> {
        self.batches.flatten().map(|batch| batch.num_rows()).collect()
    }
}

/// A file that is written of batches.
pub struct Joined {
    writer: Writer,
    columns: Builder,
    target: PathBuf,
}

enum Writer {
    Arrow(FileWriter<AtomicFile>),
    Parquet(Box<ArrowWriter<AtomicFile>>),
}

impl Joined {
    /// Begins the file with the rows of `first`.
    pub fn create(file: AtomicFile, format: Format, first: Batches) -> Result<Joined> {
        let target = file.target().to_owned();
        let Some(width) = columns::width(&first.schema) else {
            return Err(Error::file(first.path, format!("expected the columns of predictions, got {}", first.schema)));
        };
        let writer = Writer::new(file, format, &first.schema).map_err(|e| fault(&target, e))?;
        let mut joined = Joined { writer, columns: Builder::new(first.schema.clone(), width), target };
        joined.add(first)?;
        Ok(joined)
    }

    /// Adds the rows of another file.
    pub fn add(&mut self, other: Batches) -> Result<()> {
        let (path, schema) = (other.path, self.columns.schema());
        if other.schema != *schema {
            return Err(Error::file(path, format!("expected the columns {schema}, got {}", other.schema)));
        }
        for batch in other.batches {
            let batch = batch.map_err(|e| fault(&path, e))?;
            for i in 0..batch.num_rows() {
                let pushed = self.columns.push_from(&batch, i);
                pushed.ok_or_else(|| Error::file(&path, "expected the columns of predictions, got others"))?;
                if self.columns.is_full() {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Joined { writer, columns, target } = self;
        let wrote = columns.take().and_then(|batch| batch.map_or(Ok(()), |batch| writer.write(&batch)));
        wrote.map_err(|e| fault(target, e))
    }

    /// Ends the file and gives it its name.
    pub fn commit(mut self) -> Result<()> {
        self.flush()?;
        self.writer.end().map_err(|e| fault(&self.target, e))?.commit()
    }
}

impl Writer {
    fn new(file: AtomicFile, format: Format, schema: &SchemaRef) -> Result<Writer, ArrowError> {
        if format == Format::Parquet {
            // A batch is a row group. Names hardly repeat, and scores even less.
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_statistics_enabled(EnabledStatistics::Chunk)
                .build();
            return Ok(Writer::Parquet(Box::new(ArrowWriter::try_new(file, schema.clone(), Some(properties))?)));
        }
        Ok(Writer::Arrow(FileWriter::try_new(file, schema)?))
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Writer::Arrow(writer) => writer.write(batch),
            Writer::Parquet(writer) => writer.write(batch).and_then(|()| writer.flush()).map_err(arrow),
        }
    }

    fn end(self) -> Result<AtomicFile, ArrowError> {
        match self {
            Writer::Arrow(writer) => writer.into_inner(),
            Writer::Parquet(writer) => writer.into_inner().map_err(arrow),
        }
    }
}

/// What the crates of Arrow say, at a file.
pub fn fault(path: &Path, error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => Error::io(path, error),
        other => Error::file(path, other.to_string()),
    }
}

/// An error of the disk as itself.
fn arrow(error: ParquetError) -> ArrowError {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => ArrowError::IoError(String::new(), *error),
            Err(error) => ParquetError::External(error).into(),
        },
        other => other.into(),
    }
}
