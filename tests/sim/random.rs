//! Random numbers that are the same on every machine and in every year.
//!
//! It is SplitMix64, written out, because a seed is a bug report: no update of a library may change
//! what a seed stands for. It is not for secrets.

use std::ops::RangeInclusive;

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range. So few numbers are asked for that the bias of a remainder is nothing.
    pub fn of(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.number() % (range.end() - range.start() + 1)
    }

    /// A place in something that has `length` places.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.of(0..=length as u64 - 1)).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.place(from.len())]
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.of(1..=100) <= percent
    }
}
