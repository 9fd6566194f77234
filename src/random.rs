//! Random numbers that may be drawn in any order: the n-th is a hash of n, a seed and a place.
//!
//! What is drawn for one layer, epoch or sample does not depend on what was drawn before it, on threads or on machines.

/// A counter-based generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    key: [u32; 2],
}

impl From<[u32; 2]> for Stream {
    /// The stream of a key that [`Stream::key`] has given.
    fn from(key: [u32; 2]) -> Self {
        Stream { key }
    }
}

impl Stream {
    /// The stream of a seed at a place; those of two places have nothing to do with each other.
    pub fn new(seed: u64, place: u32) -> Self {
        let place = lowbias32(place.wrapping_add(0x9e37_79b9));
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let first = lowbias32(lowbias32(low ^ place).wrapping_add(high));
        Stream { key: [first, lowbias32(first ^ lowbias32(high.wrapping_add(place)))] }
    }

    /// What it goes on from, for shaders.
    pub fn key(self) -> [u32; 2] {
        self.key
    }

    /// The stream at a place within this one, such as an epoch or a sample.
    pub fn at(self, place: u32) -> Self {
        let first = self.bits(place);
        Stream { key: [first, lowbias32(first ^ self.key[1].rotate_left(16))] }
    }

    /// The n-th number, uniform in [0, 1) with 24 bits.
    pub fn uniform(self, n: u32) -> f32 {
        (self.bits(n) >> 8) as f32 / (1u32 << 24) as f32
    }

    /// The n-th number, a whole one from 0 and below `bound`. No value is more likely than another by more than
    /// `bound` / 2^32 of itself.
    pub fn below(self, n: u32, bound: u32) -> u32 {
        ((u64::from(self.bits(n)) * u64::from(bound)) >> 32) as u32
    }

    /// The n-th 32 bits.
    pub fn bits(self, n: u32) -> u32 {
        lowbias32(lowbias32(n ^ self.key[0]).wrapping_add(self.key[1]))
    }
}

/// An invertible 32-bit hash with little bias (Chris Wellons, hash-prospector).
pub(crate) fn lowbias32(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Which of so many equally likely values a random word picks: the logarithm of how many, a power of two.
pub(crate) fn picked(random: u32, log: u32) -> usize {
    // No shift is by all 32 bits, which shaders do not have.
    ((random >> 1) >> (31 - log)) as usize
}

/// The number that a random word is below with this chance; certain is as near as it gets.
pub(crate) fn random_below(chance: f64) -> u32 {
    (chance * 2f64.powi(32)).round().clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_the_published_one() {
        assert_eq!([0, 1, 2, 0xdead_beef].map(lowbias32), HASHED);
    }

    /// Computed from the published definition with arbitrary-precision integers.
    const HASHED: [u32; 4] = [0, 0x6889_90c0, 0xd113_2181, 0xe628_c683];

    #[test]
    fn whole_numbers_are_uniform_at_every_place() {
        // 20 cells of 5,000 numbers each: six standard deviations of a cell.
        const MOST_OFF: f64 = 6.0;
        for place in [0, 1, 7] {
            let stream = Stream::new(42, 3).at(place);
            let mut counts = [0u32; 20];
            (0..100_000).for_each(|n| counts[stream.below(n, 20) as usize] += 1);
            let deviation = (100_000.0f64 * 0.05 * 0.95).sqrt();
            assert!(counts.iter().all(|&c| (f64::from(c) - 5000.0).abs() < MOST_OFF * deviation), "{counts:?}");
        }
        assert_ne!(Stream::new(1, 2).at(3), Stream::new(1, 3).at(2));
    }
}
