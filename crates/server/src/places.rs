//! Places for connections: each takes a file descriptor, and a listener that took them all would stop everything else.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::rate_limit::address_key;

/// Descriptors asked of the system at most; hard limits may be without end.
const MOST_FILES: u64 = 1 << 20;
/// Connections of one listener at most.
const MOST: usize = 60_000;
/// Connections of one address at most.
const MOST_OF_ADDRESS: usize = 1024;

/// How many connections each listener may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    pub main: usize,
    pub device: usize,
}

impl Shares {
    /// Raises the limit on open files as far as the system allows, and shares out what it is then.
    pub fn of_this_process() -> Self {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
        let wanted = hard.min(MOST_FILES).max(soft);
        let files = match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
            Ok(()) => wanted,
            Err(_) => soft,
        };
        Self::of(usize::try_from(files).unwrap_or(usize::MAX))
    }

    /// Some files stay free for the database, the admin socket and the rest. Of what is left devices get the larger part:
    /// each holds a connection for as long as it is there.
    fn of(files: usize) -> Self {
        let reserved = (files / 4).clamp(32, 256);
        let rest = files.saturating_sub(reserved).max(2);
        let main = (rest / 3).clamp(1, MOST);
        Self {
            main,
            device: (rest - main).min(MOST),
        }
    }
}

/// The places of one listener.
pub struct Places {
    slots: Arc<Semaphore>,
    of_address: usize,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

/// A taken place; free again when it is dropped.
pub struct Place {
    _slot: OwnedSemaphorePermit,
    _of_address: Option<OfAddress>,
}

impl Places {
    /// With a bound on what one address may hold.
    pub fn shared(places: usize) -> Self {
        Self::new(places, (places / 4).clamp(16, MOST_OF_ADDRESS))
    }

    /// For peers that showed who they are, many of which may share an address.
    pub fn open(places: usize) -> Self {
        Self::new(places, usize::MAX)
    }

    fn new(places: usize, of_address: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(places)),
            of_address,
            held: Arc::default(),
        }
    }

    /// Waits until a place is free. None when there will never be one again.
    pub async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        self.slots.clone().acquire_owned().await.ok()
    }

    /// Gives the place to a peer; none when its address has as many as it may.
    pub fn take(&self, slot: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let mut of_address = None;
        if self.of_address < usize::MAX {
            let address = address_key(peer);
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let count = held.entry(address.clone()).or_insert(0);
            if *count >= self.of_address {
                return None;
            }
            *count += 1;
            of_address = Some(OfAddress {
                address,
                held: self.held.clone(),
            });
        }
        Some(Place {
            _slot: slot,
            _of_address: of_address,
        })
    }
}

/// One of the places that an address holds.
struct OfAddress {
    address: String,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held.get(&self.address).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => held.remove(&self.address),
            left => held.insert(std::mem::take(&mut self.address), left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_everything_else() {
        for files in [64, 256, 1024, 4096, 1 << 20] {
            let shares = Shares::of(files);
            assert!(shares.main + shares.device + 32 <= files, "{files}: {shares:?}");
            assert!(shares.device >= shares.main && shares.main > 0, "{files}: {shares:?}");
        }
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_gives_it_back() {
        let places = Places::new(4, 2);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let take = async |text: &str| places.take(places.slot().await.unwrap(), address(text));
        let (first, second) = (take("192.0.2.1").await, take("192.0.2.1").await);
        assert!(first.is_some() && second.is_some());
        assert!(take("192.0.2.1").await.is_none());
        let other = take("192.0.2.2").await;
        assert!(other.is_some());
        drop(first);
        assert!(take("192.0.2.1").await.is_some());
        drop((second, other));
        assert!(places.held.lock().unwrap().is_empty());
        assert_eq!(places.slots.available_permits(), 4);
    }
}
