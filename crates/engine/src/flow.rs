use std::{collections::HashMap, hash::BuildHasher, net::SocketAddr};

use siphasher::sip::SipHasher13;

/// Names a flow to the driver. A number is never used twice: the generation tells a flow from one that had its slot before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    pub slot: u32,
    pub generation: u32,
}

/// Source and destination, as the application's packets have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    pub source: SocketAddr,
    pub destination: SocketAddr,
}

/// Hashes keys with the engine's seed, so that nobody outside can prepare collisions.
#[derive(Clone)]
pub struct KeyedState(u64);

impl BuildHasher for KeyedState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, !self.0)
    }
}

/// Flows by number and by key.
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    by_key: HashMap<FlowKey, u32, KeyedState>,
    /// Set in the slot numbers, so that numbers of two tables differ.
    tag: u32,
}

struct Slot<T> {
    generation: u32,
    content: Option<(FlowKey, T)>,
}

impl<T> Table<T> {
    pub fn new(seed: u64, tag: u32) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::with_hasher(KeyedState(seed)),
            tag,
        }
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn insert(&mut self, key: FlowKey, content: T) -> FlowId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                content: None,
            });
            (self.slots.len() - 1) as u32
        });
        self.by_key.insert(key, slot);
        let Some(entry) = self.slots.get_mut(slot as usize) else {
            return FlowId { slot, generation: 0 };
        };
        entry.generation = entry.generation.wrapping_add(1);
        entry.content = Some((key, content));
        FlowId {
            slot: slot | self.tag,
            generation: entry.generation,
        }
    }

    pub fn find(&self, key: &FlowKey) -> Option<FlowId> {
        let slot = *self.by_key.get(key)?;
        let generation = self.slots.get(slot as usize)?.generation;
        Some(FlowId {
            slot: slot | self.tag,
            generation,
        })
    }

    pub fn get(&self, id: FlowId) -> Option<&T> {
        self.entry(id)?.content.as_ref().map(|(_, content)| content)
    }

    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut T> {
        let index = self.index(id)?;
        let slot = self
            .slots
            .get_mut(index)
            .filter(|slot| slot.generation == id.generation)?;
        slot.content.as_mut().map(|(_, content)| content)
    }

    pub fn remove(&mut self, id: FlowId) -> Option<T> {
        let index = self.index(id)?;
        let slot = self
            .slots
            .get_mut(index)
            .filter(|slot| slot.generation == id.generation)?;
        let (key, content) = slot.content.take()?;
        self.by_key.remove(&key);
        self.free.push(index as u32);
        Some(content)
    }

    pub fn ids(&self) -> impl Iterator<Item = FlowId> + '_ {
        let used = self.slots.iter().enumerate().filter(|(_, slot)| slot.content.is_some());
        used.map(|(slot, entry)| FlowId {
            slot: slot as u32 | self.tag,
            generation: entry.generation,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &T)> {
        self.ids().filter_map(|id| self.get(id).map(|content| (id, content)))
    }

    fn entry(&self, id: FlowId) -> Option<&Slot<T>> {
        self.slots
            .get(self.index(id)?)
            .filter(|slot| slot.generation == id.generation)
    }

    fn index(&self, id: FlowId) -> Option<usize> {
        (id.slot & TAG == self.tag).then_some((id.slot & !TAG) as usize)
    }
}

/// Marks the slot numbers of datagram flows.
pub const TAG: u32 = 1 << 31;
