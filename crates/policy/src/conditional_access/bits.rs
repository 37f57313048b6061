/// Most policies that are evaluated together, report-only ones among them. Entra allows 240.
pub const MAX_POLICIES: usize = 1024;

/// A set of policies by their position, on the stack: a decision makes some twenty of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits([u64; MAX_POLICIES / 64]);

impl Bits {
    pub(super) const NONE: Self = Self([0; MAX_POLICIES / 64]);

    /// Positions from `MAX_POLICIES` on are ignored.
    pub(super) fn insert(&mut self, position: usize) {
        if let Some(word) = self.0.get_mut(position / 64) {
            *word |= 1 << (position % 64);
        }
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        self.0
            .get(position / 64)
            .is_some_and(|word| word & (1 << (position % 64)) != 0)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    pub(super) fn remove(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(word, other)| *word &= !other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_and_go() {
        let (mut some, mut last) = (Bits::NONE, Bits::NONE);
        some.insert(0);
        some.insert(64);
        last.insert(MAX_POLICIES - 1);
        some.add(&last);
        let held: Vec<usize> = (0..MAX_POLICIES).filter(|position| some.contains(*position)).collect();
        assert_eq!(held, [0, 64, MAX_POLICIES - 1]);
        some.remove(&last);
        assert!(!some.contains(MAX_POLICIES - 1) && some.contains(64));
        some.insert(MAX_POLICIES);
        assert!(!some.contains(MAX_POLICIES));
    }
}
