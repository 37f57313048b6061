//! Chance that can be repeated.

use uuid::Uuid;

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn permille(&mut self, permille: usize) -> bool {
        self.below(1_000) < permille
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A number of microseconds up to this.
    pub fn up_to(&mut self, micros: i64) -> i64 {
        (self.next() % micros.max(1).cast_unsigned()).cast_signed()
    }

    pub fn id(&mut self) -> String {
        let random = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(random.to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// An id that sorts by a time, as the server gives them.
    pub fn id_at(&mut self, micros: i64) -> String {
        let millis = (micros / 1_000).cast_unsigned();
        let random = (u128::from(self.next()) << 64) | u128::from(self.next());
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&random.to_be_bytes()[6..]);
        Uuid::from_bytes(
            *uuid::Builder::from_unix_timestamp_millis(millis, &bytes)
                .as_uuid()
                .as_bytes(),
        )
        .to_string()
    }
}
