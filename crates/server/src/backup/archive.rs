//! The file of a backup: a gzipped tar of the data folder's files, then a manifest with their checksums. The manifest comes
//! last, so that a file that broke off is never taken for a whole one.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::seal::{self, Opener};
use crate::feeds::known_good;

/// The format that this program writes and reads.
pub const FORMAT: u32 = 1;
pub const DATABASE: &str = "moat.db";
/// Without these the folder is none.
pub const NEEDED: [&str; 6] = [DATABASE, "ca.pem", "ca.key", "bundle.key", "token.key", "link.key"];
pub const CONFIGURATION: &str = "moat.toml";
pub const LANGUAGES: &str = "languages";
const MANIFEST: &str = "manifest.json";
/// The largest file beside the database and lists.
const MAX_FILE: u64 = 1 << 20;
const MAX_LIST: u64 = 1 << 28;
const MAX_FILES: usize = 200;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub format: u32,
    pub id: String,
    /// Of the program that made it.
    pub version: String,
    /// Of its tables.
    pub schema: i64,
    pub made_at: String,
    /// The organisation that it is of.
    pub tenant: String,
    pub files: Vec<Entry>,
    /// Files that the configuration names and that lie elsewhere.
    pub left_out: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Writes the files, each with the name that it has in the data folder, and fills in the manifest.
pub fn write<W: Write>(output: W, files: &[(String, PathBuf)], mut manifest: Manifest) -> Result<(W, Manifest)> {
    let mut tar = Builder::new(GzEncoder::new(output, Compression::fast()));
    for (name, path) in files {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = file.metadata()?.len();
        let mut source = Hashed::new(file);
        append(&mut tar, name, bytes, &mut source).with_context(|| format!("cannot read {}", path.display()))?;
        manifest.files.push(source.entry(name));
    }
    let text = serde_json::to_vec_pretty(&manifest)?;
    append(&mut tar, MANIFEST, text.len() as u64, text.as_slice())?;
    Ok((tar.into_inner()?.finish()?, manifest))
}

fn append(tar: &mut Builder<impl Write>, name: &str, bytes: u64, source: impl Read) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(bytes);
    let mut counted = Counted(source.take(bytes), 0);
    tar.append_data(&mut header, name, &mut counted)?;
    ensure!(counted.1 == bytes, "it became shorter meanwhile");
    Ok(())
}

/// Opens a backup, with its passphrase when it has one.
pub fn open(path: &Path, passphrase: Option<&str>) -> Result<Box<dyn Read>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut start = Vec::new();
    (&file).take(seal::MAGIC.len() as u64).read_to_end(&mut start)?;
    match (start.as_slice() == seal::MAGIC, passphrase) {
        (true, Some(passphrase)) => Ok(Box::new(Opener::new(file, passphrase)?)),
        (true, None) => bail!("it is encrypted: give its passphrase with --passphrase-file"),
        (false, _) if !start.starts_with(&GZIP) => bail!("it is no backup of Moat"),
        // Whoever expects an encrypted file must not be given another one in its place.
        (false, Some(_)) => bail!("it is not encrypted: leave the passphrase out"),
        (false, None) => Ok(Box::new(io::Cursor::new(start).chain(file))),
    }
}

/// Reads a backup to its end and checks it against its manifest. Each file goes through `take`, which sees it before it is
/// known to be right.
pub fn read(input: impl Read, mut take: impl FnMut(&str, &mut dyn Read) -> Result<()>) -> Result<Manifest> {
    let damaged = "the file is damaged or cut off";
    let (mut manifest, mut found) = (None, Vec::new());
    let mut tar = Archive::new(GzDecoder::new(io::BufReader::new(input)));
    for entry in tar.entries().context(damaged)? {
        let mut entry = entry.context(damaged)?;
        ensure!(manifest.is_none(), "something follows its manifest");
        ensure!(found.len() < MAX_FILES, "it has more than {MAX_FILES} files");
        let name = entry.path().context(damaged)?.to_string_lossy().into_owned();
        let (is_file, bytes) = (entry.header().entry_type() == EntryType::Regular, entry.size());
        ensure!(is_file && is_known(&name), "it has a file that no backup has: {name:?}");
        let most = if is_list(&name) { MAX_LIST } else { MAX_FILE };
        ensure!(
            name == DATABASE || bytes <= most,
            "{name} has {bytes} bytes, which is too many"
        );
        let mut source = Hashed::new(&mut entry);
        if name == MANIFEST {
            manifest =
                Some(serde_json::from_reader::<_, Manifest>(&mut source).context("its manifest cannot be read")?);
            continue;
        }
        ensure!(
            found.iter().all(|known: &Entry| known.name != name),
            "it has {name} twice"
        );
        take(&name, &mut source)?;
        io::copy(&mut source, &mut io::sink()).context(damaged)?;
        ensure!(source.bytes == bytes, damaged);
        found.push(source.entry(&name));
    }
    // The checksum of the compressed stream, and the last sealed part, come behind the archive's own end.
    let mut rest = tar.into_inner();
    io::copy(&mut rest, &mut io::sink()).context(damaged)?;
    let after = io::copy(&mut rest.into_inner(), &mut io::sink()).context(damaged)?;
    ensure!(after == 0, "something follows its end");
    check(manifest.context("it is not whole: its manifest is missing")?, &found)
}

fn check(manifest: Manifest, found: &[Entry]) -> Result<Manifest> {
    let (format, version) = (manifest.format, &manifest.version);
    ensure!(
        format == FORMAT,
        "it has format {format}, of Moat {version}, which this program does not know"
    );
    for entry in &manifest.files {
        let name = &entry.name;
        let there = found.iter().find(|there| there.name == *name);
        let there = there.with_context(|| format!("{name} is missing"))?;
        ensure!(there == entry, "{name} is not what was backed up: its checksum differs");
    }
    ensure!(
        found.len() == manifest.files.len(),
        "it has a file that its manifest does not name"
    );
    let has = |name: &&str| manifest.files.iter().any(|entry| entry.name == *name);
    if let Some(name) = NEEDED.iter().find(|name| !has(name)) {
        bail!("{name} is missing");
    }
    Ok(manifest)
}

/// Whether a backup may have a file of this name. Nothing else is ever written to a folder.
fn is_known(name: &str) -> bool {
    let language = || {
        let file = name.strip_prefix(LANGUAGES)?.strip_prefix('/')?.strip_suffix(".ftl")?;
        Some(
            file.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                && !file.is_empty(),
        )
    };
    NEEDED.contains(&name) || name == CONFIGURATION || name == MANIFEST || is_list(name) || language().unwrap_or(false)
}

/// The names that are known to be good, or the entries of a feed: `feed-NUMBER-HASH.gz`.
pub fn is_list(name: &str) -> bool {
    let parts = || name.strip_prefix("feed-")?.strip_suffix(".gz")?.split_once('-');
    let is_feed = parts().is_some_and(|(number, hash)| {
        number.parse::<u16>().is_ok() && hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit())
    });
    is_feed || name == known_good::FILE
}

/// A file that goes into a backup under this name.
pub fn is_language(name: &str) -> bool {
    is_known(&format!("{LANGUAGES}/{name}"))
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    fn entry(self, name: &str) -> Entry {
        Entry {
            name: name.to_string(),
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
        }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1 += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            id: "b".into(),
            version: "0".into(),
            schema: 1,
            made_at: String::new(),
            tenant: "t".into(),
            files: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn archive(folder: &Path, names: &[&str]) -> Vec<u8> {
        let file = |name: &&str| {
            let path = folder.join(name.replace('/', "-"));
            std::fs::write(&path, format!("this is {name}").repeat(100)).unwrap();
            (name.to_string(), path)
        };
        let files: Vec<_> = names.iter().map(file).collect();
        write(Vec::new(), &files, manifest()).unwrap().0
    }

    fn names(archive: &[u8]) -> Result<Vec<String>> {
        let mut seen = Vec::new();
        let manifest = read(archive, |name, _| {
            seen.push(name.to_string());
            Ok(())
        })?;
        assert_eq!(seen, manifest.files.iter().map(|f| f.name.clone()).collect::<Vec<_>>());
        Ok(seen)
    }

    #[test]
    fn a_whole_one_is_read_and_every_other_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let feed = "feed-7-0123456789abcdef0123456789abcdef.gz";
        let all = [
            &NEEDED[..],
            &[CONFIGURATION, feed, known_good::FILE, "languages/fr.ftl"],
        ]
        .concat();
        let whole = archive(folder.path(), &all);
        assert_eq!(names(&whole).unwrap(), all);
        for cut in (0..whole.len()).step_by(7) {
            assert!(names(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
        }
        let mut accepted = 0;
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            // Some bits of gzip's header say nothing, and repeated text can be written in several ways.
            if let Ok(same) = names(&changed) {
                assert_eq!(same, all, "changed at {at}");
                accepted += 1;
            }
        }
        assert!(accepted < whole.len() / 20, "{accepted} of {}", whole.len());
        let longer = [whole.as_slice(), b"x"].concat();
        assert!(names(&longer).unwrap_err().to_string().contains("follows its end"));
    }

    #[test]
    fn files_that_a_backup_needs_and_others_that_it_must_not_have() {
        let folder = tempfile::tempdir().unwrap();
        let error = names(&archive(folder.path(), &NEEDED[1..])).unwrap_err();
        assert_eq!(error.to_string(), "moat.db is missing");
        for foreign in [
            "admin.sock",
            "languages/x.sh",
            "languages/a/b.ftl",
            "languages/.ftl",
            "feed-7-0123.gz",
            "feed-x-0123456789abcdef0123456789abcdef.gz",
            "sub/moat.db",
        ] {
            let error = names(&archive(folder.path(), &[&NEEDED[..], &[foreign]].concat())).unwrap_err();
            assert!(error.to_string().contains("that no backup has"), "{foreign}: {error}");
        }
        let twice = archive(folder.path(), &[&NEEDED[..], &["ca.pem"]].concat());
        assert!(names(&twice).unwrap_err().to_string().contains("twice"));
    }
}
