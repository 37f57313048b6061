//! The ledger: everything that left the device, for its user to read.

use std::{
    fs::OpenOptions,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::Result;
use moat_model::{
    DeviceInfo, Timestamp,
    sync::{DeviceState, OutboxEntry},
};
use serde::{Deserialize, Serialize};

use crate::data_folder::{DataFolder, LEDGER};

/// The ledger keeps its newest half when it grows past this.
const MAX_BYTES: u64 = 2 << 20;

/// One request that left the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub time: Timestamp,
    /// `enroll`, `check-in`, `renew`, `fetch bundle`, `push connection`.
    pub what: String,
    /// Of the request's body.
    pub bytes_sent: u64,
    /// Events that went along, word for word.
    pub events: Vec<OutboxEntry>,
    /// What else the device said, word for word. None at a check-in: the same as at the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What the device says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub device: DeviceInfo,
    pub state: Option<DeviceState>,
}

impl Entry {
    pub fn new(time: Timestamp, what: &str, bytes_sent: u64) -> Self {
        Self {
            time,
            what: what.into(),
            bytes_sent,
            events: Vec::new(),
            told: None,
        }
    }
}

impl Told {
    /// Of everything but the time, by which one is told from another.
    pub fn hash(&self) -> Result<u64> {
        let mut timeless = self.clone();
        if let Some(state) = &mut timeless.state {
            state.time = Timestamp::default();
        }
        let mut hasher = DefaultHasher::new();
        serde_json::to_vec(&timeless)?.hash(&mut hasher);
        Ok(hasher.finish())
    }
}

/// Adds a line. A ledger that cannot be written is said in the log; it stops nothing.
pub fn record(data: &DataFolder, entry: &Entry) {
    if let Err(error) = append(data, entry) {
        tracing::warn!(error = format!("{error:#}"), "cannot write the ledger");
    }
}

/// All entries, oldest first.
pub fn read(data: &DataFolder) -> Result<Vec<Entry>> {
    let text = match std::fs::read_to_string(data.path(LEDGER)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    // A crash may have left half a line.
    Ok(text.lines().filter_map(entry).collect())
}

fn append(data: &DataFolder, entry: &Entry) -> Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(data.path(LEDGER))?;
    file.write_all(&line)?;
    if file.metadata()?.len() > MAX_BYTES {
        data.write(LEDGER, newest_half(&data.read(LEDGER)?)?.as_bytes())?;
    }
    Ok(())
}

/// What the first check-in that stays said "as before" of, it says itself now.
fn newest_half(text: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let (old, new) = lines.split_at(lines.len() / 2);
    let told = old.iter().rev().find_map(|line| entry(line)?.told);
    let is_check_in = |line: &&str| entry(line).is_some_and(|entry| entry.what == "check-in");
    let first = new.iter().position(is_check_in).filter(|_| told.is_some());
    let mut kept = String::with_capacity(text.len() / 2);
    for (at, line) in new.iter().enumerate() {
        match entry(line).filter(|_| Some(at) == first) {
            Some(entry) => {
                let told = entry.told.clone().or_else(|| told.clone());
                kept.push_str(&serde_json::to_string(&Entry { told, ..entry })?);
            }
            None => kept.push_str(line),
        }
        kept.push('\n');
    }
    Ok(kept)
}

fn entry(line: &str) -> Option<Entry> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn told(name: &str) -> Told {
        let device = DeviceInfo {
            name: name.into(),
            ..DeviceInfo::default()
        };
        Told { device, state: None }
    }

    fn check_in(n: i64, told: Option<Told>) -> Entry {
        Entry {
            told,
            ..Entry::new(Timestamp::from_micros(n), "check-in", 1)
        }
    }

    #[test]
    fn the_half_that_stays_still_says_what_was_told() {
        let entries = [
            check_in(1, Some(told("old"))),
            check_in(2, Some(told("new"))),
            check_in(3, None),
            Entry::new(Timestamp::from_micros(4), "renew", 9),
            check_in(5, None),
            check_in(6, None),
        ];
        let lines: Vec<_> = entries
            .iter()
            .map(|entry| serde_json::to_string(entry).unwrap())
            .collect();
        let kept = newest_half(&lines.join("\n")).unwrap();
        let said: Vec<_> = kept.lines().map(|line| entry(line).unwrap().told).collect();
        assert_eq!(said, [None, Some(told("new")), None]);
    }

    #[test]
    fn it_stays_small_and_private_and_half_a_line_hurts_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataFolder::create(dir.path()).unwrap();
        let long = check_in(1, Some(told(&"x".repeat(100_000))));
        (0..30).for_each(|_| record(&data, &long));
        let about = std::fs::metadata(data.path(LEDGER)).unwrap();
        assert!(about.len() <= MAX_BYTES && about.permissions().mode() & 0o777 == 0o600);
        let before = read(&data).unwrap().len();
        let text = data.read(LEDGER).unwrap();
        data.write(LEDGER, &text.as_bytes()[..text.len() - 9]).unwrap();
        assert_eq!(read(&data).unwrap().len(), before - 1);
    }
}
