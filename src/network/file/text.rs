//! A file as text, and text as TOML, with the position of a fault.

use std::io::Read;
use std::path::Path;

use toml::Table;

use crate::error::{Error, Result};

/// A file larger than this is taken for a mistake.
const MAX_BYTES: u64 = 256 << 20;

/// The content of a text file.
pub(in crate::network) fn text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::file(path, format!("expected at most {MAX_BYTES} bytes of TOML")));
    }
    String::from_utf8(bytes)
        .map_err(|e| Error::file_at(path, e.utf8_error().valid_up_to() as u64, "expected text in UTF-8"))
}

/// Any TOML, with the line and column of a fault.
pub(crate) fn table(text: &str, origin: &Path) -> Result<Table> {
    text.parse::<Table>().map_err(|e| {
        let mut start = e.span().map_or(0, |s| s.start).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::file(origin, format!("line {line}, column {column}: {}", e.message().replace('\n', ", ")))
    })
}
