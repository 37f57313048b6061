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
    _lock: Lock,
}

/// Keeps other processes out of a folder.
pub type Lock = nix::fcntl::Flock<File>;

/// The file that is locked.
pub const LOCK: &str = "lock";
/// Is in the folder while a backup is being restored into it.
pub const RESTORING: &str = ".restoring";

impl DataFolder {
    /// Opens the folder, creating it on first use. Fails when another process owns it.
    pub fn open(path: &Path) -> Result<Self> {
        make_folder(path)?;
        let lock = lock(path)?;
        if path.join(RESTORING).exists() {
            bail!(
                "a restore into {} was cut short: repeat `moat restore`, which clears what it left",
                path.display()
            );
        }
        make_private(path)?;
        Ok(Self {
            path: path.canonicalize()?,
            _lock: lock,
        })
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

/// Makes a folder that only the owner can open, unless it is there.
pub fn make_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let made = builder.create(path);
    made.with_context(|| format!("cannot create the folder {}", path.display()))
}

/// Locks a folder for this process.
pub fn lock(folder: &Path) -> Result<Lock> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join(LOCK));
    let file = file.with_context(|| format!("cannot write in the data folder {}", folder.display()))?;
    match nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => bail!("{} is in use by another moat process", folder.display()),
        Err((_, errno)) => Err(errno).with_context(|| format!("cannot lock {}", folder.display())),
    }
}

/// A new file that only the owner can read.
pub fn new_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)
}

/// Takes the folder and our secrets in it from everyone but the owner: the folder may have been there before, with the modes
/// that folders usually have.
pub fn make_private(folder: &Path) -> Result<()> {
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
