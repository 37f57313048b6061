use std::{fmt, hash::Hasher as _, net::IpAddr};

use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};
use siphasher::sip::SipHasher24;

use crate::{
    bytes::{SharedBytes, array_at, u8_at, u16_at, u32_at, u64_at},
    compile::{ENTRY, FLAG_ALERT, FLAG_HOST_ONLY, HEADER, HOST_SLOT, MAGIC, NEVER, SLOT, V4_SLOT, V6_SLOT},
    domain::normalise,
    feeds::{FeedSet, Seen},
    ip::mask,
    matching::{Match, Specificity, Tier},
    url::{MAX_LEN, canonical_request},
};

/// Compiled indicators and feeds, read in place. Cloning is cheap; nothing is held per indicator. Feeds are asked only where
/// no indicator says anything, of the name, the path or the address.
#[derive(Clone)]
pub struct IndicatorSet {
    /// The second tier.
    feeds: Option<FeedSet>,
    bytes: SharedBytes,
    hasher: SipHasher24,
    entries: Section,
    hosts: Section,
    urls: Section,
    path_hosts: Section,
    v4: Section,
    v6: Section,
    strings: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("these are not compiled indicators")]
    Magic,
    #[error("the compiled indicators are cut short")]
    Truncated,
}

/// A table of `count` slots that starts at `start`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Section {
    pub start: usize,
    pub count: usize,
}

impl Section {
    /// The tables of a file, whose counts stand after magic and salt, and where they end.
    pub fn all<const N: usize>(data: &[u8], header: usize, sizes: [usize; N]) -> Result<([Self; N], usize), OpenError> {
        let (mut sections, mut start) = ([Self::default(); N], header);
        for (number, (section, size)) in sections.iter_mut().zip(sizes).enumerate() {
            let count = u32_at(data, 24 + 4 * number).ok_or(OpenError::Truncated)? as usize;
            *section = Self { start, count };
            start = count
                .checked_mul(size)
                .and_then(|len| len.checked_add(start))
                .ok_or(OpenError::Truncated)?;
        }
        match start > data.len() {
            true => Err(OpenError::Truncated),
            false => Ok((sections, start)),
        }
    }

    /// Walks over the slots of a table of addresses that contain this one, the longest prefix first: its length, and where
    /// the slot ends.
    pub fn each_with_address(self, data: &[u8], size: usize, ip: IpAddr, mut each: impl FnMut(u8, usize)) {
        let read = |i: usize| -> Option<(u8, u128)> {
            let at = self.start + i * size;
            let address = match ip {
                IpAddr::V4(_) => u128::from(u32_at(data, at + 1)?),
                IpAddr::V6(_) => u128::from_le_bytes(array_at(data, at + 1)?),
            };
            Some((u8_at(data, at)?, address))
        };
        let mut end = self.count;
        while let Some((len, _)) = end.checked_sub(1).and_then(read) {
            let key = (len, bits(mask(ip, len)));
            for i in partition(end, |i| read(i).is_some_and(|k| k < key))..end {
                if read(i) != Some(key) {
                    break;
                }
                each(len, self.start + (i + 1) * size);
            }
            // In a table that is not sorted the search may lead anywhere, but the end comes nearer.
            end = partition(end, |i| read(i).is_some_and(|k| k.0 < len)).min(end - 1);
        }
    }
}

impl IndicatorSet {
    /// A set without indicators.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            feeds: None,
            bytes: SharedBytes::new(Vec::new()),
            hasher: SipHasher24::new(),
            entries: Section::default(),
            hosts: Section::default(),
            urls: Section::default(),
            path_hosts: Section::default(),
            v4: Section::default(),
            v6: Section::default(),
            strings: 0,
        }
    }

    /// Opens compiled indicators without copying them.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, OpenError> {
        Self::open_shared(SharedBytes::new(bytes))
    }

    pub(crate) fn open_shared(bytes: SharedBytes) -> Result<Self, OpenError> {
        let data = bytes.as_slice();
        if data.get(..8) != Some(MAGIC) {
            return Err(OpenError::Magic);
        }
        let salt: [u8; 16] = array_at(data, 8).ok_or(OpenError::Truncated)?;
        let sizes = [ENTRY, SLOT, SLOT, HOST_SLOT, V4_SLOT, V6_SLOT];
        let ([entries, hosts, urls, path_hosts, v4, v6], strings) = Section::all(data, HEADER, sizes)?;
        let hasher = SipHasher24::new_with_key(&salt);
        Ok(Self {
            feeds: None,
            bytes,
            hasher,
            entries,
            hosts,
            urls,
            path_hosts,
            v4,
            v6,
            strings,
        })
    }

    /// The same with compiled feeds behind it.
    pub fn with_feeds(self, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, OpenError> {
        self.with_shared_feeds(SharedBytes::new(bytes))
    }

    pub(crate) fn with_shared_feeds(self, bytes: SharedBytes) -> Result<Self, OpenError> {
        Ok(Self {
            feeds: Some(FeedSet::open(bytes)?),
            ..self
        })
    }

    /// Number of indicators.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of entries of feeds.
    #[must_use]
    pub fn feed_entries(&self) -> usize {
        self.feeds.as_ref().map_or(0, FeedSet::len)
    }

    /// The match that decides for what was seen of a flow: a host name, a path with query on it, an address.
    #[must_use]
    pub fn lookup(
        &self,
        host: Option<&str>,
        path_and_query: Option<&str>,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Match> {
        let host = host.and_then(normalise);
        let target = path_and_query.filter(|_| host.as_deref().is_some_and(|host| self.is_host_with_paths(host)));
        let target = target.map(canonical_request);
        let seen = Seen {
            host: host.as_deref(),
            target: target.as_deref(),
            ip,
        };
        best(self.own(seen, now)).or_else(|| best(self.feeds.as_ref()?.matches(seen)))
    }

    /// The closest live indicator for a host name: the host itself, then its parents.
    #[must_use]
    pub fn lookup_host(&self, host: &str, now: Timestamp) -> Option<Match> {
        self.lookup(Some(host), None, None, now)
    }

    /// The closest live indicator for an HTTP request: path, then host, then parents.
    #[must_use]
    pub fn lookup_url(&self, host: &str, path_and_query: &str, now: Timestamp) -> Option<Match> {
        self.lookup(Some(host), Some(path_and_query), None, now)
    }

    /// The live indicator with the longest prefix that contains the address.
    #[must_use]
    pub fn lookup_ip(&self, ip: IpAddr, now: Timestamp) -> Option<Match> {
        self.lookup(None, None, Some(ip), now)
    }

    /// Every live match of both tiers, in no order.
    pub(crate) fn matches(
        &self,
        host: Option<&str>,
        path_and_query: Option<&str>,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Vec<Match> {
        let host = host.and_then(normalise);
        let target = path_and_query.map(canonical_request);
        let seen = Seen {
            host: host.as_deref(),
            target: target.as_deref(),
            ip,
        };
        let mut found = self.own(seen, now);
        found.extend(self.feeds.iter().flat_map(|feeds| feeds.matches(seen)));
        found
    }

    /// Whether any URL indicator names a path on this host, so that each request must be judged.
    #[must_use]
    pub fn has_paths_below(&self, host: &str) -> bool {
        normalise(host).is_some_and(|host| self.is_host_with_paths(&host))
    }

    fn is_host_with_paths(&self, host: &str) -> bool {
        self.has_own_paths(host) || self.feeds.as_ref().is_some_and(|feeds| feeds.has_paths_below(host))
    }

    fn has_own_paths(&self, host: &str) -> bool {
        let hash = self.hasher.hash(host.as_bytes());
        let table = self.path_hosts;
        let at = partition(table.count, |i| self.path_host(i).is_some_and(|h| h < hash));
        at < table.count && self.path_host(at) == Some(hash)
    }

    /// Whether a live URL indicator does not block a path on this host, so that a block of the host is not the whole truth.
    /// Looks at all URL indicators when there are any on this host.
    #[must_use]
    pub fn spares_paths_below(&self, host: &str, now: Timestamp) -> bool {
        let Some(host) = normalise(host) else { return false };
        if self.has_own_paths(&host) && self.own_spare_paths_below(&host, now) {
            return true;
        }
        let Some(feeds) = self.feeds.as_ref().filter(|feeds| feeds.spares_paths_below(&host)) else {
            return false;
        };
        let seen = Seen {
            host: Some(&host),
            ..Seen::default()
        };
        // Where an indicator speaks of the host, no feed does.
        self.own(seen, now).is_empty() && !feeds.matches(seen).is_empty()
    }

    fn own_spare_paths_below(&self, host: &str, now: Timestamp) -> bool {
        let data = self.bytes.as_slice();
        let urls = (0..self.urls.count).filter_map(|i| u32_at(data, self.urls.start + i * SLOT + 8));
        urls.filter(|index| (*index as usize) < self.entries.count)
            .any(|index| {
                let value = u32_at(data, self.record(index) + 16).and_then(|offset| self.string(offset as usize));
                let below = value.and_then(|value| value.strip_prefix(host));
                below.is_some_and(|path| path.starts_with(['/', '?']))
                    && self
                        .live(index, Specificity::Path(0), now)
                        .is_some_and(|m| m.action != Action::Block)
            })
    }

    /// Every live match of the first tier, in no order.
    fn own(&self, seen: Seen<'_>, now: Timestamp) -> Vec<Match> {
        let mut found = Vec::new();
        if let Some(host) = seen.host {
            if let Some(target) = seen.target.filter(|_| self.urls.count > 0 && self.has_own_paths(host)) {
                prefixes(self.hasher, host, target, |hash, prefix| {
                    self.each_with_hash(self.urls, hash, |index| {
                        let length = u16::try_from(prefix.len()).unwrap_or(u16::MAX);
                        let matched = self.live(index, Specificity::Path(length), now);
                        found.extend(matched.filter(|m| m.value.strip_prefix(host) == Some(prefix)));
                    });
                });
            }
            self.match_host(host, now, |m| found.push(m));
        }
        if let Some(ip) = seen.ip {
            self.match_ip(ip.to_canonical(), now, |m| found.push(m));
        }
        found
    }

    fn match_ip(&self, ip: IpAddr, now: Timestamp, mut found: impl FnMut(Match)) {
        // Specificities of both families count in bits of an IPv6 address.
        let (table, size, more) = match ip {
            IpAddr::V4(_) => (self.v4, V4_SLOT, 96u8),
            IpAddr::V6(_) => (self.v6, V6_SLOT, 0),
        };
        let data = self.bytes.as_slice();
        table.each_with_address(data, size, ip, |len, slot_end| {
            let index = u32_at(data, slot_end - 4);
            let matched = index.and_then(|i| self.live(i, Specificity::IpPrefix(more.saturating_add(len)), now));
            matched.into_iter().for_each(&mut found);
        });
    }

    fn match_host(&self, host: &str, now: Timestamp, mut found: impl FnMut(Match)) {
        let mut suffix = host;
        loop {
            let exact = suffix.len() == host.len();
            let labels = u8::try_from(suffix.split('.').count()).unwrap_or(u8::MAX);
            let specificity = if exact {
                Specificity::ExactHost
            } else {
                Specificity::ParentDomain(labels)
            };
            self.each_with_hash(self.hosts, self.hasher.hash(suffix.as_bytes()), |index| {
                if !exact && self.flags(index) & FLAG_HOST_ONLY != 0 {
                    return;
                }
                if let Some(m) = self.live(index, specificity, now).filter(|m| m.value == suffix) {
                    found(m);
                }
            });
            match suffix.split_once('.') {
                Some((_, parent)) if !parent.is_empty() => suffix = parent,
                _ => break,
            }
        }
    }

    fn each_with_hash(&self, table: Section, hash: u64, mut each: impl FnMut(u32)) {
        let data = self.bytes.as_slice();
        let slot = |i: usize| table.start + i * SLOT;
        let first = partition(table.count, |i| u64_at(data, slot(i)).is_some_and(|h| h < hash));
        for i in first..table.count {
            if u64_at(data, slot(i)) != Some(hash) {
                break;
            }
            if let Some(index) = u32_at(data, slot(i) + 8) {
                each(index);
            }
        }
    }

    fn path_host(&self, i: usize) -> Option<u64> {
        u64_at(self.bytes.as_slice(), self.path_hosts.start + i * HOST_SLOT)
    }

    fn flags(&self, index: u32) -> u8 {
        u8_at(self.bytes.as_slice(), self.record(index) + 35).unwrap_or(0)
    }

    /// Reads an indicator, unless it has expired.
    fn live(&self, index: u32, specificity: Specificity, now: Timestamp) -> Option<Match> {
        if index as usize >= self.entries.count {
            return None;
        }
        let (data, at) = (self.bytes.as_slice(), self.record(index));
        let expires = u64_at(data, at + 8)?.cast_signed();
        if expires != NEVER && expires <= now.as_micros() {
            return None;
        }
        let text = |field: usize| u32_at(data, at + field).and_then(|offset| self.string(offset as usize));
        Some(Match {
            id: IndicatorId(u64_at(data, at)?),
            tier: Tier::Own,
            kind: *IndicatorType::ALL.get(usize::from(u8_at(data, at + 32)?))?,
            action: *Action::ALL.get(usize::from(u8_at(data, at + 33)?))?,
            severity: *Severity::ALL.get(usize::from(u8_at(data, at + 34)?))?,
            generate_alert: u8_at(data, at + 35)? & FLAG_ALERT != 0,
            value: text(16)?.to_string(),
            title: text(20)?.to_string(),
            educate_url: text(24).filter(|url| !url.is_empty()).map(String::from),
            bypass_hours: u32_at(data, at + 28).filter(|hours| *hours > 0),
            specificity,
        })
    }

    fn record(&self, index: u32) -> usize {
        self.entries.start + index as usize * ENTRY
    }

    fn string(&self, offset: usize) -> Option<&str> {
        let data = self.bytes.as_slice();
        let at = self.strings.checked_add(offset)?;
        let len = usize::from(u16_at(data, at)?);
        std::str::from_utf8(data.get(at + 2..at + 2 + len)?).ok()
    }
}

impl fmt::Debug for IndicatorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IndicatorSet({} indicators, {} entries of feeds)",
            self.len(),
            self.feed_entries()
        )
    }
}

pub(crate) fn best(candidates: Vec<Match>) -> Option<Match> {
    candidates
        .into_iter()
        .reduce(|best, m| if m.beats(&best) { m } else { best })
}

/// The hashes of host and each prefix of a canonical target that an indicator may name, in one pass, with the prefix.
pub(crate) fn prefixes(mut hasher: SipHasher24, host: &str, target: &str, mut each: impl FnMut(u64, &str)) {
    let mut hashed = 0;
    hasher.write(host.as_bytes());
    for end in prefix_ends(target) {
        hasher.write(target.as_bytes().get(hashed..end).unwrap_or_default());
        hashed = end;
        each(hasher.finish(), target.get(..end).unwrap_or_default());
    }
}

/// Where the prefixes of a canonical target end that a URL indicator may name to cover it: `/a/b?c` → `/a`, `/a/b`, `/a/b?c`.
/// No indicator is longer than [`MAX_LEN`].
fn prefix_ends(target: &str) -> impl Iterator<Item = usize> {
    let path = target.find('?').unwrap_or(target.len());
    let below = target.bytes().enumerate().take(path);
    let segments = below.filter_map(|(at, b)| (b == b'/' && at > 0).then_some(at));
    let whole = (path > 0).then_some(path);
    let with_query = (path < target.len()).then_some(target.len());
    segments.chain(whole).chain(with_query).filter(|end| *end <= MAX_LEN)
}

pub(crate) fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// First index for which `before` is false.
pub(crate) fn partition(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
