//! Structs that host and shaders share: their fields as data, and their values as WGSL.
//!
//! Parameters of a kernel never change once a plan is made, so they go into the shader's text as a constant: the driver
//! folds loop bounds, branches and divisions. What a test compares with the shader's own declaration is [`Shared::TYPE`]
//! and [`Shared::FIELDS`].

use std::fmt::Write;

/// A value that has a counterpart in WGSL.
pub trait Shared {
    /// The WGSL type.
    const TYPE: &'static str;
    /// Names and types of a struct's fields, in order; empty for a number.
    const FIELDS: &'static [(&'static str, &'static str)];

    /// Appends the value as a constant expression.
    fn write(&self, out: &mut String);
}

impl Shared for u32 {
    const TYPE: &'static str = "u32";
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    fn write(&self, out: &mut String) {
        let _ = write!(out, "{self}u");
    }
}

impl Shared for i32 {
    const TYPE: &'static str = "i32";
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    fn write(&self, out: &mut String) {
        let _ = write!(out, "{self}i");
    }
}

impl Shared for f32 {
    const TYPE: &'static str = "f32";
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    /// The shortest decimal that reads back as the same bits; parameters are finite.
    fn write(&self, out: &mut String) {
        let _ = write!(out, "{self:e}f");
    }
}

impl Shared for [u32; 2] {
    const TYPE: &'static str = "vec2<u32>";
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    fn write(&self, out: &mut String) {
        let _ = write!(out, "vec2<u32>({}u, {}u)", self[0], self[1]);
    }
}

impl Shared for [f32; 4] {
    const TYPE: &'static str = "vec4<f32>";
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    fn write(&self, out: &mut String) {
        let [x, y, z, w] = self;
        let _ = write!(out, "vec4<f32>({x:e}f, {y:e}f, {z:e}f, {w:e}f)");
    }
}

/// Declares that a struct is `struct $name` in WGSL, with these fields in this order: all of them.
macro_rules! shared {
    ($type:ty as $name:literal { $($field:ident: $kind:ty),* $(,)? }) => {
        impl $crate::shared::Shared for $type {
            const TYPE: &'static str = $name;
            const FIELDS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), <$kind as $crate::shared::Shared>::TYPE)),*];

            fn write(&self, out: &mut String) {
                out.push_str(concat!($name, "("));
                $(<$kind as $crate::shared::Shared>::write(&self.$field, out); out.push_str(", ");)*
                out.push(')');
            }
        }
        // Nothing is forgotten: the listed fields are as large as the struct.
        const _: () = assert!(0 $(+ std::mem::size_of::<$kind>())* == std::mem::size_of::<$type>());
    };
}
pub(crate) use shared;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_as_the_same_bits() {
        for x in [1.0f32 / 3.0, 0.25, 1e-30, 123_456_790.0] {
            let mut text = String::new();
            x.write(&mut text);
            assert_eq!(text.trim_end_matches('f').parse::<f32>().unwrap().to_bits(), x.to_bits(), "{text}");
        }
    }
}
