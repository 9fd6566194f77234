//! The head of an IDX file, the format of MNIST: two zeros, the type, the number of axes, their extents; all big endian.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::array::{Element, Header, Kind};

/// Reads what follows `magic`, the first four bytes.
pub(crate) fn header(magic: [u8; 4], reader: &mut impl Read, path: &Path) -> Result<Header> {
    let [_, _, code, axes] = magic;
    let kind = kind(code).ok_or_else(|| {
        Error::file_at(path, 2, format!("expected an IDX type of 08, 09, 0b, 0c, 0d or 0e, got {code:02x}"))
    })?;
    if axes == 0 {
        return Err(Error::file_at(path, 3, "expected at least one axis, got 0"));
    }
    let mut shape = Vec::with_capacity(usize::from(axes));
    for axis in 0..u64::from(axes) {
        let mut extent = [0; 4];
        reader
            .read_exact(&mut extent)
            .map_err(|e| Error::file_at(path, 4 + 4 * axis, format!("expected the extents of {axes} axes: {e}")))?;
        shape.push(usize::try_from(u32::from_be_bytes(extent)).unwrap_or(usize::MAX));
    }
    Ok(Header { element: Element { kind, big_endian: true }, shape, start: 4 + 4 * u64::from(axes) })
}

/// Whether these are the first bytes of an IDX file.
pub(crate) fn is_magic(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, code, axes, ..] if kind(*code).is_some() && *axes > 0)
}

fn kind(code: u8) -> Option<Kind> {
    match code {
        0x08 => Some(Kind::U8),
        0x09 => Some(Kind::I8),
        0x0b => Some(Kind::I16),
        0x0c => Some(Kind::I32),
        0x0d => Some(Kind::F32),
        0x0e => Some(Kind::F64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_type_and_extents() {
        let rest = [0, 0, 0x27, 0x10, 0, 0, 0, 28];
        let header = header([0, 0, 0x0c, 2], &mut &rest[..], Path::new("x")).unwrap();
        assert_eq!(header.shape, [10_000, 28]);
        assert_eq!((header.element.kind, header.element.big_endian, header.start), (Kind::I32, true, 12));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let path = Path::new("x");
        assert!(header([0, 0, 0x0a, 1], &mut &[0; 4][..], path).is_err());
        assert!(header([0, 0, 8, 0], &mut &[][..], path).is_err());
        assert!(header([0, 0, 8, 3], &mut &[0; 11][..], path).is_err());
        assert!(!is_magic(&[0, 0, 8]));
        assert!(is_magic(&[0, 0, 8, 1]));
    }
}
