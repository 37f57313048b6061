use std::{io::Read as _, path::PathBuf};

use nix::{
    dir::Dir,
    fcntl::OFlag,
    sys::stat::{Mode, SFlag},
};

use super::{
    Answer, Probe, ProbeError,
    resolve::{Last, Root},
};

/// Reads a folder as if it were the root of an iOS device.
///
/// What a file system can show is read from it; mounts, environment, loaded images and open ports come from files under
/// `proc/` in the folder, as Linux writes them, and cannot be told when those are not there. Nothing is ever written, and
/// nothing outside the folder is looked at.
pub struct RootFolder(Root);

/// Entries of one folder, and folders of one pattern, that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// Of a file, in bytes.
const MAX_FILE: u64 = 4 << 20;

impl RootFolder {
    pub fn new(root: PathBuf) -> Self {
        Self(Root::new(root))
    }

    fn proc_file(&self, name: &str) -> Result<Vec<u8>, ProbeError> {
        self.file(&format!("proc/{name}"))
    }

    fn file(&self, path: &str) -> Result<Vec<u8>, ProbeError> {
        let unavailable = |why: &str| ProbeError::Unavailable(format!("{path} {why}"));
        let found = self.0.find(path, Last::Follow)?;
        let found = found.ok_or_else(|| unavailable("is not in the folder"))?;
        let file = found
            .open()
            .map_err(|errno| unavailable(&format!("cannot be read: {}", errno.desc())))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unavailable(&format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(unavailable("is too large"));
        }
        Ok(bytes)
    }

    /// The first names in a folder that `wanted` lets pass, at most `limit`.
    fn names(&self, path: &str, limit: usize, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, ProbeError> {
        let Some(found) = self
            .0
            .find(path, Last::Follow)?
            .filter(|found| found.is(SFlag::S_IFDIR))
        else {
            return Ok(Vec::new());
        };
        let refused = |errno: nix::errno::Errno| ProbeError::Denied(format!("{path}: {}", errno.desc()));
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut folder = Dir::openat(&found.fd, ".", flags, Mode::empty()).map_err(refused)?;
        let mut names = Vec::new();
        for (at, entry) in folder.iter().enumerate() {
            if at >= MAX_ENTRIES {
                return Err(ProbeError::Unavailable(format!(
                    "{path} has more than {MAX_ENTRIES} entries"
                )));
            }
            let entry = entry.map_err(refused)?;
            let name = entry.file_name().to_str().unwrap_or_default();
            if !matches!(name, "" | "." | "..") && wanted(name) {
                names.push(name.to_string());
            }
            if names.len() >= limit {
                break;
            }
        }
        Ok(names)
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

/// `ProductBuildVersion` of a property list in XML.
fn product_build(list: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(list).ok()?;
    let (_, rest) = text.split_once("<key>ProductBuildVersion</key>")?;
    let (build, _) = rest.trim_start().strip_prefix("<string>")?.split_once("</string>")?;
    let usable = !build.is_empty() && build.len() <= 40 && build.bytes().all(|b| b.is_ascii_alphanumeric());
    usable.then(|| build.to_string())
}

impl Probe for RootFolder {
    fn platform(&self) -> &str {
        "ios"
    }

    fn os_version(&self) -> Option<String> {
        None
    }

    fn os_build(&self) -> Option<String> {
        product_build(&self.file("System/Library/CoreServices/SystemVersion.plist").ok()?)
    }

    fn lstat(&self, path: &str, want: Option<&str>) -> Answer {
        let Some(found) = self.0.find(path, Last::Keep)? else {
            return Ok(None);
        };
        let kind = match () {
            () if found.is(SFlag::S_IFLNK) => "symlink",
            () if found.is(SFlag::S_IFDIR) => "dir",
            () => "file",
        };
        Ok(want
            .is_none_or(|want| want == kind)
            .then(|| format!("{path} is there ({kind})")))
    }

    fn list(&self, path: &str, prefix: &str) -> Answer {
        let names = self.names(path, 1, |name| name.starts_with(prefix))?;
        Ok(names.first().map(|name| format!("{path}/{name} is there")))
    }

    fn glob(&self, pattern: &str) -> Answer {
        let mut folders = vec![String::new()];
        for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
            let mut next = Vec::new();
            for folder in &folders {
                let matching = self.names(&format!("{folder}/"), MAX_ENTRIES, |name| {
                    segment_matches(segment, name)
                })?;
                next.extend(matching.into_iter().map(|name| format!("{folder}/{name}")));
                if next.len() > MAX_ENTRIES {
                    return Err(ProbeError::Unavailable(format!("{pattern} matches too much")));
                }
            }
            folders = next;
        }
        Ok(folders.first().map(|path| format!("{path} is there")))
    }

    fn write_test(&self, path: &str) -> Answer {
        const OTHERS_MAY_WRITE: u32 = 0o002;
        let found = self.0.find(path, Last::Keep)?;
        let writable =
            found.is_some_and(|found| found.is(SFlag::S_IFDIR) && found.stat.st_mode & OTHERS_MAY_WRITE != 0);
        Ok(writable.then(|| format!("an app can write in {path}")))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::gather;
    use moat_model::JailbreakLevel;
    use moat_policy::jailbreak::{BUILT_IN, Rules, evaluate};
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

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
        let rules = Rules::parse(BUILT_IN).unwrap();
        evaluate(&rules, &gather(&rules, &RootFolder::new(dir.path().to_path_buf())))
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

    #[test]
    fn no_link_and_no_pattern_looks_outside() {
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir_all(outside.path().join("jb-1/procursus")).unwrap();
        fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let root = tempfile::tempdir().unwrap();
        for link in ["out", "proc"] {
            std::os::unix::fs::symlink(outside.path(), root.path().join(link)).unwrap();
        }
        fs::write(outside.path().join("mounts"), "/dev/disk1 / apfs rw,nosuid 0 0\n").unwrap();
        let probe = RootFolder::new(root.path().to_path_buf());
        assert_eq!(probe.glob("/out/jb-*/procursus"), Ok(None));
        assert_eq!(probe.glob("/*/jb-*/procursus"), Ok(None));
        assert_eq!(probe.list("/out/", "jb-"), Ok(None));
        assert_eq!(probe.write_test("/out"), Ok(None));
        assert_eq!(probe.write_test("/out/"), Ok(None));
        assert!(matches!(probe.statfs("/", "rw"), Err(ProbeError::Unavailable(_))));
    }

    #[test]
    fn links_within_the_folder_are_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("private/var/jb")).unwrap();
        std::os::unix::fs::symlink("/private/var", root.path().join("var")).unwrap();
        std::os::unix::fs::symlink("../../private/var/jb", root.path().join("private/var/up")).unwrap();
        let probe = RootFolder::new(root.path().to_path_buf());
        assert!(probe.lstat("/var/jb", Some("dir")).unwrap().is_some());
        assert!(probe.lstat("/var/up", Some("symlink")).unwrap().is_some());
        assert!(probe.list("/var/", "j").unwrap().is_some());
        assert!(probe.glob("/v*/j*").unwrap().is_some());
    }

    #[test]
    fn what_cannot_be_read_is_not_absent() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("loop", root.path().join("loop")).unwrap();
        let probe = RootFolder::new(root.path().join("gone"));
        for answer in [
            probe.lstat("/var/jb", None),
            probe.write_test("/"),
            probe.glob("/x*"),
            probe.env("A"),
        ] {
            assert!(matches!(answer, Err(ProbeError::Unavailable(_))), "{answer:?}");
        }
        let probe = RootFolder::new(root.path().to_path_buf());
        assert!(matches!(probe.lstat("/loop/x", None), Err(ProbeError::Denied(_))));
        assert_eq!(probe.lstat("/other", None), Ok(None));
    }

    #[test]
    fn a_fifo_or_an_endless_file_stops_nothing() {
        let root = tempfile::tempdir().unwrap();
        let proc = root.path().join("proc");
        fs::create_dir_all(proc.join("self")).unwrap();
        nix::unistd::mkfifo(&proc.join("mounts"), Mode::from_bits_truncate(0o600)).unwrap();
        fs::File::create(proc.join("self/environ"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        let probe = RootFolder::new(root.path().to_path_buf());
        assert!(matches!(probe.statfs("/", "rw"), Err(ProbeError::Unavailable(_))));
        assert!(matches!(probe.env("A"), Err(ProbeError::Unavailable(_))));
    }
}
