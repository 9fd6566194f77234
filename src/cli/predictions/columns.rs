//! The columns of predictions in Arrow and Parquet: name, prediction, label where there are any,
//! steps where they differ, scores, error.
//!
//! Scores are a list of fixed length, `f32` as they were computed; the field's metadata has the names of the `classes` and
//! the `shape` of a row, as JSON. Those of a bad sample are null, and `error` says why.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder, StringBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::cli::batch::outputs::Form;
use crate::cli::sinks::Row;

/// The most rows of a batch.
const ROWS: usize = 4096;
/// Bytes that the scores of a batch may take.
const BYTES: usize = 16 << 20;

/// The schema of a table; `None` where a row has too many scores for one.
pub fn schema(form: &Form) -> Option<Schema> {
    let width = i32::try_from(form.row.iter().product::<usize>()).ok()?;
    let json = |value: serde_json::Value| value.to_string();
    let metadata = [("classes", json(form.names.clone().into())), ("shape", json(form.row.clone().into()))];
    let mut fields = vec![Field::new("name", DataType::Utf8, false), Field::new("prediction", DataType::UInt32, true)];
    if form.columns.labels {
        fields.push(Field::new("label", DataType::UInt32, true));
    }
    if form.columns.steps {
        fields.push(Field::new("steps", DataType::UInt32, true));
    }
    let scores = Field::new_fixed_size_list("scores", score(), width, true);
    fields.push(scores.with_metadata(metadata));
    fields.push(Field::new("error", DataType::Utf8, true));
    Some(Schema::new(fields))
}

fn score() -> Field {
    Field::new("item", DataType::Float32, false)
}

/// The scores of a row; `None` where a schema is not that of predictions.
pub fn width(schema: &Schema) -> Option<i32> {
    match schema.field_with_name("scores").ok()?.data_type() {
        DataType::FixedSizeList(item, width) if item.data_type() == &DataType::Float32 && *width >= 0 => Some(*width),
        _ => None,
    }
}

/// Rows of a batch: by their width alone, so that the bytes of a file depend on nothing else.
pub fn batch_rows(width: i32) -> usize {
    (BYTES / (4 * width.unsigned_abs().max(1) as usize)).clamp(1, ROWS)
}

/// Rows on their way into a batch.
pub struct Builder {
    schema: SchemaRef,
    names: StringBuilder,
    predictions: UInt32Builder,
    labels: Option<UInt32Builder>,
    steps: Option<UInt32Builder>,
    scores: FixedSizeListBuilder<Float32Builder>,
    errors: StringBuilder,
    width: i32,
    rows: usize,
}

impl Builder {
    /// No rows, of a schema whose rows have so many scores.
    pub fn new(schema: SchemaRef, width: i32) -> Builder {
        let some = |name| schema.field_with_name(name).is_ok().then(UInt32Builder::new);
        Builder {
            names: StringBuilder::new(),
            predictions: UInt32Builder::new(),
            labels: some("label"),
            steps: some("steps"),
            scores: FixedSizeListBuilder::new(Float32Builder::new(), width).with_field(score()),
            errors: StringBuilder::new(),
            schema,
            width,
            rows: 0,
        }
    }

    /// The schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Row<'_>) {
        self.names.append_value(row.name);
        let number = |number: Option<usize>| number.and_then(|n| u32::try_from(n).ok());
        self.predictions.append_option(number(row.prediction));
        if let Some(labels) = &mut self.labels {
            labels.append_option(row.label);
        }
        if let Some(steps) = &mut self.steps {
            steps.append_option(number(row.steps));
        }
        match row.error {
            None => self.scores.values().append_slice(row.scores),
            // What is below a null is always the same.
            Some(_) => self.scores.values().append_value_n(0.0, self.width as usize),
        }
        self.scores.append(row.error.is_none());
        self.errors.append_option(row.error);
        self.rows += 1;
    }

    /// Whether a batch is full.
    pub fn is_full(&self) -> bool {
        self.rows >= batch_rows(self.width)
    }

    /// Takes the rows out, if there are any.
    pub fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(None);
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.names.finish()), Arc::new(self.predictions.finish())];
        for numbers in [&mut self.labels, &mut self.steps] {
            columns.extend(numbers.as_mut().map(|numbers| Arc::new(numbers.finish()) as ArrayRef));
        }
        columns.push(Arc::new(self.scores.finish()));
        columns.push(Arc::new(self.errors.finish()));
        RecordBatch::try_new(self.schema.clone(), columns).map(Some)
    }

    /// Adds row `i` of a batch of the same schema; `None` where it is of another.
    pub fn push_from(&mut self, batch: &RecordBatch, i: usize) -> Option<()> {
        let number = |name| {
            let column = batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>()?;
            Some(column.is_valid(i).then(|| column.value(i)))
        };
        let text = |name| {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            Some(column.is_valid(i).then(|| column.value(i)))
        };
        let list = batch.column_by_name("scores")?.as_fixed_size_list_opt()?;
        let values = list.values().as_primitive_opt::<Float32Type>()?.values();
        let from = list.value_offset_at(i);
        self.push(&Row {
            name: text("name")??,
            label: if self.labels.is_some() { number("label")? } else { None },
            steps: if self.steps.is_some() { number("steps")?.map(|n| n as usize) } else { None },
            scores: values.get(from..from + self.width as usize)?,
            prediction: number("prediction")?.map(|p| p as usize),
            error: text("error")?,
        });
        Some(())
    }
}
