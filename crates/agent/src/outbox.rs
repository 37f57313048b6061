//! Events on their way to the server: an append-only file that survives `kill -9` at any byte.
//!
//! Each frame is a length, a CRC-32 and JSON. The first frame of a file carries the counters; entries follow. An event
//! counts as recorded when its frame is on disk. When the outbox is full, the oldest audit entries go first and are counted.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::{Context as _, Result};
use moat_model::{
    Timestamp,
    sync::{DeviceEvent, OutboxEntry},
};
use serde::{Deserialize, Serialize};

use crate::data_folder::{DataFolder, OUTBOX};

/// Entries that wait at most.
pub const MAX_ENTRIES: usize = 10_000;
const MAX_FRAME: usize = 1 << 20;
/// Bytes of acknowledged entries that the file may carry before it is written anew.
const SLACK: u64 = 256 << 10;
/// Length at which the file is written anew even while nothing is acknowledged.
const MAX_BYTES: u64 = 16 << 20;

pub struct Outbox {
    data: DataFolder,
    file: File,
    entries: VecDeque<OutboxEntry>,
    counters: Counters,
    /// Length of the file, and how much of it is acknowledged entries.
    length: u64,
    stale: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Counters {
    next_seq: u64,
    dropped: u64,
}

impl Outbox {
    /// Opens the outbox; what a crash left half-written is cut off.
    pub fn open(data: &DataFolder) -> Result<Self> {
        let path = data.path(OUTBOX);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (mut counters, entries, length) = recover(&bytes);
        if length < bytes.len() as u64 {
            // What was behind the damage may have used numbers that the server knows: go on above all of them.
            tracing::warn!(
                lost = bytes.len() as u64 - length,
                "the outbox was damaged; its end is lost"
            );
            let clock = u64::try_from(crate::clock::wall().as_micros()).unwrap_or(1);
            counters.next_seq = counters.next_seq.max(clock);
        }
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let mut outbox = Self {
            data: data.clone(),
            file,
            entries,
            counters,
            length,
            stale: 0,
        };
        if length == 0 {
            outbox.rewrite()?;
        }
        Ok(outbox)
    }

    /// Records an event. When this returns, the event survives a crash.
    pub fn push(&mut self, time: Timestamp, event: DeviceEvent) -> Result<()> {
        if self.entries.len() >= MAX_ENTRIES {
            self.make_room();
        }
        let entry = OutboxEntry {
            seq: self.counters.next_seq,
            time,
            event,
        };
        let frame = frame(&entry)?;
        let written = self.file.write_all(&frame).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a frame must not hide the next one.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(error).context("cannot record an event: is the disk full?");
        }
        self.length += frame.len() as u64;
        self.counters.next_seq += 1;
        self.entries.push_back(entry);
        if self.length > MAX_BYTES {
            self.rewrite()
        } else {
            Ok(())
        }
    }

    /// The oldest entries, at most `limit`.
    pub fn peek(&self, limit: usize) -> Vec<OutboxEntry> {
        self.entries.iter().take(limit).cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries dropped since enrolment because the outbox was full.
    pub fn dropped(&self) -> u64 {
        self.counters.dropped
    }

    /// Forgets what the server has. If the file cannot be written now, entries are sent again later and the server skips them.
    pub fn acknowledge(&mut self, up_to: u64) -> Result<()> {
        let before = self.entries.len();
        while self.entries.front().is_some_and(|entry| entry.seq <= up_to) {
            self.entries.pop_front();
        }
        // The server knows numbers beyond ours: this folder is older than what it has. Numbers are never used twice.
        self.counters.next_seq = self.counters.next_seq.max(up_to.saturating_add(1));
        if before == self.entries.len() {
            return Ok(());
        }
        self.stale = self.length;
        if self.entries.is_empty() || self.stale > SLACK {
            self.rewrite()
        } else {
            Ok(())
        }
    }

    fn make_room(&mut self) {
        let audit = self.entries.iter().position(|entry| entry.event.is_audit());
        self.entries.remove(audit.unwrap_or(0));
        self.counters.dropped += 1;
    }

    fn rewrite(&mut self) -> Result<()> {
        self.counters.next_seq = self.counters.next_seq.max(1);
        let mut bytes = frame(&self.counters)?;
        for entry in &self.entries {
            bytes.extend(frame(entry)?);
        }
        self.data.write(OUTBOX, &bytes)?;
        self.file = OpenOptions::new().append(true).open(self.data.path(OUTBOX))?;
        self.length = bytes.len() as u64;
        self.stale = 0;
        Ok(())
    }
}

fn frame(value: &impl Serialize) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value)?;
    let mut frame = Vec::with_capacity(8 + json.len());
    frame.extend(u32::try_from(json.len())?.to_le_bytes());
    frame.extend(crc32fast::hash(&json).to_le_bytes());
    frame.extend(json);
    Ok(frame)
}

/// Reads frames until the first that is not whole; gives where it starts.
fn recover(bytes: &[u8]) -> (Counters, VecDeque<OutboxEntry>, u64) {
    let (mut counters, mut entries, mut at) = (Counters::default(), VecDeque::new(), 0);
    while let Some(json) = next_frame(bytes.get(at..).unwrap_or_default()) {
        if at == 0 {
            let Ok(read) = serde_json::from_slice(json) else { break };
            counters = read;
        } else {
            let Ok(entry) = serde_json::from_slice::<OutboxEntry>(json) else {
                break;
            };
            counters.next_seq = counters.next_seq.max(entry.seq + 1);
            entries.push_back(entry);
        }
        at += 8 + json.len();
    }
    (counters, entries, at as u64)
}

fn next_frame(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length))
        .ok()
        .filter(|length| *length <= MAX_FRAME)?;
    rest.get(..length)
        .filter(|json| crc32fast::hash(json) == u32::from_le_bytes(*checksum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_model::{Action, IndicatorId, sync::ReportKind};

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataFolder::create(dir.path()).unwrap();
        (dir, data)
    }

    fn report(n: u64) -> DeviceEvent {
        DeviceEvent::SiteReported {
            url: format!("https://{n}.example/"),
            comment: String::new(),
            report: ReportKind::Unsafe,
        }
    }

    fn audit() -> DeviceEvent {
        DeviceEvent::WebThreat {
            indicator: IndicatorId(1),
            action: Action::Audit,
            site: None,
            count: 1,
        }
    }

    const NOW: Timestamp = Timestamp::from_micros(1);

    #[test]
    fn a_crash_at_any_byte_loses_only_what_was_not_recorded() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        let mut ends = Vec::new();
        for n in 1..=4 {
            outbox.push(NOW, report(n)).unwrap();
            ends.push(outbox.length as usize);
        }
        let bytes = std::fs::read(data.path(OUTBOX)).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(data.path(OUTBOX), &bytes[..cut]).unwrap();
            let mut outbox = Outbox::open(&data).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(outbox.len(), whole, "cut at {cut}");
            outbox.push(NOW, report(9)).unwrap();
            assert_eq!(Outbox::open(&data).unwrap().len(), whole + 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_byte_never_makes_an_event_up() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        (1..=3).for_each(|n| outbox.push(NOW, report(n)).unwrap());
        let written = outbox.peek(10);
        let bytes = std::fs::read(data.path(OUTBOX)).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            std::fs::write(data.path(OUTBOX), &changed).unwrap();
            let read = Outbox::open(&data).unwrap().peek(10);
            assert!(read.iter().all(|entry| written.contains(entry)), "byte {at}");
        }
    }

    #[test]
    fn numbers_go_on_after_everything_was_acknowledged() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        (1..=3).for_each(|n| outbox.push(NOW, report(n)).unwrap());
        outbox.acknowledge(3).unwrap();
        assert!(outbox.is_empty());
        let mut outbox = Outbox::open(&data).unwrap();
        outbox.push(NOW, report(4)).unwrap();
        assert_eq!(outbox.peek(1)[0].seq, 4);
        outbox.acknowledge(100).unwrap();
        outbox.push(NOW, report(5)).unwrap();
        assert_eq!(outbox.peek(1)[0].seq, 101);
    }

    #[test]
    fn when_full_the_oldest_audit_entry_goes_first() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        outbox.entries.extend((0..MAX_ENTRIES as u64 - 1).map(|n| OutboxEntry {
            seq: n + 1,
            time: NOW,
            event: report(n),
        }));
        outbox.counters.next_seq = MAX_ENTRIES as u64;
        outbox.push(NOW, audit()).unwrap();
        outbox.push(NOW, report(1)).unwrap();
        assert_eq!((outbox.len(), outbox.dropped()), (MAX_ENTRIES, 1));
        assert!(outbox.entries.iter().all(|entry| !entry.event.is_audit()));
        outbox.push(NOW, report(2)).unwrap();
        assert_eq!((outbox.entries[0].seq, outbox.dropped()), (2, 2));
    }
}
