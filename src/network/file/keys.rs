//! Typed reading of one table: every error names the place, the key, what was expected and what came.

use std::ops::RangeInclusive;
use std::path::Path;

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::layer::MAX_ELEMENTS;
use crate::network::nearest::listed;
use crate::neuron::RuleChanges;

/// The largest extent or count of channels that is believed.
pub(in crate::network) const SIZES: RangeInclusive<usize> = 0..=MAX_ELEMENTS;

/// A table whose keys are taken out one by one.
pub(crate) struct Keys<'a> {
    origin: &'a Path,
    place: String,
    table: Table,
}

/// Numbers as they stand in a file: one, or nested arrays of them with their shape.
pub(crate) struct Numbers {
    /// Empty for a single number.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f64>,
}

impl<'a> Keys<'a> {
    /// `place` is how errors call the table, such as ``layer `conv1` ``; empty: the whole file.
    pub fn new(origin: &'a Path, place: impl Into<String>, table: Table) -> Self {
        Keys { origin, place: place.into(), table }
    }

    /// The same table, once the name of its layer is known.
    pub fn named(self, name: Option<&str>) -> Self {
        let place = name.map_or(self.place, |name| format!("layer `{name}`"));
        Keys { place, ..self }
    }

    /// A table inside this one, by its key.
    pub fn inside(&self, key: &str, table: Table) -> Keys<'a> {
        self.part(format!("`{key}`"), table)
    }

    /// A table of a list in this one; errors call it `what`.
    pub fn part(&self, what: impl AsRef<str>, table: Table) -> Keys<'a> {
        Keys { origin: self.origin, place: self.place_of(what), table }
    }

    /// The same table, a part of `all`, once it has a name.
    pub fn called(self, all: &Keys, what: impl AsRef<str>) -> Self {
        Keys { place: all.place_of(what), ..self }
    }

    fn place_of(&self, what: impl AsRef<str>) -> String {
        let between = if self.place.is_empty() { "" } else { ": " };
        format!("{}{between}{}", self.place, what.as_ref())
    }

    /// The file.
    pub fn origin(&self) -> &'a Path {
        self.origin
    }

    /// An error about the whole table.
    pub fn fail(&self, message: impl AsRef<str>) -> Error {
        Error::file(self.origin, self.place_of(message))
    }

    /// An error about one key.
    pub fn fail_at(&self, key: &str, message: impl AsRef<str>) -> Error {
        self.fail(format!("`{key}`: {}", message.as_ref()))
    }

    /// The error for a value of the wrong type.
    pub fn mismatch(&self, key: &str, expected: &str, got: &Value) -> Error {
        self.fail_at(key, format!("expected {expected}, got {}", described(got)))
    }

    /// Refuses every key that is not `allowed`.
    pub fn only(&self, allowed: &[&str]) -> Result<()> {
        match self.table.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(key) => {
                let known = listed(key, allowed.iter().copied(), allowed.len());
                Err(self.fail(format!("unknown key `{key}`; known here are {known}")))
            }
            None => Ok(()),
        }
    }

    /// Whether a key is there and not yet taken.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Takes out a value of any type.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    /// Puts back a value that was only looked at.
    pub fn put(&mut self, key: &str, value: Value) {
        self.table.insert(key.into(), value);
    }

    /// A string.
    pub fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.mismatch(key, "a string", &other)),
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.mismatch(key, "true or false", &other)),
        }
    }

    /// A number, whole or not.
    pub fn number(&mut self, key: &str) -> Result<Option<f64>> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => number(&value).map(Some).ok_or_else(|| self.mismatch(key, "a number", &value)),
        }
    }

    /// A table.
    pub fn table(&mut self, key: &str) -> Result<Option<Table>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(other) => Err(self.mismatch(key, "a table", &other)),
        }
    }

    /// A whole number in a range.
    pub fn size(&mut self, key: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
        self.take(key).map(|value| self.as_size(key, &value, range)).transpose()
    }

    /// One whole number for all axes, or one for each; `axes`: how many there are.
    pub fn sizes(&mut self, key: &str, axes: usize) -> Result<Option<Vec<usize>>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(list)) if list.len() == axes => {
                list.iter().map(|v| self.as_size(key, v, SIZES)).collect::<Result<_>>().map(Some)
            }
            Some(Value::Array(list)) => {
                let plural = if axes == 1 { "" } else { "s" };
                Err(self.fail_at(key, format!("expected one number or {axes} value{plural}, got {}", list.len())))
            }
            Some(value) => Ok(Some(vec![self.as_size(key, &value, SIZES)?; axes])),
        }
    }

    /// Whether the key holds an array of one value: a single axis.
    pub fn has_one(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Value::Array(list)) if list.len() == 1)
    }

    /// The changes to rules that stand in this table, which may hold other keys.
    pub fn rules(&mut self) -> Result<RuleChanges> {
        let mut changes = RuleChanges::default();
        for key in RuleChanges::KEYS {
            if let Some(value) = self.take(key) {
                let got = described(&value);
                let one = Table::from_iter([(key.to_owned(), value)]);
                let change: RuleChanges = Value::Table(one)
                    .try_into()
                    .map_err(|e| self.fail_at(key, format!("got {got}: {}", first_line(e.message()))))?;
                changes = change.over(&changes);
            }
        }
        Ok(changes)
    }

    /// `value` as a whole number in a range.
    pub fn as_size(&self, key: &str, value: &Value, range: RangeInclusive<usize>) -> Result<usize> {
        let size = value.as_integer().and_then(|i| usize::try_from(i).ok());
        size.filter(|n| range.contains(n)).ok_or_else(|| {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            self.mismatch(key, &expected, value)
        })
    }

    /// `value` as numbers: one, or nested arrays of equal length.
    pub fn as_numbers(&self, key: &str, value: &Value) -> Result<Numbers> {
        self.as_array(key, value, "a number, an array of numbers (rows of equal length), or a tensor's name")
    }

    /// The same, where errors say that something else was expected.
    pub fn as_array(&self, key: &str, value: &Value, expected: &str) -> Result<Numbers> {
        let mut numbers = Numbers { shape: shape_of(value), values: Vec::new() };
        if collect(value, &numbers.shape, &mut numbers.values) {
            Ok(numbers)
        } else {
            Err(self.mismatch(key, expected, value))
        }
    }
}

/// The value and its type, cut short.
fn described(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("an array of {}", list.len()),
        Value::Table(_) => "a table".into(),
        Value::String(text) if text.chars().count() > 60 => "a long string".into(),
        other => format!("the {} {other}", other.type_str()),
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        _ => None,
    }
}

/// The lengths along the first elements.
fn shape_of(value: &Value) -> Vec<usize> {
    let mut shape = Vec::new();
    let mut inner = Some(value);
    while let Some(Value::Array(list)) = inner {
        shape.push(list.len());
        inner = list.first();
    }
    shape
}

/// Collects the numbers of nested arrays; false where they are not of `shape`, hold something else, or nothing.
fn collect(value: &Value, shape: &[usize], values: &mut Vec<f64>) -> bool {
    match (value, shape) {
        (Value::Array(list), [extent, rest @ ..]) => {
            *extent > 0 && list.len() == *extent && list.iter().all(|v| collect(v, rest, values))
        }
        (value, []) => number(value).map(|x| values.push(x)).is_some(),
        _ => false,
    }
}
