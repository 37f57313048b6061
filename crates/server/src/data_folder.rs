//! The data folder: everything the server keeps. Private to its owner.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// An opened data folder. One process at a time owns it.
pub struct DataFolder {
    path: PathBuf,
    _lock: nix::fcntl::Flock<File>,
}

impl DataFolder {
    /// Opens the folder, creating it on first use. Fails when another process owns it.
    pub fn open(path: &Path) -> Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(path)
            .with_context(|| format!("cannot create the data folder {}", path.display()))?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"));
        let file = file.with_context(|| format!("cannot write in the data folder {}", path.display()))?;
        match nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                make_private(path)?;
                Ok(Self {
                    path: path.canonicalize()?,
                    _lock: lock,
                })
            }
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => bail!("{} is in use by another moat process", path.display()),
            Err((_, errno)) => Err(errno).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn database(&self) -> PathBuf {
        self.path.join("moat.db")
    }

    /// Languages that the organisation added.
    pub fn languages(&self) -> PathBuf {
        self.path.join("languages")
    }

    pub fn ca_certificate(&self) -> PathBuf {
        self.path.join("ca.pem")
    }

    /// Reads a file of the folder; none when it does not exist.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        match fs::read_to_string(self.path.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.path.join(name).display())),
        }
    }

    /// Deletes a file of the folder, if it is there.
    pub fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", self.path.join(name).display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes a file that only the owner can read; a crash leaves the old file or the new one, never half of it.
    pub fn write_private(&self, name: &str, contents: &[u8]) -> Result<()> {
        self.write(name, contents, 0o600)
    }

    pub fn write_public(&self, name: &str, contents: &[u8]) -> Result<()> {
        self.write(name, contents, 0o644)
    }

    fn write(&self, name: &str, contents: &[u8], mode: u32) -> Result<()> {
        let target = self.path.join(name);
        let draft = self.path.join(format!(".{name}.new"));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(mode)
                .open(&draft)?;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.write_all(contents)?;
            file.sync_all()?;
            fs::rename(&draft, &target)?;
            File::open(&self.path)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", target.display()))
    }
}

/// Takes the folder and our secrets in it from everyone but the owner: the folder may have been there before, with the modes
/// that folders usually have.
fn make_private(folder: &Path) -> Result<()> {
    let secrets = [
        "moat.db",
        "moat.db-wal",
        "moat.db-shm",
        "ca.key",
        "bundle.key",
        "token.key",
        "link.key",
    ];
    let files = secrets.iter().map(|name| (folder.join(name), 0o600));
    for (path, mode) in std::iter::once((folder.to_path_buf(), 0o700)).chain(files) {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
                .with_context(|| format!("others can read {}, and that cannot be changed", path.display()))?;
        }
    }
    Ok(())
}

/// Where a running server listens for the administration of its own machine.
pub fn admin_socket(data: &Path) -> PathBuf {
    data.join("admin.sock")
}
