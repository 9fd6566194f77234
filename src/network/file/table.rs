//! The keys of a table, each taken once; what is left over is a mistake that is named.

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The keys of one table.
pub(super) struct Keys {
    /// Whose keys, for errors.
    pub of: String,
    table: toml::Table,
}

impl Keys {
    pub fn new(of: impl Into<String>, table: toml::Table) -> Self {
        Keys { of: of.into(), table }
    }

    /// The value of a key, where it is given.
    pub fn optional<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let came = value.type_str();
        let read = value.try_into().map_err(|e: toml::de::Error| {
            Error::layer(&self.of, format!("`{key}` (a TOML {came}): {}", e.message().trim()))
        });
        read.map(Some)
    }

    /// The value of a key that must be there.
    pub fn required<T: DeserializeOwned>(&mut self, key: &str) -> Result<T> {
        let value = self.optional(key)?;
        value.ok_or_else(|| Error::layer(&self.of, format!("`{key}` is missing")))
    }

    /// A key as it stands, without interpreting it.
    pub fn raw(&mut self, key: &str) -> Option<toml::Value> {
        self.table.remove(key)
    }

    /// Puts a key back that was looked at.
    pub fn put(&mut self, key: &str, value: toml::Value) {
        self.table.insert(key.into(), value);
    }

    /// The values of these keys as one table.
    pub fn all(&mut self, keys: &[&str]) -> toml::Table {
        keys.iter().filter_map(|key| self.table.remove(*key).map(|value| ((*key).to_string(), value))).collect()
    }

    /// A size: at least 1 and small enough to be meant.
    pub fn size(&mut self, key: &str) -> Result<Option<usize>> {
        let value: Option<i64> = self.optional(key)?;
        value.map(|n| self.checked_size(key, n)).transpose()
    }

    /// One number for all axes or one for each, as `axes` many; 0 is allowed where `zero` is.
    pub fn axes(&mut self, key: &str, axes: usize, zero: bool) -> Result<Option<Vec<usize>>> {
        let list = match self.raw(key) {
            None => return Ok(None),
            Some(toml::Value::Integer(n)) => vec![n; axes],
            Some(toml::Value::Array(list)) if list.len() == axes => {
                let numbers: Option<Vec<i64>> = list.iter().map(toml::Value::as_integer).collect();
                numbers.ok_or_else(|| self.wrong(key, "a list of whole numbers"))?
            }
            Some(_) => return Err(self.wrong(key, &format!("a whole number or a list of {axes}"))),
        };
        let check = |&n: &i64| if zero && n == 0 { Ok(0) } else { self.checked_size(key, n) };
        list.iter().map(check).collect::<Result<_>>().map(Some)
    }

    fn checked_size(&self, key: &str, n: i64) -> Result<usize> {
        match usize::try_from(n) {
            Ok(n) if (1..=MAX_SIZE).contains(&n) => Ok(n),
            _ => Err(Error::layer(&self.of, format!("`{key}`: expected 1 to {MAX_SIZE}, got {n}"))),
        }
    }

    /// An error about the value of a key.
    pub fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::layer(&self.of, format!("`{key}`: expected {expected}"))
    }

    /// Nothing may be left; `known` are the keys there are.
    pub fn done(self, known: &[&str]) -> Result<()> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => {
                let near = nearest(key, known.iter().copied());
                Err(Error::layer(self.of, format!("unknown key `{key}`{near}; there are {}", known.join(", "))))
            }
        }
    }
}

/// A larger extent than this is taken for a mistake.
const MAX_SIZE: usize = 1 << 24;

/// `: did you mean ...?` with the nearest of some names, or nothing.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let best = names.map(|other| (distance(name, other), other)).min();
    match best {
        Some((d, other)) if d <= 2 + name.len() / 4 => format!(": did you mean `{other}`?"),
        _ => String::new(),
    }
}

/// Edits between two short names.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let next = (diagonal + usize::from(a[i] != b[j])).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        assert_eq!(nearest("kernal", ["stride", "kernel"].into_iter()), ": did you mean `kernel`?");
        assert_eq!(nearest("zzzzzz", ["stride", "kernel"].into_iter()), "");
    }
}
