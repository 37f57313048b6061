//! Leaving the organisation: everything of it goes from the device. The ledger stays, it is the user's.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context as _, Result};
use moat_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data_folder::{
    BUNDLE, CA, CERTIFICATE, CONFIGURATION, DataFolder, IDENTITY, KEY, OUTBOX, PREVIOUS_BUNDLE, RETIRED, SOCKET, STATE,
};

/// What stays of a device that left.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retired {
    pub time: Timestamp,
    /// By an order to wipe.
    pub wiped: bool,
}

/// All that belongs to the organisation, the secrets first.
const ITS: [&str; 10] = [
    KEY,
    CERTIFICATE,
    BUNDLE,
    PREVIOUS_BUNDLE,
    STATE,
    OUTBOX,
    CONFIGURATION,
    CA,
    SOCKET,
    IDENTITY,
];

/// Removes everything of the organisation. A crash in between leaves a device that is retired and not yet clean: [`finish`] goes on.
pub fn leave(data: &DataFolder, retired: &Retired) -> Result<()> {
    data.write_json(RETIRED, retired)?;
    remove(data)
}

/// Goes on where a crash stopped; nothing happens in the folder of a device that did not leave.
pub fn finish(path: &Path) -> Result<()> {
    if path.join(RETIRED).exists() {
        let data = DataFolder::at(path)?;
        let _lock = data.lock()?;
        remove(&data)?;
    }
    Ok(())
}

fn remove(data: &DataFolder) -> Result<()> {
    for name in ITS {
        for name in [name.to_string(), format!(".{name}.new")] {
            match fs::remove_file(data.path(&name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", data.path(&name).display()));
                }
                _ => {}
            }
        }
    }
    data.sync()
}
