//! The product of matrices that gives the gradients of weights, tile by tile, in WGSL: `shaders/grad/product.wgsl`. Twins add
//! up in the same order, one term after the other.

/// The piece of shaders.
pub(super) const PRODUCT: &str = include_str!("../../../shaders/grad/product.wgsl");

/// Rows, and columns, of a workgroup's tile: where there are few sums it has fewer, so that more of them go on at once.
fn side(few: bool) -> u64 {
    if few { 32 } else { 64 }
}

/// Tiles of so many rows and columns.
pub(super) fn tiles(rows: u64, columns: u64, few: bool) -> u64 {
    rows.div_ceil(side(few)) * columns.div_ceil(side(few))
}
