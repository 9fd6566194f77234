//! The head of a NumPy `.npy` file: magic, version, and a Python dictionary of `descr`, `fortran_order` and `shape`.
//!
//! Read here rather than by a parser of all Python literals, whose recursion a hostile file could run out of stack.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::array::{Element, Header};
use crate::tensor::{Shape, element_count};

/// NumPy itself refuses longer heads.
const MAX_TEXT: usize = 10_000;

/// Reads what follows `magic`, the first four bytes.
pub(crate) fn header(magic: [u8; 4], reader: &mut impl Read, path: &Path) -> Result<Header> {
    let short = |e: std::io::Error| Error::file(path, format!("cannot read its .npy header: {e}"));
    let mut rest = [0; 4];
    reader.read_exact(&mut rest).map_err(short)?;
    if &magic != b"\x93NUM" || &rest[..2] != b"PY" {
        return Err(Error::file(path, "expected an .npy file, got other first bytes"));
    }
    let mut length = [0; 4];
    let length_size = match rest[2] {
        1 => 2,
        2 | 3 => 4,
        version => return Err(Error::file_at(path, 6, format!("expected .npy version 1, 2 or 3, got {version}"))),
    };
    reader.read_exact(&mut length[..length_size]).map_err(short)?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_TEXT {
        return Err(Error::file_at(path, 8, format!("expected a header of at most {MAX_TEXT} bytes, got {length}")));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).map_err(short)?;
    let text = String::from_utf8_lossy(&text);
    let (element, shape) = Fields::parse(&text).and_then(Fields::interpret).map_err(|e| Error::file_at(path, 10, e))?;
    Ok(Header { element, shape, start: (8 + length_size + length) as u64 })
}

/// The dictionary, as far as it has been read.
#[derive(Default)]
struct Fields {
    descr: Option<String>,
    fortran: Option<bool>,
    shape: Option<Shape>,
}

impl Fields {
    fn parse(text: &str) -> Result<Self, String> {
        let mut scan = Scan { rest: text };
        let mut fields = Self::default();
        scan.expect("{")?;
        while !scan.take("}") {
            let key = scan.string()?;
            scan.expect(":")?;
            match key {
                "descr" => fields.descr = Some(scan.descr()?.to_owned()),
                "fortran_order" => fields.fortran = Some(scan.boolean()?),
                "shape" => fields.shape = Some(scan.tuple()?),
                _ => {
                    return Err(format!(
                        "expected `descr`, `fortran_order` or `shape` in the .npy header, got `{key}`"
                    ));
                }
            }
            if !scan.take(",") {
                scan.expect("}")?;
                break;
            }
        }
        Ok(fields)
    }

    fn interpret(self) -> Result<(Element, Shape), String> {
        let missing = |name| format!("expected `{name}` in the .npy header, got none");
        let descr = self.descr.ok_or_else(|| missing("descr"))?;
        let fortran = self.fortran.ok_or_else(|| missing("fortran_order"))?;
        let shape = self.shape.ok_or_else(|| missing("shape"))?;
        let element = Element::from_descr(&descr)
            .ok_or_else(|| format!("expected a type of real numbers or bool, got `{descr}`"))?;
        let one_line = shape.iter().filter(|&&d| d != 1).count() <= 1 || element_count(&shape) == Some(0);
        if fortran && !one_line {
            return Err("expected C order, got Fortran order: save `numpy.ascontiguousarray(x)`".into());
        }
        Ok((element, shape))
    }
}

/// What is left of the dictionary's text.
struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let taken = self.rest.strip_prefix(token);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.fault(&format!("`{token}`"))) }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        for quote in ["'", "\""] {
            if self.take(quote) {
                let (text, rest) = self.rest.split_once(quote).ok_or_else(|| self.fault("the end of a string"))?;
                self.rest = rest;
                return Ok(text);
            }
        }
        Err(self.fault("a string"))
    }

    fn descr(&mut self) -> Result<&'a str, String> {
        if self.take("[") {
            return Err("expected a type of real numbers or bool, got a record of several fields".into());
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, String> {
        if self.take("True") {
            Ok(true)
        } else {
            self.expect("False").map(|()| false).map_err(|_| self.fault("True or False"))
        }
    }

    fn tuple(&mut self) -> Result<Shape, String> {
        let mut extents = Shape::new();
        self.expect("(")?;
        while !self.take(")") {
            extents.push(self.extent()?);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(extents)
    }

    fn extent(&mut self) -> Result<usize, String> {
        self.rest = self.rest.trim_start();
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        let extent = number.parse().map_err(|_| self.fault("an extent"))?;
        // Python 2 wrote long numbers with an L.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        Ok(extent)
    }

    fn fault(&self, expected: &str) -> String {
        let got: String = self.rest.chars().take(20).collect();
        format!("expected {expected} in the .npy header, got {got:?}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::array::Kind;

    fn parse(text: &str) -> Result<(Element, Shape), String> {
        Fields::parse(text).and_then(Fields::interpret)
    }

    #[test]
    fn reads_what_numpy_writes() {
        let (element, shape) = parse("{'descr': '>i2', 'fortran_order': False, 'shape': (3, 28L, 28), }   \n").unwrap();
        assert_eq!((element.kind, element.big_endian), (Kind::I16, true));
        assert_eq!(shape, [3, 28, 28]);
        assert_eq!(parse(r#"{"shape":(),"descr":"|b1","fortran_order":False}"#).unwrap().1, Shape::new());
        assert_eq!(parse("{'descr': '<f4', 'fortran_order': True, 'shape': (7, 1), }").unwrap().1, [7, 1]);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "Fortran order"),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "got `<c8`"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "record"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "an extent"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "an extent"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "True or False"),
            ("{'descr': '<f4', 'shape': (2,)}", "`fortran_order`"),
            ("{'descr': '<f4", "the end of a string"),
            ("((((", "`{`"),
            ("", "`{`"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
