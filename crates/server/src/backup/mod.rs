//! Backups: the whole server as one file, taken while it runs, and its way back into an empty folder.

pub mod admin;
mod archive;
pub mod console;
mod restore;
mod seal;
mod store;

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use moat_model::Timestamp;
use moat_policy::say;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    data_folder::DataFolder,
    error::{Error, Result},
};

pub use archive::{Entry, Manifest};
pub use restore::{check, restore};

/// How long a passphrase must be, in characters.
pub const PASSPHRASE: std::ops::RangeInclusive<usize> = 12..=1_000;
/// Bytes that are sent at once.
const PART: usize = 64 << 10;
/// Parts that wait for whoever takes the backup.
const WAITING: usize = 4;
/// A last backup that is older deserves a look.
const OLD: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

/// The one place for making backups: each takes as much room on the disk as the database.
pub struct Place(Arc<Semaphore>);

impl Default for Place {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// The last backup that was taken to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Last {
    pub at: Timestamp,
    pub bytes: u64,
    pub encrypted: bool,
    pub by: String,
}

/// How old the newest backup is, when that deserves a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// None was ever made, and there has been something to lose for long enough.
    Never,
    Days(i64),
}

/// What the audit log says of a backup.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    encrypted: bool,
}

/// The last backup, for whoever may make one.
pub async fn last(app: &App, caller: &Caller) -> Result<Option<Last>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    store::last(&app.db).await
}

/// Whether it is time for another one; nothing for callers who cannot make one.
pub async fn overdue(app: &App, caller: &Caller) -> Result<Option<Overdue>> {
    if !caller.has(Role::MoatAdministrate) {
        return Ok(None);
    }
    let last = store::last(&app.db).await?.map(|last| last.at);
    let Some(since) = last.or(store::first_administrator(&app.db).await?) else {
        return Ok(None);
    };
    let age = now().since(since);
    let days = i64::try_from(age.as_secs() / 86_400).unwrap_or(i64::MAX);
    Ok((age > OLD).then_some(match last {
        Some(_) => Overdue::Days(days),
        None => Overdue::Never,
    }))
}

/// Forgets what a backup left behind that a crash cut short.
pub fn clean(data: &DataFolder) {
    let _ = fs::remove_dir_all(draft(data));
}

/// Makes a backup as a stream of its bytes. What it holds is the state of now; it is a whole one when the stream has ended
/// without an error.
pub async fn make(
    app: &App,
    caller: &Caller,
    passphrase: Option<String>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    if passphrase
        .as_ref()
        .is_some_and(|text| !PASSPHRASE.contains(&text.chars().count()))
    {
        let rule = say("rule-length")
            .with("least", *PASSPHRASE.start())
            .with("most", *PASSPHRASE.end());
        return Err(Error::rule("InvalidInput", "passphrase", rule));
    }
    let place = Arc::clone(&app.backup.0).try_acquire_owned();
    let place = place.map_err(|_| Error::conflict(say("conflict-backup")))?;
    let (id, encrypted) = (uuid::Uuid::now_v7().to_string(), passphrase.is_some());
    record(app, caller, &id, encrypted).await?;
    let source = Source::prepare(app, place, id).await?;
    let (sender, parts) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || source.send(sender, passphrase.as_deref()));
    let last = Last {
        at: now(),
        bytes: 0,
        encrypted,
        by: caller.actor.to_string(),
    };
    Ok(stream::try_unfold((app.clone(), parts, last), next))
}

/// What whoever writes a backup hands over to whoever sends it.
enum Part {
    Bytes(Bytes),
    Failed(anyhow::Error),
    End,
}

type State = (App, mpsc::Receiver<Part>, Last);

async fn next((app, mut parts, mut last): State) -> io::Result<Option<(Bytes, State)>> {
    match parts.recv().await {
        Some(Part::Bytes(bytes)) => {
            last.bytes += bytes.len() as u64;
            Ok(Some((bytes, (app, parts, last))))
        }
        Some(Part::End) => {
            store::set_last(&app.db, &last).await.map_err(io::Error::other)?;
            app.hub.changed();
            Ok(None)
        }
        Some(Part::Failed(error)) => {
            Error::internal(error).log();
            Err(io::Error::other("the backup failed"))
        }
        None => Err(io::Error::other("the backup broke off")),
    }
}

/// Whoever takes one away with the keys stands in the log from the beginning, and in the backup itself.
async fn record(app: &App, caller: &Caller, id: &str, encrypted: bool) -> Result<()> {
    let change = audit::Change {
        action: "create",
        noun: "backup",
        id,
        before: None,
        after: Some(&Made { encrypted }),
    };
    let mut tx = app.db.begin().await?;
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    Ok(())
}

/// What goes into a backup, as it was at one moment.
struct Source {
    files: Vec<(String, PathBuf)>,
    manifest: Manifest,
    /// Holds the copy of the database; gone with it.
    _draft: Draft,
    _place: OwnedSemaphorePermit,
}

impl Source {
    async fn prepare(app: &App, place: OwnedSemaphorePermit, id: String) -> Result<Self> {
        let draft = Draft::make(&app.data).map_err(Error::internal)?;
        let database = draft.0.join(archive::DATABASE);
        app.db.snapshot(&database).await?;
        let manifest = Manifest {
            format: archive::FORMAT,
            id,
            version: env!("CARGO_PKG_VERSION").into(),
            schema: app.db.schema().await?,
            made_at: now().to_string(),
            tenant: app.tenant.clone(),
            files: Vec::new(),
            left_out: app.config.files(),
        };
        let keys = archive::NEEDED.iter().filter(|name| **name != archive::DATABASE);
        let mut files: Vec<_> = keys
            .map(|name| (name.to_string(), app.data.path().join(name)))
            .collect();
        files.extend(configuration(app).map(|path| (archive::CONFIGURATION.to_string(), path)));
        files.extend(languages(&app.data.languages()));
        files.extend(lists(app.data.path(), &draft.0));
        files.push((archive::DATABASE.to_string(), database));
        Ok(Self {
            files,
            manifest,
            _draft: draft,
            _place: place,
        })
    }

    /// Writes the backup part by part. Whoever takes them may go away at any time.
    fn send(self, sender: mpsc::Sender<Part>, passphrase: Option<&str>) {
        let parts = Parts {
            sender: sender.clone(),
            bytes: Vec::with_capacity(PART),
        };
        let end = match self.write(parts, passphrase) {
            Ok(()) => Part::End,
            Err(error) => Part::Failed(error),
        };
        // First the room on the disk, so that whoever has seen the end can ask for another.
        drop(self);
        let _ = sender.blocking_send(end);
    }

    fn write(&self, parts: Parts, passphrase: Option<&str>) -> anyhow::Result<()> {
        let mut parts = match passphrase {
            None => archive::write(parts, &self.files, self.manifest.clone())?.0,
            Some(passphrase) => {
                let sealer = seal::Sealer::new(parts, passphrase)?;
                archive::write(sealer, &self.files, self.manifest.clone())?.0.finish()?
            }
        };
        Ok(parts.flush()?)
    }
}

/// The configuration in force, wherever it lies.
fn configuration(app: &App) -> Option<PathBuf> {
    let own = app.data.path().join(archive::CONFIGURATION);
    let file = app.config.file.clone().unwrap_or(own);
    file.exists().then_some(file)
}

fn languages(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        archive::is_language(&name).then(|| (format!("{}/{name}", archive::LANGUAGES), entry.path()))
    });
    let mut all: Vec<_> = named.collect();
    all.sort();
    all
}

/// Entries of feeds and known names, under second names, for a refresh may end the first ones at any time.
fn lists(folder: &Path, draft: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let linked = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let link = draft.join(&name);
        (archive::is_list(&name) && fs::hard_link(entry.path(), &link).is_ok()).then_some((name, link))
    });
    let mut all: Vec<_> = linked.collect();
    all.sort();
    all
}

/// Sends what is written to it in parts of one size.
struct Parts {
    sender: mpsc::Sender<Part>,
    bytes: Vec<u8>,
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        if self.bytes.len() == PART {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(PART));
        let sent = self.sender.blocking_send(Part::Bytes(bytes.into()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A folder for the copy of the database, for as long as a backup is being made.
struct Draft(PathBuf);

fn draft(data: &DataFolder) -> PathBuf {
    data.path().join(".backup")
}

impl Draft {
    fn make(data: &DataFolder) -> anyhow::Result<Self> {
        clean(data);
        let draft = Self(draft(data));
        crate::data_folder::make_folder(&draft.0)?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
