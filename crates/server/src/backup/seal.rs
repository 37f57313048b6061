//! A file under a passphrase. Argon2id makes a key that belongs to this file alone, AES-256-GCM seals one part after the
//! other; number and end go into each nonce, so that parts can be neither left out, put elsewhere nor cut off.

use std::io::{self, Read, Write};

use anyhow::{Result, bail, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

use crate::secret::random_bytes;

/// How a sealed file begins.
pub const MAGIC: &[u8; 8] = b"MOATBAK1";
const SALT: usize = 16;
/// Magic, memory in KiB, passes, lanes, salt.
const HEADER: usize = MAGIC.len() + 3 * 4 + SALT;
const PART: usize = 64 << 10;
const TAG: usize = 16;
/// What is asked of Argon2id: 64 MiB, three passes, one lane.
const COST: [u32; 3] = [64 << 10, 3, 1];
/// The most that a file may ask for: a made-up one must not take the machine's memory.
const MOST: [u32; 3] = [1 << 20, 16, 16];

/// Seals what is written to it. Without [`Sealer::finish`] the file stays one that nobody opens.
pub struct Sealer<W> {
    inner: W,
    key: LessSafeKey,
    header: [u8; HEADER],
    part: Vec<u8>,
    number: u32,
}

impl<W: Write> Sealer<W> {
    pub fn new(mut inner: W, passphrase: &str) -> Result<Self> {
        let salt: [u8; SALT] = random_bytes();
        let mut header = [0; HEADER];
        let fields = MAGIC.iter().copied().chain(COST.into_iter().flat_map(u32::to_be_bytes));
        for (place, byte) in header.iter_mut().zip(fields.chain(salt)) {
            *place = byte;
        }
        inner.write_all(&header)?;
        Ok(Self {
            inner,
            key: key(passphrase, &salt, COST)?,
            header,
            part: Vec::with_capacity(PART + TAG),
            number: 0,
        })
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.inner)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.number, last);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&self.header), &mut self.part);
        let tag = tag.map_err(|_| io::Error::other("the backup cannot be encrypted"))?;
        self.inner.write_all(&self.part)?;
        self.inner.write_all(tag.as_ref())?;
        self.part.clear();
        self.number = next(self.number)?;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The last part is known only at the end: a full one waits until more comes.
        if self.part.len() == PART && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(PART - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads what a [`Sealer`] wrote. Each part is given out only after it was found to be what was written.
pub struct Opener<R> {
    inner: R,
    key: LessSafeKey,
    header: [u8; HEADER],
    /// The sealed part that comes next; the last one when nothing follows it.
    ahead: Vec<u8>,
    open: Vec<u8>,
    given: usize,
    number: u32,
    done: bool,
}

impl<R: Read> Opener<R> {
    /// `inner` stands after the magic.
    pub fn new(mut inner: R, passphrase: &str) -> Result<Self> {
        let mut header = [0; HEADER];
        let (magic, rest) = header.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        if inner.read_exact(rest).is_err() {
            bail!("the file is cut off");
        }
        let number = |at: usize| u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let cost = [number(0), number(4), number(8)];
        let bearable = cost.iter().zip(MOST).all(|(cost, most)| *cost <= most);
        ensure!(bearable, "the file is damaged: it asks for more memory than any backup");
        let key = key(passphrase, &rest[12..], cost)?;
        let ahead = part(&mut inner)?;
        let mut opener = Self {
            inner,
            key,
            header,
            ahead,
            open: Vec::new(),
            given: 0,
            number: 0,
            done: false,
        };
        let first = opener.advance();
        first.map_err(|_| anyhow::anyhow!("the passphrase is wrong, or the file is damaged or cut off"))?;
        Ok(opener)
    }

    fn advance(&mut self) -> io::Result<()> {
        let following = part(&mut self.inner)?;
        let last = following.is_empty();
        let mut sealed = std::mem::replace(&mut self.ahead, following);
        let damaged = || io::Error::other("the file is damaged or cut off");
        let length = sealed.len().checked_sub(TAG).ok_or_else(damaged)?;
        let tag = Tag::try_from(&sealed[length..]).map_err(|_| damaged())?;
        sealed.truncate(length);
        let (nonce, header) = (nonce(self.number, last), Aad::from(&self.header));
        let opened = self
            .key
            .open_in_place_separate_tag(nonce, header, tag, &mut sealed, 0..);
        opened.map_err(|_| damaged())?;
        (self.open, self.given, self.done) = (sealed, 0, last);
        self.number = next(self.number)?;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.open.len() && !self.done {
            self.advance()?;
        }
        let rest = &self.open[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

/// The next sealed part; empty at the end of the file.
fn part(inner: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(PART + TAG);
    inner.by_ref().take((PART + TAG) as u64).read_to_end(&mut part)?;
    Ok(part)
}

fn key(passphrase: &str, salt: &[u8], [memory, passes, lanes]: [u32; 3]) -> Result<LessSafeKey> {
    let wrong = |error: argon2::Error| anyhow::anyhow!("the key cannot be made: {error}");
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(wrong)?;
    let mut key = [0; 32];
    let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        passphrase.as_bytes(),
        salt,
        &mut key,
    );
    made.map_err(wrong)?;
    let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| anyhow::anyhow!("the key cannot be made"))?;
    Ok(LessSafeKey::new(key))
}

/// A key seals one file, so the number of the part never comes twice with it.
fn nonce(number: u32, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = last.into();
    Nonce::assume_unique_for_key(nonce)
}

fn next(number: u32) -> io::Result<u32> {
    number
        .checked_add(1)
        .ok_or_else(|| io::Error::other("the backup is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "correct horse battery";

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), PASSPHRASE).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(sealed: &[u8], passphrase: &str) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        Opener::new(&sealed[MAGIC.len()..], passphrase)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn what_was_sealed_comes_back_at_every_length_about_a_part() {
        for length in [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7] {
            let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let sealed = sealed(&plain);
            assert!(sealed.starts_with(MAGIC));
            assert_eq!(opened(&sealed, PASSPHRASE).unwrap(), plain, "{length}");
        }
    }

    #[test]
    fn another_passphrase_opens_nothing() {
        let error = opened(&sealed(b"secret"), "correct horse batterY").unwrap_err();
        assert!(error.to_string().contains("the passphrase is wrong"), "{error}");
    }

    #[test]
    fn nothing_can_be_cut_off_changed_left_out_or_swapped() {
        let whole = sealed(&vec![7; 2 * PART + 100]);
        let first = HEADER..HEADER + PART + TAG;
        let second = first.end..first.end + PART + TAG;
        let cuts = [
            MAGIC.len() + 3,
            HEADER,
            HEADER + 5,
            first.end,
            second.end,
            whole.len() - 1,
        ];
        for cut in cuts {
            assert!(opened(&whole[..cut], PASSPHRASE).is_err(), "cut at {cut}");
        }
        for at in [
            MAGIC.len(),
            HEADER - 1,
            HEADER,
            first.end - 1,
            second.start,
            whole.len() - 1,
        ] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, PASSPHRASE).is_err(), "changed at {at}");
        }
        let swapped = [
            &whole[..HEADER],
            &whole[second.clone()],
            &whole[first.clone()],
            &whole[second.end..],
        ]
        .concat();
        let left_out = [&whole[..first.end], &whole[second.end..]].concat();
        let longer = [&whole[..], &whole[second]].concat();
        for changed in [swapped, left_out, longer] {
            assert!(opened(&changed, PASSPHRASE).is_err());
        }
    }

    #[test]
    fn a_made_up_file_takes_no_memory() {
        let mut greedy = sealed(b"");
        greedy[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(
            opened(&greedy, PASSPHRASE)
                .unwrap_err()
                .to_string()
                .contains("more memory")
        );
    }
}
