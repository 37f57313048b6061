//! The tier of feeds: lists of others, looked up only where the organisation's own indicators say nothing. A list may have a
//! million names, so nothing is held per entry but a hash of 64 bits and whose it is.

use std::net::IpAddr;

use moat_model::{Action, IndicatorId, IndicatorType, Severity};
use siphasher::sip::SipHasher24;

use crate::{
    bytes::{SharedBytes, array_at, u8_at, u16_at, u32_at, u64_at},
    compile::{CompileError, FLAG_ALERT},
    ip::{Prefix, mask},
    matching::{Match, Specificity, Tier},
    set::{OpenError, Section, partition, prefixes},
};

/// Most feeds in one file.
pub const MAX_FEEDS: usize = 64;

pub(crate) const MAGIC: &[u8; 8] = b"MOATFED1";
/// Magic, salt, six counts.
const HEADER: usize = 8 + 16 + 6 * 4;
/// Number, action, severity, flags, zero, name.
const FEED: usize = 2 + 1 + 1 + 1 + 3 + 4;
const SLOT: usize = 8 + 2;
const HOST_SLOT: usize = 8 + 1;
const V4_SLOT: usize = 1 + 4 + 2;
const V6_SLOT: usize = 1 + 16 + 2;

/// In a slot's tag, beside the place of its feed: the feed spares what the slot names.
const EXCEPTION: u16 = 1 << 15;
/// The host itself, not what lies below it.
const HOST_ONLY: u16 = 1 << 14;
const PLACE: u16 = HOST_ONLY - 1;

/// Numbers of entries begin here: below are those of indicators.
const FIRST_ID: u64 = 1 << 62;
const ENTRY_BITS: u32 = 46;
const ENTRY_MASK: u64 = (1 << ENTRY_BITS) - 1;

/// A feed as the compiler takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub number: u16,
    pub name: String,
    pub action: Action,
    pub severity: Severity,
    pub generate_alert: bool,
}

/// An entry of a feed, in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedEntry<'a> {
    /// One of DomainName, Url and IpAddress.
    pub kind: IndicatorType,
    pub value: &'a str,
    /// The feed covers it, but for this.
    pub exception: bool,
}

/// The feed whose entry has this number; none for an indicator's.
#[must_use]
pub fn feed_of(id: IndicatorId) -> Option<u16> {
    let number = id.0.checked_sub(FIRST_ID)? >> ENTRY_BITS;
    u16::try_from(number).ok()
}

/// The numbers that entries of a feed can have: the first, and the last.
#[must_use]
pub fn entry_ids(feed: u16) -> (IndicatorId, IndicatorId) {
    (entry_id(feed, 0), entry_id(feed, ENTRY_MASK))
}

/// What an entry is known by on devices and in alerts: the same as long as the salt is, whatever else the feed holds.
fn entry_id(feed: u16, hash: u64) -> IndicatorId {
    IndicatorId(FIRST_ID | u64::from(feed) << ENTRY_BITS | hash & ENTRY_MASK)
}

/// Compiles feeds into the bytes of the tier. The salt must stay the same for as long as entries are to keep their numbers.
pub struct FeedCompiler {
    salt: [u8; 16],
    hasher: SipHasher24,
    feeds: Vec<u8>,
    count: u16,
    /// Whether paths of the feed that is read are not blocked.
    spares: bool,
    hosts: Vec<(u64, u16)>,
    urls: Vec<(u64, u16)>,
    path_hosts: Vec<(u64, bool)>,
    v4: Vec<(u8, u32, u16)>,
    v6: Vec<(u8, u128, u16)>,
    strings: Vec<u8>,
}

impl FeedCompiler {
    #[must_use]
    pub fn new(salt: [u8; 16]) -> Self {
        Self {
            salt,
            hasher: SipHasher24::new_with_key(&salt),
            feeds: Vec::new(),
            count: 0,
            spares: false,
            hosts: Vec::new(),
            urls: Vec::new(),
            path_hosts: Vec::new(),
            v4: Vec::new(),
            v6: Vec::new(),
            strings: Vec::new(),
        }
    }

    /// Begins a feed: the entries that follow are its.
    pub fn begin(&mut self, feed: &Feed) -> Result<(), CompileError> {
        if usize::from(self.count) >= MAX_FEEDS {
            return Err(CompileError::TooManyFeeds);
        }
        let action = feed.action.enforced_as();
        let place = |found: Option<usize>| u8::try_from(found.unwrap_or(0)).unwrap_or(0);
        let name = u32::try_from(self.strings.len()).map_err(|_| CompileError::TooLarge)?;
        let length = u16::try_from(feed.name.len()).map_err(|_| CompileError::TooLarge)?;
        self.strings.extend(length.to_le_bytes());
        self.strings.extend(feed.name.as_bytes());
        self.feeds.extend(feed.number.to_le_bytes());
        self.feeds.extend([
            place(Action::ALL.iter().position(|a| *a == action)),
            place(Severity::ALL.iter().position(|s| *s == feed.severity)),
            if feed.generate_alert { FLAG_ALERT } else { 0 },
            0,
            0,
            0,
        ]);
        self.feeds.extend(name.to_le_bytes());
        self.count += 1;
        self.spares = action != Action::Block;
        Ok(())
    }

    /// Adds an entry of the feed that was begun last. A value that is not canonical matches nothing.
    pub fn add(&mut self, entry: FeedEntry<'_>) {
        let Some(place) = self.count.checked_sub(1) else { return };
        let tag = place | if entry.exception { EXCEPTION } else { 0 };
        match entry.kind {
            IndicatorType::DomainName => self.hosts.push((self.hasher.hash(entry.value.as_bytes()), tag)),
            IndicatorType::Url => {
                let end = entry.value.find(['/', '?']).unwrap_or(entry.value.len());
                let (host, target) = entry.value.split_at_checked(end).unwrap_or((entry.value, ""));
                let host = self.hasher.hash(host.as_bytes());
                if matches!(target, "" | "/") {
                    self.hosts.push((host, tag | HOST_ONLY));
                } else {
                    self.urls.push((self.hasher.hash(entry.value.as_bytes()), tag));
                    self.path_hosts.push((host, self.spares || entry.exception));
                }
            }
            IndicatorType::IpAddress => {
                let Ok(prefix) = Prefix::parse(entry.value) else { return };
                match prefix.addr() {
                    IpAddr::V4(ip) => self.v4.push((prefix.prefix_len(), ip.into(), tag)),
                    IpAddr::V6(ip) => self.v6.push((prefix.prefix_len(), ip.into(), tag)),
                }
            }
            _ => {}
        }
    }

    pub fn finish(mut self) -> Result<Vec<u8>, CompileError> {
        for table in [&mut self.hosts, &mut self.urls] {
            table.sort_unstable();
            table.dedup();
        }
        // A host is spared when any of its entries spares it.
        self.path_hosts.sort_unstable_by_key(|(hash, spares)| (*hash, !*spares));
        self.path_hosts.dedup_by_key(|(hash, _)| *hash);
        self.v4.sort_unstable();
        self.v4.dedup();
        self.v6.sort_unstable();
        self.v6.dedup();
        let mut out = Vec::with_capacity(HEADER + self.feeds.len() + SLOT * (self.hosts.len() + self.urls.len()));
        out.extend(MAGIC);
        out.extend(self.salt);
        let counts = [
            usize::from(self.count),
            self.hosts.len(),
            self.urls.len(),
            self.path_hosts.len(),
            self.v4.len(),
            self.v6.len(),
        ];
        for count in counts {
            out.extend(u32::try_from(count).map_err(|_| CompileError::TooLarge)?.to_le_bytes());
        }
        out.extend(&self.feeds);
        for (hash, tag) in self.hosts.iter().chain(&self.urls) {
            out.extend(hash.to_le_bytes());
            out.extend(tag.to_le_bytes());
        }
        for (hash, spares) in &self.path_hosts {
            out.extend(hash.to_le_bytes());
            out.push(u8::from(*spares));
        }
        for (len, addr, tag) in &self.v4 {
            out.push(*len);
            out.extend(addr.to_le_bytes());
            out.extend(tag.to_le_bytes());
        }
        for (len, addr, tag) in &self.v6 {
            out.push(*len);
            out.extend(addr.to_le_bytes());
            out.extend(tag.to_le_bytes());
        }
        out.extend(&self.strings);
        Ok(out)
    }
}

/// Compiled feeds, read in place.
#[derive(Clone)]
pub(crate) struct FeedSet {
    bytes: SharedBytes,
    hasher: SipHasher24,
    feeds: Section,
    hosts: Section,
    urls: Section,
    path_hosts: Section,
    v4: Section,
    v6: Section,
    strings: usize,
}

/// What is looked up, in canonical form.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen<'a> {
    pub host: Option<&'a str>,
    /// Path with query.
    pub target: Option<&'a str>,
    pub ip: Option<IpAddr>,
}

/// A slot that fits.
struct Hit {
    tag: u16,
    kind: IndicatorType,
    hash: u64,
    value: String,
    specificity: Specificity,
}

impl Hit {
    const fn place(&self) -> u16 {
        self.tag & PLACE
    }

    const fn is_exception(&self) -> bool {
        self.tag & EXCEPTION != 0
    }
}

impl FeedSet {
    pub fn open(bytes: SharedBytes) -> Result<Self, OpenError> {
        let data = bytes.as_slice();
        if data.get(..8) != Some(MAGIC) {
            return Err(OpenError::Magic);
        }
        let salt: [u8; 16] = array_at(data, 8).ok_or(OpenError::Truncated)?;
        let sizes = [FEED, SLOT, SLOT, HOST_SLOT, V4_SLOT, V6_SLOT];
        let ([feeds, hosts, urls, path_hosts, v4, v6], strings) = Section::all(data, HEADER, sizes)?;
        Ok(Self {
            hasher: SipHasher24::new_with_key(&salt),
            bytes,
            feeds,
            hosts,
            urls,
            path_hosts,
            v4,
            v6,
            strings,
        })
    }

    /// Entries of all feeds.
    pub fn len(&self) -> usize {
        [self.hosts, self.urls, self.v4, self.v6].iter().map(|t| t.count).sum()
    }

    /// What the feeds say, in no order. A feed that has an exception for any of it says nothing.
    pub fn matches(&self, seen: Seen<'_>) -> Vec<Match> {
        let mut hits = Vec::new();
        if let Some(host) = seen.host {
            self.match_host(host, &mut hits);
            if let Some(target) = seen
                .target
                .filter(|_| self.urls.count > 0 && self.has_paths_below(host))
            {
                self.match_target(host, target, &mut hits);
            }
        }
        if let Some(ip) = seen.ip {
            self.match_ip(ip.to_canonical(), &mut hits);
        }
        let spared: Vec<u16> = hits.iter().filter(|h| h.is_exception()).map(Hit::place).collect();
        hits.retain(|hit| !spared.contains(&hit.place()));
        hits.into_iter().filter_map(|hit| self.match_of(hit)).collect()
    }

    pub fn has_paths_below(&self, host: &str) -> bool {
        self.path_host(host).is_some()
    }

    /// Whether an entry does not block a path on this host.
    pub fn spares_paths_below(&self, host: &str) -> bool {
        self.path_host(host) == Some(true)
    }

    fn path_host(&self, host: &str) -> Option<bool> {
        let (data, table) = (self.bytes.as_slice(), self.path_hosts);
        let hash = self.hasher.hash(host.as_bytes());
        let at = table.start + first_with(data, table, HOST_SLOT, hash)? * HOST_SLOT;
        Some(u8_at(data, at + 8)? != 0)
    }

    fn match_host(&self, host: &str, hits: &mut Vec<Hit>) {
        let mut suffix = host;
        loop {
            let exact = suffix.len() == host.len();
            let hash = self.hasher.hash(suffix.as_bytes());
            self.each_with_hash(self.hosts, hash, |tag| {
                if !exact && tag & HOST_ONLY != 0 {
                    return;
                }
                let labels = u8::try_from(suffix.split('.').count()).unwrap_or(u8::MAX);
                hits.push(Hit {
                    tag,
                    hash,
                    kind: match tag & HOST_ONLY {
                        0 => IndicatorType::DomainName,
                        _ => IndicatorType::Url,
                    },
                    value: suffix.to_string(),
                    specificity: match exact {
                        true => Specificity::ExactHost,
                        false => Specificity::ParentDomain(labels),
                    },
                });
            });
            match suffix.split_once('.') {
                Some((_, parent)) if !parent.is_empty() => suffix = parent,
                _ => break,
            }
        }
    }

    fn match_target(&self, host: &str, target: &str, hits: &mut Vec<Hit>) {
        prefixes(self.hasher, host, target, |hash, prefix| {
            self.each_with_hash(self.urls, hash, |tag| {
                hits.push(Hit {
                    tag,
                    hash,
                    kind: IndicatorType::Url,
                    value: format!("{host}{prefix}"),
                    specificity: Specificity::Path(u16::try_from(prefix.len()).unwrap_or(u16::MAX)),
                });
            });
        });
    }

    fn each_with_hash(&self, table: Section, hash: u64, mut each: impl FnMut(u16)) {
        let data = self.bytes.as_slice();
        let Some(first) = first_with(data, table, SLOT, hash) else {
            return;
        };
        for i in first..table.count {
            let at = table.start + i * SLOT;
            match (u64_at(data, at), u16_at(data, at + 8)) {
                (Some(found), Some(tag)) if found == hash => each(tag),
                _ => break,
            }
        }
    }

    fn match_ip(&self, ip: IpAddr, hits: &mut Vec<Hit>) {
        let (table, size, more) = match ip {
            IpAddr::V4(_) => (self.v4, V4_SLOT, 96u8),
            IpAddr::V6(_) => (self.v6, V6_SLOT, 0),
        };
        let data = self.bytes.as_slice();
        table.each_with_address(data, size, ip, |len, slot_end| {
            let Some(tag) = u16_at(data, slot_end - 2) else { return };
            let Ok(prefix) = Prefix::parse(&format!("{}/{len}", mask(ip, len))) else {
                return;
            };
            let value = prefix.to_string();
            hits.push(Hit {
                tag,
                kind: IndicatorType::IpAddress,
                hash: self.hasher.hash(value.as_bytes()),
                value,
                specificity: Specificity::IpPrefix(more.saturating_add(len)),
            });
        });
    }

    fn match_of(&self, hit: Hit) -> Option<Match> {
        let place = usize::from(hit.place());
        if place >= self.feeds.count {
            return None;
        }
        let (data, at) = (self.bytes.as_slice(), self.feeds.start + place * FEED);
        let number = u16_at(data, at)?;
        let name = self.strings.checked_add(u32_at(data, at + 8)? as usize)?;
        let name = data.get(name + 2..)?.get(..usize::from(u16_at(data, name)?))?;
        Some(Match {
            id: entry_id(number, hit.hash),
            tier: Tier::Feed,
            action: *Action::ALL.get(usize::from(u8_at(data, at + 2)?))?,
            severity: *Severity::ALL.get(usize::from(u8_at(data, at + 3)?))?,
            generate_alert: u8_at(data, at + 4)? & FLAG_ALERT != 0,
            kind: hit.kind,
            value: hit.value,
            title: std::str::from_utf8(name).ok()?.to_string(),
            bypass_hours: None,
            educate_url: None,
            specificity: hit.specificity,
        })
    }
}

/// The first slot with this hash. Hashes lie evenly, so its place is known but for a little: most look-ups read a few
/// neighbouring pages instead of one page for each halving of a large table.
fn first_with(data: &[u8], table: Section, size: usize, hash: u64) -> Option<usize> {
    let read = |i: usize| u64_at(data, table.start + i * size);
    let below = |i: usize| read(i).is_some_and(|h| h < hash);
    let count = table.count;
    let guess = usize::try_from((u128::from(hash) * count as u128) >> 64).unwrap_or(0);
    // Four deviations of the place of one among so many even ones.
    let around = 2 * count.isqrt() + 8;
    let (low, high) = (guess.saturating_sub(around), (guess + around).min(count));
    let inside = (low == 0 || below(low - 1)) && (high == count || !below(high));
    let at = match inside {
        true => low + partition(high - low, |i| below(low + i)),
        false => partition(count, below),
    };
    (at < count && read(at) == Some(hash)).then_some(at)
}
