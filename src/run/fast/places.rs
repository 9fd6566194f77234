//! The bits of a byte as places, so that lists of bits are made without a branch for each.

/// The places of the bits of every byte, lowest first; behind them zeros.
pub(super) const PLACES: [[u8; 8]; 256] = places();

const fn places() -> [[u8; 8]; 256] {
    let mut all = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut at) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                all[byte][at] = bit;
                at += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    all
}
