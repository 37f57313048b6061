//! The entries of a feed as they are kept: canonical, sorted, one a line, compressed. A row each in the database would make
//! a million of them slow.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use moat_indicators::FeedEntry;
use moat_model::IndicatorType;
use sha2::{Digest as _, Sha256};

use super::parse::MAX_BYTES;
use crate::{
    App,
    error::{Error, Result},
};

/// Kinds of entries, with the letters that their lines begin with: of what is listed, and of an exception.
const LETTERS: [(IndicatorType, char, char); 3] = [
    (IndicatorType::DomainName, 'd', 'D'),
    (IndicatorType::Url, 'u', 'U'),
    (IndicatorType::IpAddress, 'i', 'I'),
];

/// A line for an entry.
pub fn line(kind: IndicatorType, value: &str, exception: bool) -> Option<String> {
    let (_, plain, except) = LETTERS.iter().find(|(known, ..)| *known == kind)?;
    Some(format!("{}{value}", if exception { except } else { plain }))
}

/// The entry of a line.
pub fn entry(line: &str) -> Option<FeedEntry<'_>> {
    let letter = line.chars().next()?;
    let (kind, _, except) = LETTERS.iter().find(|(_, p, e)| *p == letter || *e == letter)?;
    Some(FeedEntry {
        kind: *kind,
        value: line.get(1..)?,
        exception: letter == *except,
    })
}

/// Sorted lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    pub fn of_lines(lines: &[String]) -> Self {
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        Self(text)
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }

    pub fn entries(&self) -> impl Iterator<Item = FeedEntry<'_>> {
        self.lines().filter_map(entry)
    }

    /// What it is known by: 128 bits of its SHA-256, in hexadecimal.
    pub fn hash(&self) -> String {
        let hash = Sha256::digest(&self.0);
        hex::encode(hash.get(..16).unwrap_or_default())
    }

    fn packed(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(self.0.as_bytes())?;
        encoder.finish()
    }

    fn unpacked(bytes: &[u8]) -> std::io::Result<Self> {
        let mut text = String::new();
        // Canonical entries are at most three times as long as they came: `é` as `%C3%A9`.
        let most = 4 * MAX_BYTES as u64;
        GzDecoder::new(bytes).take(most).read_to_string(&mut text)?;
        Ok(Self(text))
    }
}

/// The file of the data folder that keeps the entries of a feed.
fn file(number: u16, hash: &str) -> String {
    format!("feed-{number}-{hash}.gz")
}

pub fn write(app: &App, number: u16, content: &Content) -> Result<String> {
    let hash = content.hash();
    let bytes = content.packed().map_err(Error::internal)?;
    app.data
        .write_private(&file(number, &hash), &bytes)
        .map_err(Error::Internal)?;
    Ok(hash)
}

/// The entries; none when their file is gone or damaged.
pub fn read(app: &App, number: u16, hash: &str) -> Option<Content> {
    let name = file(number, hash);
    let read = std::fs::read(app.data.path().join(&name)).and_then(|bytes| Content::unpacked(&bytes));
    match read {
        Ok(content) if content.hash() == hash => Some(content),
        Ok(_) => {
            tracing::error!(name, "the entries of a feed are damaged");
            None
        }
        Err(error) => {
            tracing::error!(name, %error, "the entries of a feed cannot be read");
            None
        }
    }
}

pub fn is_there(app: &App, number: u16, hash: &str) -> bool {
    app.data.path().join(file(number, hash)).exists()
}

pub fn remove(app: &App, number: u16, hash: &str) {
    if let Err(error) = app.data.remove(&file(number, hash)) {
        tracing::warn!(error = format!("{error:#}"), "an old file of a feed stays");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_they_are() {
        for (kind, value, exception) in [
            (IndicatorType::DomainName, "evil.example", false),
            (IndicatorType::Url, "evil.example/x y", true),
            (IndicatorType::IpAddress, "2001:db8::/32", false),
        ] {
            let text = line(kind, value, exception).unwrap();
            let expected = FeedEntry { kind, value, exception };
            assert_eq!(entry(&text), Some(expected));
        }
        assert_eq!((entry("x"), entry("")), (None, None));
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let content = Content::of_lines(&["da.example".into(), "ub.example/x".into()]);
        let packed = content.packed().unwrap();
        assert_eq!(Content::unpacked(&packed).unwrap(), content);
        assert!(Content::unpacked(&packed[..packed.len() - 9]).is_err());
        assert_eq!(content.hash().len(), 32);
    }
}
