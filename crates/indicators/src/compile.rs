use std::{borrow::Borrow, collections::HashMap, net::IpAddr};

use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};
use siphasher::sip::SipHasher24;

use crate::{
    domain::{Domain, InvalidDomain},
    feeds::MAX_FEEDS,
    ip::{InvalidIp, Prefix},
    url::{InvalidUrl, UrlPattern, host_key},
};

/// An indicator as the compiler takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: IndicatorId,
    pub kind: IndicatorType,
    pub value: String,
    pub action: Action,
    pub severity: Severity,
    pub title: String,
    pub generate_alert: bool,
    pub expires: Option<Timestamp>,
    pub bypass_hours: Option<u32>,
    pub educate_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("indicator {0}: {1}")]
    Domain(IndicatorId, InvalidDomain),
    #[error("indicator {0}: {1}")]
    Url(IndicatorId, InvalidUrl),
    #[error("indicator {0}: {1}")]
    Ip(IndicatorId, InvalidIp),
    #[error("the indicators need more than 4 GiB")]
    TooLarge,
    #[error("there are more than {MAX_FEEDS} feeds")]
    TooManyFeeds,
}

pub(crate) const MAGIC: &[u8; 8] = b"MOATIND1";
/// Magic, salt, six counts.
pub(crate) const HEADER: usize = 8 + 16 + 6 * 4;
pub(crate) const ENTRY: usize = 40;
pub(crate) const SLOT: usize = 12;
pub(crate) const HOST_SLOT: usize = 8;
pub(crate) const V4_SLOT: usize = 9;
pub(crate) const V6_SLOT: usize = 21;
pub(crate) const FLAG_ALERT: u8 = 1;
/// A URL without a path: matches its host, not the subdomains.
pub(crate) const FLAG_HOST_ONLY: u8 = 2;
pub(crate) const NEVER: i64 = i64::MAX;

/// Compiles indicators into the bytes that [`crate::IndicatorSet`] opens. Types that devices do not enforce are skipped.
/// `salt` keys the hashes, so that nobody can prepare names that collide.
pub fn compile(entries: impl IntoIterator<Item = impl Borrow<Entry>>, salt: [u8; 16]) -> Result<Vec<u8>, CompileError> {
    let mut compiler = Compiler {
        hasher: SipHasher24::new_with_key(&salt),
        ..Compiler::default()
    };
    for entry in entries {
        compiler.add(entry.borrow())?;
    }
    compiler.finish(salt)
}

#[derive(Default)]
struct Compiler {
    hasher: SipHasher24,
    entries: Vec<u8>,
    count: u32,
    hosts: Vec<(u64, u32)>,
    urls: Vec<(u64, u32)>,
    path_hosts: Vec<u64>,
    v4: Vec<(u8, u32, u32)>,
    v6: Vec<(u8, u128, u32)>,
    strings: Vec<u8>,
    interned: HashMap<String, u32>,
}

impl Compiler {
    fn add(&mut self, entry: &Entry) -> Result<(), CompileError> {
        let index = self.count;
        let mut flags = if entry.generate_alert { FLAG_ALERT } else { 0 };
        let value = match entry.kind {
            IndicatorType::DomainName => {
                let domain = Domain::parse(&entry.value).map_err(|e| CompileError::Domain(entry.id, e))?;
                self.hosts.push((self.hasher.hash(domain.as_str().as_bytes()), index));
                domain.to_string()
            }
            IndicatorType::Url => {
                let url = UrlPattern::parse(&entry.value).map_err(|e| CompileError::Url(entry.id, e))?;
                let host = host_key(url.host()).into_owned();
                let host_hash = self.hasher.hash(host.as_bytes());
                if url.path().is_empty() {
                    flags |= FLAG_HOST_ONLY;
                    self.hosts.push((host_hash, index));
                    host
                } else {
                    let url = host + url.path();
                    self.urls.push((self.hasher.hash(url.as_bytes()), index));
                    self.path_hosts.push(host_hash);
                    url
                }
            }
            IndicatorType::IpAddress => {
                let prefix = Prefix::parse(&entry.value).map_err(|e| CompileError::Ip(entry.id, e))?;
                match prefix.addr() {
                    IpAddr::V4(ip) => self.v4.push((prefix.prefix_len(), ip.into(), index)),
                    IpAddr::V6(ip) => self.v6.push((prefix.prefix_len(), ip.into(), index)),
                }
                prefix.to_string()
            }
            _ => return Ok(()),
        };
        self.push_record(entry, &value, flags)
    }

    fn push_record(&mut self, entry: &Entry, value: &str, flags: u8) -> Result<(), CompileError> {
        let value = self.append(value)?;
        let title = self.intern(&entry.title)?;
        let educate = self.intern(entry.educate_url.as_deref().unwrap_or_default())?;
        let position = |all: &[IndicatorType]| all.iter().position(|t| *t == entry.kind).unwrap_or(0) as u8;
        let action = Action::ALL
            .iter()
            .position(|a| *a == entry.action.enforced_as())
            .unwrap_or(0) as u8;
        let severity = Severity::ALL.iter().position(|s| *s == entry.severity).unwrap_or(0) as u8;
        let out = &mut self.entries;
        out.extend(entry.id.0.to_le_bytes());
        out.extend(entry.expires.map_or(NEVER, Timestamp::as_micros).to_le_bytes());
        for number in [value, title, educate, entry.bypass_hours.unwrap_or(0)] {
            out.extend(number.to_le_bytes());
        }
        out.extend([position(IndicatorType::ALL), action, severity, flags, 0, 0, 0, 0]);
        self.count = self.count.checked_add(1).ok_or(CompileError::TooLarge)?;
        Ok(())
    }

    /// Appends a string and gives its offset. Longer ones than a length of 16 bits can say are cut at a character.
    fn append(&mut self, text: &str) -> Result<u32, CompileError> {
        let at = u32::try_from(self.strings.len()).map_err(|_| CompileError::TooLarge)?;
        let end = (0..=text.len().min(usize::from(u16::MAX)))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        let text = text.get(..end).unwrap_or_default();
        self.strings.extend((text.len() as u16).to_le_bytes());
        self.strings.extend(text.as_bytes());
        Ok(at)
    }

    /// As [`Self::append`], but equal strings share one place.
    fn intern(&mut self, text: &str) -> Result<u32, CompileError> {
        if let Some(at) = self.interned.get(text) {
            return Ok(*at);
        }
        let at = self.append(text)?;
        self.interned.insert(text.to_string(), at);
        Ok(at)
    }

    fn finish(mut self, salt: [u8; 16]) -> Result<Vec<u8>, CompileError> {
        self.hosts.sort_unstable();
        self.urls.sort_unstable();
        self.path_hosts.sort_unstable();
        self.path_hosts.dedup();
        self.v4.sort_unstable();
        self.v6.sort_unstable();
        let mut out = Vec::with_capacity(HEADER + self.entries.len() + self.strings.len() + SLOT * self.hosts.len());
        out.extend(MAGIC);
        out.extend(salt);
        let counts = [
            self.count as usize,
            self.hosts.len(),
            self.urls.len(),
            self.path_hosts.len(),
            self.v4.len(),
            self.v6.len(),
        ];
        for count in counts {
            out.extend(u32::try_from(count).map_err(|_| CompileError::TooLarge)?.to_le_bytes());
        }
        out.extend(&self.entries);
        for (hash, index) in self.hosts.iter().chain(&self.urls) {
            out.extend(hash.to_le_bytes());
            out.extend(index.to_le_bytes());
        }
        out.extend(self.path_hosts.iter().flat_map(|hash| hash.to_le_bytes()));
        for (len, addr, index) in &self.v4 {
            out.push(*len);
            out.extend(addr.to_le_bytes());
            out.extend(index.to_le_bytes());
        }
        for (len, addr, index) in &self.v6 {
            out.push(*len);
            out.extend(addr.to_le_bytes());
            out.extend(index.to_le_bytes());
        }
        out.extend(&self.strings);
        Ok(out)
    }
}
