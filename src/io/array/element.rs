//! The numbers of an array file, one at a time, as f64.

use half::f16;

/// Type and byte order of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    /// The type.
    pub kind: Kind,
    /// Most significant byte first.
    pub big_endian: bool,
}

/// Type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Kind {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Element {
    /// The type that NumPy writes as `descr`, for example `<f4`; `None`: not a plain number.
    pub fn from_descr(descr: &str) -> Option<Self> {
        let (order, kind) = descr.split_at_checked(1)?;
        let kind = match kind {
            "b1" => Kind::Bool,
            "u1" => Kind::U8,
            "i1" => Kind::I8,
            "u2" => Kind::U16,
            "i2" => Kind::I16,
            "u4" => Kind::U32,
            "i4" => Kind::I32,
            "u8" => Kind::U64,
            "i8" => Kind::I64,
            "f2" => Kind::F16,
            "f4" => Kind::F32,
            "f8" => Kind::F64,
            _ => return None,
        };
        let big_endian = match order {
            "<" => false,
            ">" => true,
            "|" if kind.size() == 1 => false,
            "=" => cfg!(target_endian = "big"),
            _ => return None,
        };
        Some(Self { kind, big_endian })
    }

    /// Calls `each` with every number in `bytes`, whose length is a multiple of the type's size.
    pub fn decode(self, bytes: &[u8], each: &mut impl FnMut(f64)) {
        let big = self.big_endian;
        match self.kind {
            Kind::Bool => decode(bytes, big, each, |[b]: [u8; 1]| f64::from(u8::from(b != 0))),
            Kind::U8 => decode(bytes, big, each, |[b]: [u8; 1]| f64::from(b)),
            Kind::I8 => decode(bytes, big, each, |b| f64::from(i8::from_le_bytes(b))),
            Kind::U16 => decode(bytes, big, each, |b| f64::from(u16::from_le_bytes(b))),
            Kind::I16 => decode(bytes, big, each, |b| f64::from(i16::from_le_bytes(b))),
            Kind::U32 => decode(bytes, big, each, |b| f64::from(u32::from_le_bytes(b))),
            Kind::I32 => decode(bytes, big, each, |b| f64::from(i32::from_le_bytes(b))),
            Kind::U64 => decode(bytes, big, each, |b| u64::from_le_bytes(b) as f64),
            Kind::I64 => decode(bytes, big, each, |b| i64::from_le_bytes(b) as f64),
            Kind::F16 => decode(bytes, big, each, |b| f64::from(f16::from_le_bytes(b))),
            Kind::F32 => decode(bytes, big, each, |b| f64::from(f32::from_le_bytes(b))),
            Kind::F64 => decode(bytes, big, each, f64::from_le_bytes),
        }
    }
}

impl Kind {
    /// Bytes per number.
    pub fn size(self) -> usize {
        match self {
            Kind::Bool | Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 | Kind::F16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }
}

fn decode<const N: usize>(bytes: &[u8], big: bool, each: &mut impl FnMut(f64), value: impl Fn([u8; N]) -> f64) {
    for chunk in bytes.as_chunks::<N>().0 {
        let mut number = *chunk;
        if big {
            number.reverse();
        }
        each(value(number));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(descr: &str, bytes: &[u8]) -> f64 {
        let mut got = f64::NAN;
        Element::from_descr(descr).unwrap().decode(bytes, &mut |x| got = x);
        got
    }

    #[test]
    fn every_type_in_both_byte_orders() {
        assert_eq!(one("|b1", &[7]), 1.0);
        assert_eq!(one("|i1", &[0xff]), -1.0);
        assert_eq!(one("<i2", &[0xfe, 0xff]), -2.0);
        assert_eq!(one(">i2", &[0xff, 0xfe]), -2.0);
        assert_eq!(one(">u4", &[0, 0, 1, 0]), 256.0);
        assert_eq!(one("<u8", &7u64.to_le_bytes()), 7.0);
        assert_eq!(one(">i8", &(-9i64).to_be_bytes()), -9.0);
        assert_eq!(one("<f2", &f16::from_f32(0.5).to_le_bytes()), 0.5);
        assert_eq!(one(">f4", &1.5f32.to_be_bytes()), 1.5);
        assert_eq!(one("<f8", &0.1f64.to_le_bytes()), 0.1);
    }

    #[test]
    fn other_types_are_not_numbers() {
        for descr in ["", "<", "|O", "<c8", "|S3", "<U2", "<f16", "|i4", "é4", "<M8[us]"] {
            assert_eq!(Element::from_descr(descr), None, "{descr}");
        }
    }
}
