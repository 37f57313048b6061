//! Events on their way to the server: an append-only file that survives `kill -9` at any byte.
//!
//! Each frame is a length, a CRC-32 and JSON. The first frame of a file carries the counters; entries follow, and what was
//! dropped. An event counts as recorded when its frame is on disk. When the outbox is full, the oldest audit entries go
//! first and are counted.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::{Context as _, Result};
use moat_model::{
    OrderId, Timestamp,
    sync::{DeviceEvent, OutboxEntry},
};
use serde::{Deserialize, Serialize};

use crate::data_folder::{DataFolder, OUTBOX};

/// Entries that wait at most, and their bytes.
pub const MAX_ENTRIES: usize = 10_000;
const MAX_BYTES: u64 = 16 << 20;
/// Largest entry that is taken.
const MAX_FRAME: usize = 1 << 20;
/// Bytes without use that the file may carry beside as many in use, before it is written anew.
const SLACK: u64 = 256 << 10;

pub struct Outbox {
    data: DataFolder,
    file: File,
    entries: VecDeque<(OutboxEntry, u64)>,
    counters: Counters,
    /// Bytes of the entries that wait, of the file, and the most that `entries` may have.
    live: u64,
    length: u64,
    limit: u64,
    /// Events that could not be stored, and are not in the counters on disk yet.
    lost: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Counters {
    next_seq: u64,
    dropped: u64,
}

/// A frame behind the first.
#[derive(Deserialize)]
#[serde(untagged)]
enum Frame {
    Entry(OutboxEntry),
    /// `removed` was dropped to make room.
    Dropped {
        #[serde(flatten)]
        counters: Counters,
        removed: Option<u64>,
    },
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
            tracing::warn!(
                lost = bytes.len() as u64 - length,
                "the outbox was damaged; its end is lost"
            );
        }
        // Numbers are never used twice, whatever became of this file: damaged, removed, or put back from an older copy.
        let clock = u64::try_from(crate::clock::wall().as_micros()).unwrap_or(1);
        counters.next_seq = counters.next_seq.max(clock).max(1);
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let mut outbox = Self {
            data: data.clone(),
            file,
            live: entries.iter().map(|(_, bytes)| bytes).sum(),
            entries,
            counters,
            length,
            limit: MAX_BYTES,
            lost: 0,
        };
        if length == 0 {
            outbox.rewrite()?;
        }
        Ok(outbox)
    }

    /// Records an event. When this returns, the event survives a crash.
    pub fn push(&mut self, time: Timestamp, event: DeviceEvent) -> Result<()> {
        let stored = self.store(time, event);
        self.lost += u64::from(stored.is_err());
        stored
    }

    fn store(&mut self, time: Timestamp, event: DeviceEvent) -> Result<()> {
        let entry = OutboxEntry {
            seq: self.counters.next_seq,
            time,
            event,
        };
        let entry_frame = frame(&entry)?;
        anyhow::ensure!(
            entry_frame.len() <= MAX_FRAME,
            "an event of {} bytes is too large to be recorded",
            entry_frame.len()
        );
        let bytes = entry_frame.len() as u64;
        let (mut frames, removed) = self.room_for(bytes)?;
        frames.extend(entry_frame);
        self.append(&frames)?;
        // Only now: what could not be written changes nothing.
        for seq in removed {
            self.remove(seq);
            self.counters.dropped += 1;
        }
        self.counters.dropped += std::mem::take(&mut self.lost);
        self.counters.next_seq += 1;
        self.live += bytes;
        self.entries.push_back((entry, bytes));
        self.compact_if_worth();
        Ok(())
    }

    /// The oldest entries, at most `limit` and about `bytes` of them, but one at least.
    pub fn peek(&self, limit: usize, bytes: u64) -> Vec<OutboxEntry> {
        let mut sum = 0;
        let fitting = self.entries.iter().take(limit).take_while(|(_, length)| {
            let first = sum == 0;
            sum += length;
            first || sum <= bytes
        });
        fitting.map(|(entry, _)| entry.clone()).collect()
    }

    /// Whether the answer to an order waits here.
    pub fn has_answer(&self, order: OrderId) -> bool {
        let answers = |event: &DeviceEvent| matches!(event, DeviceEvent::OrderDone { id, .. } if *id == order);
        self.entries.iter().any(|(entry, _)| answers(&entry.event))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Events since enrolment that will not reach the server: dropped because the outbox was full, or never stored.
    pub fn dropped(&self) -> u64 {
        self.counters.dropped + self.lost
    }

    /// Whether it can be written, after it could not; what was lost meanwhile is counted on disk.
    pub fn try_again(&mut self) -> Result<()> {
        let counters = Counters {
            dropped: self.dropped(),
            ..self.counters
        };
        self.append(&dropped_frame(counters, None)?)?;
        self.counters = counters;
        self.lost = 0;
        Ok(())
    }

    /// Drops an entry that the server does not take, and counts it.
    pub fn drop_refused(&mut self, seq: u64) -> Result<()> {
        let counters = Counters {
            dropped: self.counters.dropped + 1,
            ..self.counters
        };
        self.append(&dropped_frame(counters, Some(seq))?)?;
        self.counters = counters;
        self.remove(seq);
        self.compact_if_worth();
        Ok(())
    }

    /// Forgets what the server has. If the file cannot be written now, entries are sent again later and the server skips them.
    pub fn acknowledge(&mut self, up_to: u64) -> Result<()> {
        if up_to >= self.counters.next_seq {
            return self.renumber(up_to);
        }
        let before = self.entries.len();
        while self.entries.front().is_some_and(|(entry, _)| entry.seq <= up_to) {
            if let Some((_, bytes)) = self.entries.pop_front() {
                self.live -= bytes;
            }
        }
        if before == self.entries.len() {
            Ok(())
        } else if self.entries.is_empty() {
            self.rewrite()
        } else {
            self.compact_if_worth();
            Ok(())
        }
    }

    /// The server knows numbers beyond ours, so it has skipped all that waits here: the clock was wrong when they were given.
    fn renumber(&mut self, up_to: u64) -> Result<()> {
        let first = up_to.saturating_add(1);
        for (seq, (entry, _)) in (first..).zip(&mut self.entries) {
            entry.seq = seq;
        }
        self.counters.next_seq = first.saturating_add(self.entries.len() as u64);
        self.rewrite()
    }

    /// What makes room for an entry of `bytes`: frames that say so, and the numbers that go. The oldest audit entries go
    /// first, then the oldest.
    fn room_for(&self, bytes: u64) -> Result<(Vec<u8>, Vec<u64>)> {
        let (mut count, mut live) = (self.entries.len(), self.live);
        let (mut frames, mut removed) = (Vec::new(), Vec::new());
        if self.lost > 0 {
            let counters = Counters {
                dropped: self.dropped(),
                ..self.counters
            };
            frames.extend(dropped_frame(counters, None)?);
        }
        let audit = self.entries.iter().filter(|(entry, _)| entry.event.is_audit());
        let others = self.entries.iter().filter(|(entry, _)| !entry.event.is_audit());
        let mut next = audit.chain(others);
        while count >= MAX_ENTRIES || live + bytes > self.limit {
            let Some((entry, length)) = next.next() else { break };
            removed.push(entry.seq);
            let counters = Counters {
                dropped: self.dropped() + removed.len() as u64,
                ..self.counters
            };
            frames.extend(dropped_frame(counters, Some(entry.seq))?);
            count -= 1;
            live -= length;
        }
        Ok((frames, removed))
    }

    fn remove(&mut self, seq: u64) {
        let at = self.entries.iter().position(|(entry, _)| entry.seq == seq);
        if let Some((_, bytes)) = at.and_then(|at| self.entries.remove(at)) {
            self.live -= bytes;
        }
    }

    fn append(&mut self, frames: &[u8]) -> Result<()> {
        let written = self.file.write_all(frames).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a frame must not hide the next one.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(error).context("cannot record an event: is the disk full?");
        }
        self.length += frames.len() as u64;
        Ok(())
    }

    /// Each writing anew is paid for by as many bytes that were appended: a backlog costs no more than it is long.
    fn compact_if_worth(&mut self) {
        if self.length > 2 * self.live + SLACK
            && let Err(error) = self.rewrite()
        {
            tracing::warn!(error = format!("{error:#}"), "the outbox could not be made smaller");
        }
    }

    fn rewrite(&mut self) -> Result<()> {
        let mut bytes = frame(&self.counters)?;
        for (entry, _) in &self.entries {
            bytes.extend(frame(entry)?);
        }
        let written = self.data.write(OUTBOX, &bytes);
        // Which of the two files is there now, if the folder itself could not be synced?
        let file = OpenOptions::new().append(true).open(self.data.path(OUTBOX))?;
        if written.is_ok() || file.metadata()?.len() == bytes.len() as u64 {
            self.file = file;
            self.length = bytes.len() as u64;
        }
        written
    }
}

fn dropped_frame(counters: Counters, removed: Option<u64>) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Dropped {
        #[serde(flatten)]
        counters: Counters,
        removed: Option<u64>,
    }
    frame(&Dropped { counters, removed })
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
fn recover(bytes: &[u8]) -> (Counters, VecDeque<(OutboxEntry, u64)>, u64) {
    let (mut counters, mut entries, mut at) = (Counters::default(), VecDeque::new(), 0);
    while let Some(json) = next_frame(bytes.get(at..).unwrap_or_default()) {
        let length = 8 + json.len();
        if at == 0 {
            let Ok(read) = serde_json::from_slice(json) else { break };
            counters = read;
        } else {
            match serde_json::from_slice(json) {
                Ok(Frame::Entry(entry)) => {
                    counters.next_seq = counters.next_seq.max(entry.seq + 1);
                    entries.push_back((entry, length as u64));
                }
                Ok(Frame::Dropped {
                    counters: read,
                    removed,
                }) => {
                    counters.dropped = read.dropped;
                    counters.next_seq = counters.next_seq.max(read.next_seq);
                    // One by one as they were dropped: near the front, unless audit entries went first.
                    let gone = entries.iter().position(|(entry, _)| Some(entry.seq) == removed);
                    gone.and_then(|at| entries.remove(at));
                }
                Err(_) => break,
            }
        }
        at += length;
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
        let written = outbox.peek(10, u64::MAX);
        let bytes = std::fs::read(data.path(OUTBOX)).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            std::fs::write(data.path(OUTBOX), &changed).unwrap();
            let read = Outbox::open(&data).unwrap().peek(10, u64::MAX);
            assert!(read.iter().all(|entry| written.contains(entry)), "byte {at}");
        }
    }

    fn numbers(outbox: &Outbox) -> Vec<u64> {
        let entries = outbox.peek(usize::MAX, u64::MAX);
        entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn numbers_are_never_used_twice() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        outbox.push(NOW, report(1)).unwrap();
        let older = std::fs::read(data.path(OUTBOX)).unwrap();
        outbox.push(NOW, report(2)).unwrap();
        outbox.push(NOW, report(3)).unwrap();
        let last = numbers(&outbox)[2];
        outbox.acknowledge(last).unwrap();
        assert!(outbox.is_empty());
        for file in [Some(std::fs::read(data.path(OUTBOX)).unwrap()), Some(older), None] {
            match file {
                Some(bytes) => std::fs::write(data.path(OUTBOX), bytes).unwrap(),
                None => std::fs::remove_file(data.path(OUTBOX)).unwrap(),
            }
            let mut outbox = Outbox::open(&data).unwrap();
            outbox.push(NOW, report(4)).unwrap();
            assert!(*numbers(&outbox).last().unwrap() > last);
        }
    }

    #[test]
    fn what_the_server_skipped_is_sent_under_new_numbers() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        (1..=3).for_each(|n| outbox.push(NOW, report(n)).unwrap());
        let ahead = numbers(&outbox)[2] + 1_000_000_000_000;
        outbox.acknowledge(ahead).unwrap();
        assert_eq!(numbers(&outbox), [ahead + 1, ahead + 2, ahead + 3]);
        assert_eq!(
            numbers(&Outbox::open(&data).unwrap()),
            [ahead + 1, ahead + 2, ahead + 3]
        );
    }

    #[test]
    fn when_full_the_oldest_audit_entry_goes_first_and_is_counted_on_disk() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        (1..=3).for_each(|n| outbox.push(NOW, report(n)).unwrap());
        outbox.push(NOW, audit()).unwrap();
        outbox.limit = outbox.live;
        outbox.push(NOW, audit()).unwrap();
        outbox.push(NOW, report(5)).unwrap();
        let waiting = numbers(&outbox);
        assert!(outbox.entries.iter().all(|(entry, _)| !entry.event.is_audit()));
        assert_eq!((waiting.len(), outbox.dropped()), (3, 3));
        let read = Outbox::open(&data).unwrap();
        assert_eq!((numbers(&read), read.dropped()), (waiting, 3));
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_and_never_empty() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        (1..=5).for_each(|n| outbox.push(NOW, report(n)).unwrap());
        let one = outbox.entries[0].1;
        assert_eq!(outbox.peek(10, 3 * one).len(), 3);
        assert_eq!(outbox.peek(2, 3 * one).len(), 2);
        assert_eq!(outbox.peek(10, 1).len(), 1);
    }

    #[test]
    fn an_event_that_is_too_large_is_refused_and_counted() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        let large = DeviceEvent::BundleRefused {
            reason: "x".repeat(MAX_FRAME),
        };
        assert!(outbox.push(NOW, large).is_err());
        outbox.push(NOW, report(1)).unwrap();
        let read = Outbox::open(&data).unwrap();
        assert_eq!((read.len(), read.dropped()), (1, 1));
    }

    #[test]
    fn a_full_disk_stores_nothing_forgets_nothing_and_is_counted() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        outbox.push(NOW, report(1)).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let file = std::mem::replace(&mut outbox.file, full);
        (2..=3).for_each(|n| assert!(outbox.push(NOW, report(n)).is_err()));
        assert!(outbox.try_again().is_err());
        assert_eq!((outbox.len(), outbox.dropped()), (1, 2));
        outbox.file = file;
        outbox.try_again().unwrap();
        outbox.push(NOW, report(4)).unwrap();
        let read = Outbox::open(&data).unwrap();
        assert_eq!((numbers(&read), read.dropped()), (numbers(&outbox), 2));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn a_refused_entry_is_dropped_and_counted() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        (1..=3).for_each(|n| outbox.push(NOW, report(n)).unwrap());
        let first = numbers(&outbox)[0];
        outbox.drop_refused(first).unwrap();
        let read = Outbox::open(&data).unwrap();
        assert_eq!((numbers(&read), read.dropped()), (vec![first + 1, first + 2], 1));
    }

    #[test]
    fn a_backlog_is_not_written_anew_with_every_acknowledgement() {
        let (_dir, data) = folder();
        let mut outbox = Outbox::open(&data).unwrap();
        let long = |n: u64| DeviceEvent::SiteReported {
            url: format!("https://{n}.example/"),
            comment: "x".repeat(4000),
            report: ReportKind::Unsafe,
        };
        (1..=500).for_each(|n| outbox.push(NOW, long(n)).unwrap());
        let (mut rewrites, mut length) = (0, outbox.length);
        for seq in numbers(&outbox).into_iter().take(499) {
            outbox.acknowledge(seq).unwrap();
            rewrites += u32::from(outbox.length != length);
            length = outbox.length;
        }
        assert!(rewrites <= 5, "{rewrites}");
        assert!(outbox.length <= 2 * outbox.live + SLACK);
    }
}
