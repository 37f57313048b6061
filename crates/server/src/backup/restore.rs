//! The way back: a whole server in a folder that was empty, or nothing in it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::archive::{self, Manifest};
use crate::{
    audit,
    caller::Actor,
    data_folder::{self, DataFolder, RESTORING},
    db::Db,
    keys::Keys,
    pki::Authority,
    settings,
};

/// What a new file system has by itself, and what a data folder that somebody locked has.
const NOTHING: [&str; 2] = ["lost+found", data_folder::LOCK];

/// Reads a backup to its end and checks everything in it. Nothing is written.
pub fn check(file: &Path, passphrase: Option<&str>) -> Result<Manifest> {
    archive::read(archive::open(file, passphrase)?, |_, _| Ok(()))
}

/// Checks a backup, then makes a data folder of it: all of it, or nothing. `uid` is who does it.
pub async fn restore(file: &Path, passphrase: Option<&str>, folder: &Path, uid: u32) -> Result<Manifest> {
    let manifest = check(file, passphrase)?;
    let place = Place::prepare(folder)?;
    match fill(&place, file, passphrase, &manifest, uid).await {
        Ok(()) => place.finish()?,
        Err(error) => {
            place.clear();
            return Err(error);
        }
    }
    Ok(manifest)
}

/// Writes the files beside where they will stand, and opens them there as the server does.
async fn fill(place: &Place, file: &Path, passphrase: Option<&str>, checked: &Manifest, uid: u32) -> Result<()> {
    let manifest = archive::read(archive::open(file, passphrase)?, |name, source| {
        place.write(name, source)
    })?;
    ensure!(manifest.files == checked.files, "the file changed while it was read");
    let data = DataFolder::open(&place.draft)?;
    Authority::open(&data)?;
    Keys::open(&data)?;
    let db = Db::open(&data.database())
        .await
        .map_err(|error| too_new(error, &manifest))?;
    let done = take_over(&db, &manifest, uid).await;
    db.close().await;
    done
}

async fn take_over(db: &Db, manifest: &Manifest, uid: u32) -> Result<()> {
    db.check().await?;
    let mut tx = db.begin().await?;
    let change = audit::Change {
        action: "restore",
        noun: "backup",
        id: &manifest.id,
        before: None,
        after: Some(&serde_json::json!({"madeAt": manifest.made_at, "version": manifest.version})),
    };
    audit::record(&mut tx, &Actor::Local { uid }, change).await?;
    // Devices have what came after the backup, and take nothing older than that.
    settings::raise_revision(&mut tx).await?;
    Ok(tx.commit().await?)
}

fn too_new(error: crate::Error, manifest: &Manifest) -> anyhow::Error {
    let text = format!(
        "its database cannot be opened: it was made by Moat {}, this is {}",
        manifest.version,
        env!("CARGO_PKG_VERSION")
    );
    match error {
        crate::Error::Internal(source) => source.context(text),
        error => anyhow::Error::from(error).context(text),
    }
}

/// An empty folder that becomes a data folder. While [`RESTORING`] is in it no server starts on it.
struct Place {
    folder: PathBuf,
    draft: PathBuf,
    made: bool,
    _lock: data_folder::Lock,
}

impl Place {
    fn prepare(folder: &Path) -> Result<Self> {
        let (made, draft) = (!folder.exists(), folder.join(RESTORING));
        if !made && !draft.exists() {
            check_empty(folder)?;
        }
        data_folder::make_folder(folder)?;
        let lock = data_folder::lock(folder)?;
        let place = Self {
            draft,
            folder: folder.to_path_buf(),
            made,
            _lock: lock,
        };
        if place.draft.exists() {
            // A restore was cut short: what it wrote goes, and nothing else.
            place.remove_files();
        }
        check_empty(folder)?;
        data_folder::make_folder(&place.draft)?;
        Ok(place)
    }

    fn write(&self, name: &str, source: &mut dyn Read) -> Result<()> {
        let path = self.draft.join(name);
        if let Some(parent) = path.parent() {
            data_folder::make_folder(parent)?;
        }
        let mut write = || -> io::Result<()> {
            let mut file = data_folder::new_private(&path)?;
            io::copy(source, &mut file)?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Puts the files where they belong. The folder is a data folder once nothing is left of the draft.
    fn finish(self) -> Result<()> {
        data_folder::make_private(&self.folder).inspect_err(|_| self.clear())?;
        let moved = || -> io::Result<()> {
            let _ = fs::remove_file(self.draft.join(data_folder::LOCK));
            for entry in fs::read_dir(&self.draft)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    File::open(entry.path())?.sync_all()?;
                }
                fs::rename(entry.path(), self.folder.join(entry.file_name()))?;
            }
            File::open(&self.folder)?.sync_all()?;
            fs::remove_dir(&self.draft)?;
            File::open(&self.folder)?.sync_all()
        };
        moved().inspect_err(|_| self.clear()).with_context(|| {
            let folder = self.folder.display();
            format!("cannot write in {folder}; nothing was restored")
        })
    }

    /// Leaves the folder as it was.
    fn clear(&self) {
        self.remove_files();
        let _ = fs::remove_file(self.folder.join(data_folder::LOCK));
        if self.made {
            let _ = fs::remove_dir(&self.folder);
        }
    }

    /// What a restore writes; the mark that it is one goes last.
    fn remove_files(&self) {
        let database = ["-wal", "-shm"].map(|end| format!("{}{end}", archive::DATABASE));
        let files = archive::NEEDED.into_iter().chain([archive::CONFIGURATION]);
        for name in files.chain(database.iter().map(String::as_str)) {
            let _ = fs::remove_file(self.folder.join(name));
        }
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(archive::is_list) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir_all(self.folder.join(archive::LANGUAGES));
        let _ = fs::remove_dir_all(&self.draft);
    }
}

fn check_empty(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?.into_iter();
    if entries.any(|entry| NOTHING.iter().all(|name| entry.file_name() != *name)) {
        bail!(
            "{} is not empty: name a folder that is empty or not there yet",
            folder.display()
        );
    }
    Ok(())
}
