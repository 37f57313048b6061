//! Buffers and the byte budget that all flows share.

/// Bytes that the engine may hold for all flows together.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: usize,
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    pub fn used(&self) -> usize {
        self.used
    }

    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.used)
    }

    /// Bytes left for rings. A quarter stays with what the applications send, so that downloads never starve uploads.
    fn left_for_rings(&self) -> usize {
        self.left().saturating_sub(self.limit / 4)
    }

    /// Whether a flow that asks for a ring would get one.
    pub fn has_ring(&self) -> bool {
        self.left_for_rings() >= SIZES[2]
    }

    fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left_for_rings();
        if fits {
            self.used += bytes;
        }
        fits
    }

    pub fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Takes bytes that must be held whatever the limit: what the application already sent.
    pub fn charge(&mut self, bytes: usize) {
        self.used += bytes;
    }
}

/// Ring sizes: full when there is room for all, smaller under pressure.
const SIZES: [usize; 3] = [256 << 10, 64 << 10, 16 << 10];

/// Bytes on their way to the application, kept until it acknowledged them.
#[derive(Debug)]
pub struct Ring {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Ring {
    /// Allocates as much as the budget allows.
    pub fn allocate(budget: &mut Budget, spare: &mut Vec<Vec<u8>>) -> Option<Self> {
        let half_left = budget.left() * 2 >= budget.limit;
        let sizes = if half_left {
            SIZES.as_slice()
        } else {
            SIZES.get(1..).unwrap_or_default()
        };
        let size = *sizes.iter().find(|size| budget.take(**size))?;
        let reused = spare
            .iter()
            .position(|bytes| bytes.len() == size)
            .map(|at| spare.swap_remove(at));
        Some(Self {
            bytes: reused.unwrap_or_else(|| vec![0; size]),
            start: 0,
            len: 0,
        })
    }

    /// Gives the bytes back; a few full rings are kept for the next flow.
    pub fn release(self, budget: &mut Budget, spare: &mut Vec<Vec<u8>>) {
        budget.give_back(self.bytes.len());
        if self.bytes.len() == SIZES[0] && spare.len() < 2 {
            spare.push(self.bytes);
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn room(&self) -> usize {
        self.bytes.len() - self.len
    }

    /// Contiguous room behind the content, at most `limit` bytes.
    pub fn space(&mut self, limit: usize) -> &mut [u8] {
        let size = self.bytes.len();
        let end = (self.start + self.len) % size;
        let contiguous = if end < self.start || (end == self.start && self.len > 0) {
            self.start - end
        } else {
            size - end
        };
        let contiguous = contiguous.min(self.room()).min(limit);
        self.bytes.get_mut(end..end + contiguous).unwrap_or_default()
    }

    /// Takes in what was written to [`Self::space`].
    pub fn commit(&mut self, n: usize) {
        self.len += n.min(self.room());
    }

    /// Appends bytes; gives how many fitted.
    pub fn append(&mut self, mut bytes: &[u8]) -> usize {
        let mut taken = 0;
        while !bytes.is_empty() {
            let space = self.space(bytes.len());
            let n = space.len();
            let Some((now, later)) = bytes.split_at_checked(n) else {
                break;
            };
            if n == 0 {
                break;
            }
            space.copy_from_slice(now);
            self.commit(n);
            taken += n;
            bytes = later;
        }
        taken
    }

    /// `n` bytes from `offset` behind the start, in at most two parts.
    pub fn slices(&self, offset: usize, n: usize) -> [&[u8]; 2] {
        let size = self.bytes.len();
        let from = (self.start + offset) % size;
        let first = n.min(size - from);
        [
            self.bytes.get(from..from + first).unwrap_or_default(),
            self.bytes.get(..n - first).unwrap_or_default(),
        ]
    }

    /// Drops `n` bytes from the front.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.len);
        self.start = (self.start + n) % self.bytes.len();
        self.len -= n;
    }
}

/// Bytes on their way to the network: appended behind, taken from the front.
#[derive(Debug, Default)]
pub struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub fn append(&mut self, bytes: &[u8], budget: &mut Budget) {
        if self.start > 0 && self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        budget.charge(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub fn consume(&mut self, n: usize, budget: &mut Budget) {
        let n = n.min(self.len());
        budget.give_back(n);
        self.start += n;
        if self.start == self.bytes.len() {
            self.start = 0;
            // An idle flow holds no buffer.
            self.bytes = Vec::new();
        }
    }

    /// Takes out bytes from the middle, as when a blocked question is not sent on.
    pub fn cut(&mut self, from: usize, n: usize, budget: &mut Budget) {
        let from = self.start + from;
        let to = (from + n).min(self.bytes.len());
        if from < to {
            self.bytes.drain(from..to);
            budget.give_back(to - from);
        }
    }

    pub fn clear(&mut self, budget: &mut Budget) {
        self.consume(self.len(), budget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ring_is_a_queue(steps in prop::collection::vec((0usize..9_000, 0usize..9_000), 1..60)) {
            let mut budget = Budget::new(24 << 10);
            let mut ring = Ring::allocate(&mut budget, &mut Vec::new()).unwrap();
            let (mut model, mut next) = (std::collections::VecDeque::new(), 0u8);
            for (add, take) in steps {
                let bytes: Vec<u8> = (0..add).map(|_| { next = next.wrapping_add(1); next }).collect();
                let taken = ring.append(&bytes);
                next = next.wrapping_sub((add - taken) as u8);
                model.extend(&bytes[..taken]);
                prop_assert_eq!(ring.len(), model.len());
                let slices = ring.slices(0, ring.len()).concat();
                prop_assert_eq!(slices, model.iter().copied().collect::<Vec<u8>>());
                let take = take.min(ring.len());
                ring.consume(take);
                model.drain(..take);
            }
            ring.release(&mut budget, &mut Vec::new());
            prop_assert_eq!(budget.used(), 0);
        }
    }
}
