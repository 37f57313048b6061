//! The ledger: everything that left the device, for its user to read.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use anyhow::Result;
use moat_model::{Timestamp, sync::OutboxEntry};
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
    pub bytes_sent: u64,
    /// Events that went along, word for word.
    pub events: Vec<OutboxEntry>,
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
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
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
        let text = std::fs::read_to_string(data.path(LEDGER))?;
        let lines: Vec<&str> = text.lines().collect();
        let newest = lines.get(lines.len() / 2..).unwrap_or_default().join("\n") + "\n";
        data.write(LEDGER, newest.as_bytes())?;
    }
    Ok(())
}
