//! Paths of a device inside a folder that stands for its root: no link leads out of it, no race either.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat},
};

use super::ProbeError;

/// Links on the way to one file, as the kernel counts them.
const MAX_LINKS: usize = 40;
const MAX_DEPTH: usize = 64;

/// Something that is there.
pub struct Found {
    /// Names it (`O_PATH`): nothing was opened.
    pub fd: OwnedFd,
    pub stat: FileStat,
    /// Where it is, to open it by; none for the root itself.
    place: Option<(OwnedFd, OsString)>,
}

impl Found {
    pub fn is(&self, kind: SFlag) -> bool {
        SFlag::from_bits_truncate(self.stat.st_mode & SFlag::S_IFMT.bits()) == kind
    }

    /// Opens it for reading if it is a regular file; a FIFO or a device could make us wait forever.
    pub fn open(&self) -> Result<File, Errno> {
        let Some((folder, name)) = self.place.as_ref().filter(|_| self.is(SFlag::S_IFREG)) else {
            return Err(Errno::EINVAL);
        };
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(folder, name.as_os_str(), flags, Mode::empty())?;
        let opened = fstat(&file)?;
        // Another may have taken its place.
        if (opened.st_dev, opened.st_ino) != (self.stat.st_dev, self.stat.st_ino) {
            return Err(Errno::ESTALE);
        }
        Ok(file.into())
    }
}

/// What to do with a link at the end of the path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Last {
    Keep,
    Follow,
}

pub struct Root(PathBuf);

impl Root {
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Looks a path of the device up, component by component from the root; none when nothing is there.
    pub fn find(&self, path: &str, last: Last) -> Result<Option<Found>, ProbeError> {
        let mut way = vec![self.open()?];
        let mut names = VecDeque::new();
        prepend(&mut names, OsStr::new(path));
        let mut place = None;
        let mut links = 0;
        let refused = |errno: Errno| ProbeError::Denied(format!("{path}: {}", errno.desc()));
        while let Some(name) = names.pop_front() {
            if name == ".." {
                way.truncate(way.len().saturating_sub(1).max(1));
                place = None;
                continue;
            }
            let Some(folder) = way.last() else { break };
            let fd = match openat(folder, name.as_os_str(), PATH, Mode::empty()) {
                Ok(fd) => fd,
                Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
                Err(errno) => return Err(refused(errno)),
            };
            let kind = fstat(&fd).map_err(refused)?.st_mode & SFlag::S_IFMT.bits();
            if kind == SFlag::S_IFLNK.bits() && (last == Last::Follow || !names.is_empty()) {
                links += 1;
                if links > MAX_LINKS {
                    return Err(refused(Errno::ELOOP));
                }
                let target = readlinkat(&fd, "").map_err(refused)?;
                if Path::new(&target).is_absolute() {
                    way.truncate(1);
                }
                prepend(&mut names, &target);
                continue;
            }
            if way.len() > MAX_DEPTH {
                return Err(refused(Errno::ENAMETOOLONG));
            }
            place = Some((folder.try_clone().map_err(|_| refused(Errno::EMFILE))?, name));
            way.push(fd);
        }
        let Some(fd) = way.pop() else { return Ok(None) };
        let stat = fstat(&fd).map_err(refused)?;
        Ok(Some(Found { fd, stat, place }))
    }

    /// Without its root nothing can be told about a device: that something is not there least of all.
    fn open(&self) -> Result<OwnedFd, ProbeError> {
        open(&self.0, PATH | OFlag::O_DIRECTORY, Mode::empty()).map_err(|errno| {
            ProbeError::Unavailable(format!(
                "the posture root {} cannot be opened: {}",
                self.0.display(),
                errno.desc()
            ))
        })
    }
}

const PATH: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

fn prepend(names: &mut VecDeque<OsString>, path: &OsStr) {
    let parts = path.as_bytes().split(|b| *b == b'/');
    for part in parts.rev().filter(|part| !part.is_empty() && *part != b".") {
        names.push_front(OsStr::from_bytes(part).to_os_string());
    }
}
