use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{Answer, Probe, ProbeError};

/// Reads a folder as if it were the root of an iOS device.
///
/// What a file system can show is read from it; mounts, environment, loaded images and open ports come from files under
/// `proc/` in the folder, as Linux writes them, and cannot be told when those are not there. Nothing is ever written.
pub struct RootFolder(PathBuf);

/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 10_000;

impl RootFolder {
    pub fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// A path of the device inside the folder. Symbolic links on the way are not followed out of it.
    fn inside(&self, path: &str) -> Result<PathBuf, ProbeError> {
        let mut inside = self.0.clone();
        let names: Vec<&str> = path
            .split('/')
            .filter(|name| !name.is_empty() && *name != "." && *name != "..")
            .collect();
        for (at, name) in names.iter().enumerate() {
            inside.push(name);
            let last = at + 1 == names.len();
            if !last && fs::symlink_metadata(&inside).is_ok_and(|meta| meta.is_symlink()) {
                inside = self.followed(&inside)?;
            }
        }
        Ok(inside)
    }

    /// Where a link leads, taken as a path of the device.
    fn followed(&self, link: &Path) -> Result<PathBuf, ProbeError> {
        let target = fs::read_link(link).map_err(|e| unreadable(link, &e))?;
        let base = if target.is_absolute() {
            self.0.clone()
        } else {
            link.parent().unwrap_or(&self.0).to_path_buf()
        };
        let mut followed = base;
        for part in target.components() {
            match part {
                std::path::Component::Normal(name) => followed.push(name),
                std::path::Component::ParentDir if followed != self.0 => {
                    followed.pop();
                }
                _ => {}
            }
        }
        Ok(if followed.starts_with(&self.0) {
            followed
        } else {
            self.0.clone()
        })
    }

    fn proc_file(&self, name: &str) -> Result<Vec<u8>, ProbeError> {
        let path = self.0.join("proc").join(name);
        fs::read(&path).map_err(|_| ProbeError::Unavailable(format!("the folder has no proc/{name}")))
    }

    fn names(&self, folder: &Path) -> Result<Vec<String>, ProbeError> {
        match fs::read_dir(folder) {
            Ok(entries) => {
                let names = entries
                    .take(MAX_ENTRIES)
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                Ok(names.collect())
            }
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            Err(error) => Err(unreadable(folder, &error)),
        }
    }

    /// `(mount point, options)` of each mount.
    fn mount_table(&self) -> Result<Vec<(String, String)>, ProbeError> {
        let text = String::from_utf8_lossy(&self.proc_file("mounts")?).into_owned();
        let mount = |line: &str| {
            let mut fields = line.split_whitespace().skip(1);
            Some((fields.next()?.to_string(), fields.nth(1)?.to_string()))
        };
        Ok(text.lines().filter_map(mount).collect())
    }
}

impl Probe for RootFolder {
    fn platform(&self) -> &str {
        "ios"
    }

    fn os_version(&self) -> Option<String> {
        None
    }

    fn lstat(&self, path: &str, want: Option<&str>) -> Answer {
        let inside = self.inside(path)?;
        match fs::symlink_metadata(&inside) {
            Ok(meta) => {
                let kind = match () {
                    () if meta.is_symlink() => "symlink",
                    () if meta.is_dir() => "dir",
                    () => "file",
                };
                Ok(want
                    .is_none_or(|want| want == kind)
                    .then(|| format!("{path} is there ({kind})")))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(unreadable(&inside, &error)),
        }
    }

    fn list(&self, path: &str, prefix: &str) -> Answer {
        let names = self.names(&self.inside(path)?)?;
        Ok(names
            .into_iter()
            .find(|name| name.starts_with(prefix))
            .map(|name| format!("{path}/{name} is there")))
    }

    fn glob(&self, pattern: &str) -> Answer {
        let mut folders = vec![self.0.clone()];
        for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
            let mut next = Vec::new();
            for folder in &folders {
                let matching = self
                    .names(folder)?
                    .into_iter()
                    .filter(|name| segment_matches(segment, name));
                next.extend(matching.map(|name| folder.join(name)));
            }
            folders = next;
        }
        let found = folders.first().and_then(|path| {
            path.strip_prefix(&self.0)
                .ok()
                .map(|path| format!("/{} is there", path.display()))
        });
        Ok(found)
    }

    fn write_test(&self, path: &str) -> Answer {
        const OTHERS_MAY_WRITE: u32 = 0o002;
        let inside = self.inside(path)?;
        match fs::metadata(&inside) {
            Ok(meta) if meta.is_dir() && meta.permissions().mode() & OTHERS_MAY_WRITE != 0 => {
                Ok(Some(format!("an app can write in {path}")))
            }
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(unreadable(&inside, &error)),
        }
    }

    fn statfs(&self, path: &str, want: &str) -> Answer {
        let mounts = self.mount_table()?;
        let mount = mounts.iter().find(|(on, _)| on == path);
        let (_, options) = mount.ok_or_else(|| ProbeError::Unavailable(format!("proc/mounts does not name {path}")))?;
        Ok(options
            .split(',')
            .any(|option| option == want)
            .then(|| format!("{path} is mounted {want}")))
    }

    fn mounts(&self, on: &str) -> Answer {
        Ok(self
            .mount_table()?
            .iter()
            .any(|(mount, _)| mount == on)
            .then(|| format!("something is mounted on {on}")))
    }

    fn dyld_images(&self, contains: &str) -> Answer {
        let maps = String::from_utf8_lossy(&self.proc_file("self/maps")?).to_ascii_lowercase();
        let wanted = contains.to_ascii_lowercase();
        let image = maps
            .lines()
            .find(|line| line.contains(&wanted))
            .and_then(|line| line.split_whitespace().last().map(String::from));
        Ok(image.map(|image| format!("{image} is loaded")))
    }

    fn env(&self, name: &str) -> Answer {
        let environ = self.proc_file("self/environ")?;
        let set = environ
            .split(|b| *b == 0)
            .any(|pair| pair.split(|b| *b == b'=').next() == Some(name.as_bytes()));
        Ok(set.then(|| format!("{name} is set")))
    }

    fn tcp(&self, port: u16) -> Answer {
        const LISTEN: &str = "0A";
        let table = String::from_utf8_lossy(&self.proc_file("net/tcp")?).into_owned();
        let suffix = format!(":{port:04X}");
        let listens = table.lines().skip(1).any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.get(1).is_some_and(|local| local.ends_with(&suffix)) && fields.get(3) == Some(&LISTEN)
        });
        Ok(listens.then(|| format!("port {port} accepts connections")))
    }
}

/// `*` stands for any characters within a segment.
fn segment_matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len())
                .filter_map(|at| tail.get(at..))
                .any(|tail| segment_matches(rest, tail))
        }),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &io::Error) -> ProbeError {
    ProbeError::Denied(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::assess;
    use moat_model::JailbreakLevel;
    use moat_policy::jailbreak::{BUILT_IN, Rules};

    fn assessed(prepare: impl FnOnce(&Path)) -> moat_model::Assessment {
        let dir = tempfile::tempdir().unwrap();
        for folder in [
            "Applications",
            "var",
            "usr/lib",
            "private/var",
            "private/preboot",
            "etc",
            "root",
            "proc/self",
            "proc/net",
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        prepare(dir.path());
        assess(
            &Rules::parse(BUILT_IN).unwrap(),
            &RootFolder::new(dir.path().to_path_buf()),
        )
    }

    #[test]
    fn a_clean_tree_is_clean_even_when_root_made_it() {
        let clean = assessed(|_| {});
        assert_eq!((clean.level, clean.findings.len()), (JailbreakLevel::None, 0));
        assert!(clean.answered > 90, "{clean:?}");
    }

    #[test]
    fn traces_are_found_wherever_they_are() {
        let confirmed = |prepare: fn(&Path)| assert_eq!(assessed(prepare).level, JailbreakLevel::Confirmed);
        confirmed(|root| std::os::unix::fs::symlink("/private/preboot/x", root.join("var/jb")).unwrap());
        confirmed(|root| fs::create_dir_all(root.join("cores/binpack")).unwrap());
        confirmed(|root| fs::set_permissions(root.join("root"), fs::Permissions::from_mode(0o777)).unwrap());
        confirmed(|root| fs::write(root.join("proc/mounts"), "/dev/disk1 / apfs rw,nosuid 0 0\n").unwrap());
        let suspected = assessed(|root| fs::create_dir(root.join("Applications/Cydia.app")).unwrap());
        assert_eq!(suspected.level, JailbreakLevel::Suspected);
        let hooked =
            assessed(|root| fs::write(root.join("proc/self/environ"), b"A=1\0DYLD_INSERT_LIBRARIES=/x\0").unwrap());
        assert!(
            hooked
                .findings
                .iter()
                .any(|finding| finding.detail.contains("DYLD_INSERT_LIBRARIES"))
        );
    }

    #[test]
    fn links_never_lead_out_of_the_folder() {
        let found = assessed(|root| std::os::unix::fs::symlink("/", root.join("private/preboot/out")).unwrap());
        assert_eq!(found.level, JailbreakLevel::None);
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("../../../../..", root.path().join("up")).unwrap();
        let probe = RootFolder::new(root.path().to_path_buf());
        assert_eq!(probe.lstat("/up/etc/hostname", None), Ok(None));
    }
}
