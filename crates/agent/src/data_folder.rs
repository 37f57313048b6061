//! The agent's data folder: identity, policy, outbox. Private to its owner.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use moat_model::{DeviceId, Management};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::retired::Retired;

pub const CERTIFICATE: &str = "device.pem";
pub const KEY: &str = "device.key";
pub const CA: &str = "ca.pem";
pub const BUNDLE: &str = "bundle";
/// The bundle before that, for the case that a disk loses it.
pub const PREVIOUS_BUNDLE: &str = "bundle.previous";
pub const OUTBOX: &str = "outbox";
pub const LEDGER: &str = "ledger.jsonl";
pub const STATE: &str = "state.json";
/// What the device's management says of it, unless it is elsewhere.
pub const CONFIGURATION: &str = "configuration.json";
pub const IDENTITY: &str = "identity.json";
/// Says that the device left its organisation, and when.
pub const RETIRED: &str = "retired.json";
pub const SOCKET: &str = "agent.sock";

#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// Who this device is, as the server said at enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    pub device_id: DeviceId,
    pub tenant: String,
    pub management: Management,
    pub server_url: String,
    pub device_url: String,
    /// Ed25519 key that signs bundles, hexadecimal.
    pub bundle_key: String,
    /// Given at enrolment; without it the device goes by its host name.
    #[serde(default)]
    pub name: Option<String>,
}

impl DataFolder {
    /// Opens the folder, creating it if it is not there.
    pub fn create(path: &Path) -> Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path.canonicalize()?))
    }

    /// Opens a folder that is there, whatever it holds.
    pub fn at(path: &Path) -> Result<Self> {
        let canonical = path.canonicalize();
        Ok(Self(
            canonical.with_context(|| format!("cannot open {}", path.display()))?,
        ))
    }

    /// Opens the folder of an enrolled device.
    pub fn open(path: &Path) -> Result<Self> {
        if path.join(RETIRED).exists() {
            let retired: Option<Retired> = Self::at(path)?.read_json(RETIRED)?;
            let when = retired.map(|retired| retired.time.to_string()).unwrap_or_default();
            bail!(
                "this device was retired by its organisation ({when}), and everything of it was removed. To enrol again: \
                 moat-agent enroll --data {}",
                path.display()
            );
        }
        if !path.join(IDENTITY).exists() {
            bail!(
                "{} holds no enrolled device: run `moat-agent enroll` first",
                path.display()
            );
        }
        Self::at(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path(SOCKET)
    }

    /// One running agent owns the folder.
    pub fn lock(&self) -> Result<nix::fcntl::Flock<File>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.path("lock"))?;
        nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| anyhow::anyhow!("{} is in use by another moat-agent ({errno})", self.0.display()))
    }

    pub fn is_enrolled(&self) -> bool {
        self.path(IDENTITY).exists() && !self.path(RETIRED).exists()
    }

    pub fn identity(&self) -> Result<Identity> {
        self.read_json(IDENTITY)?.context("the device is not enrolled")
    }

    /// Written last at enrolment: its presence says that the device is enrolled.
    pub fn write_identity(&self, identity: &Identity) -> Result<()> {
        self.write_json(IDENTITY, identity)
    }

    pub fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).with_context(|| format!("cannot read {}", self.path(name).display()))
    }

    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match fs::read(self.path(name)) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is damaged", self.path(name).display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.path(name).display())),
        }
    }

    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.write(name, &serde_json::to_vec_pretty(value)?)
    }

    /// Replaces a file, readable by its owner only; a crash leaves the old one or the new one.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<()> {
        let draft = self.draft(name)?;
        self.replace(name, draft, |file| file.write_all(contents))
    }

    /// An empty file beside `name`, to be filled and put in its place.
    pub fn draft(&self, name: &str) -> Result<File> {
        let path = self.path(&format!(".{name}.new"));
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path);
        file.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Keeps a file under a second name as well; one of that name goes. Nothing happens when there is none.
    pub fn keep_as(&self, name: &str, second: &str) -> Result<()> {
        let draft = self.path(&format!(".{second}.new"));
        let _ = fs::remove_file(&draft);
        let kept = match fs::hard_link(self.path(name), &draft) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            linked => linked.and_then(|()| fs::rename(&draft, self.path(second))),
        };
        kept.with_context(|| format!("cannot keep {}", self.path(name).display()))
    }

    /// Puts a filled draft in its place.
    pub fn replace(
        &self,
        name: &str,
        mut draft: File,
        fill: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<()> {
        let put = || -> std::io::Result<()> {
            fill(&mut draft)?;
            draft.sync_all()?;
            fs::rename(self.path(&format!(".{name}.new")), self.path(name))?;
            File::open(&self.0)?.sync_all()
        };
        put().with_context(|| format!("cannot write {}", self.path(name).display()))
    }

    /// What was removed stays removed, also after a power loss.
    pub fn sync(&self) -> Result<()> {
        let synced = File::open(&self.0).and_then(|folder| folder.sync_all());
        synced.with_context(|| format!("cannot write {}", self.0.display()))
    }
}
