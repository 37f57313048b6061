//! Connected devices and what is pushed to them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use moat_model::{
    DeviceId,
    sync::{Command, Push},
};
use tokio::sync::{mpsc, watch};

/// Pushes waiting for one slow device before its connection is dropped; it catches up when it reconnects.
const QUEUE: usize = 16;

/// One push connection per device; a newer connection replaces the older.
pub struct Hub {
    devices: Mutex<HashMap<DeviceId, (u64, mpsc::Sender<Push>)>>,
    next: std::sync::atomic::AtomicU64,
    /// Newest policy revision: what a bundle fetched now would carry.
    revision: watch::Sender<u64>,
    /// Grows with every change that a console page may show.
    changes: watch::Sender<u64>,
}

impl Hub {
    pub fn new(revision: u64) -> Self {
        Self {
            devices: Mutex::default(),
            next: 1.into(),
            revision: watch::Sender::new(revision),
            changes: watch::Sender::new(0),
        }
    }

    /// Registers a connection. `leave` must be called with the returned number when it ends.
    pub fn join(&self, device: DeviceId) -> (u64, mpsc::Receiver<Push>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let connection = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.lock().insert(device, (connection, sender));
        self.changed();
        (connection, receiver)
    }

    pub fn leave(&self, device: DeviceId, connection: u64) {
        let mut devices = self.lock();
        if devices.get(&device).is_some_and(|(current, _)| *current == connection) {
            devices.remove(&device);
            drop(devices);
            self.changed();
        }
    }

    /// Ends a device's connection, as revocation demands.
    pub fn disconnect(&self, device: DeviceId) {
        self.lock().remove(&device);
        self.changed();
    }

    pub fn is_connected(&self, device: DeviceId) -> bool {
        self.lock().contains_key(&device)
    }

    pub fn connected(&self) -> usize {
        self.lock().len()
    }

    /// Ends every connection, for a stop.
    pub fn close(&self) {
        self.lock().clear();
        self.changed();
    }

    /// Sends a command; false when the device is not connected (it gets the command at its next check-in).
    pub fn command(&self, device: DeviceId, command: Command) -> bool {
        let mut devices = self.lock();
        let Some((_, sender)) = devices.get(&device) else {
            return false;
        };
        let sent = sender.try_send(Push::Command { command }).is_ok();
        if !sent {
            devices.remove(&device);
        }
        sent
    }

    /// Tells every connected device that there is a newer bundle.
    pub fn set_revision(&self, revision: u64) {
        self.revision.send_if_modified(|current| {
            let newer = revision > *current;
            *current = revision.max(*current);
            newer
        });
        self.changed();
    }

    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Tells open console pages that something changed.
    pub fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, (u64, mpsc::Sender<Push>)>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
