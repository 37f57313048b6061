//! Lists as they are published: which format one has, and what each line names.

use std::{collections::HashSet, io::Read as _, net::IpAddr};

use moat_indicators::{Domain, InvalidDomain, Prefix, UrlPattern, is_https};
use moat_model::{Action, IndicatorType, Timestamp};
use serde::{Deserialize, Serialize};

use super::content::{self, Content};

/// Longest list, as it comes and unpacked.
pub const MAX_BYTES: usize = 64 << 20;
/// Most entries of all feeds together.
pub const MAX_ENTRIES: usize = 2_000_000;
/// Longest line that can be an entry.
const MAX_LINE: usize = 4096;
/// Lines that the format is told by.
const LOOKED_AT: usize = 500;
/// Examples that are kept of each thing that is noted.
const EXAMPLES: usize = 10;
/// Longest example.
const MAX_EXAMPLE: usize = 120;
/// Shortest prefixes that a list of others may name.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 24;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A name, URL or address a line, whichever it is.
    Plain,
    /// `0.0.0.0 evil.example`
    Hosts,
    /// `||evil.example^`, `@@||good.example^`
    Adblock,
    /// The columns of indicators.
    Csv,
}

/// How many there were of something, with the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    pub count: u64,
    pub first: Vec<String>,
}

impl Noted {
    pub fn note(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            let example = example();
            let short: String = example.chars().filter(|c| !c.is_control()).take(MAX_EXAMPLE).collect();
            self.first.push(short);
        }
    }
}

/// What a list holds and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Found {
    pub format: String,
    pub entries: u64,
    pub domains: u64,
    pub urls: u64,
    pub addresses: u64,
    pub exceptions: u64,
    /// Entries that came more than once, or that an exception takes back.
    pub repeated: u64,
    /// URLs with a path that were written with https: devices see only their hosts.
    pub unseen: u64,
    pub unreadable: Noted,
    /// Rules that only a browser can follow.
    pub unsupported: Noted,
    /// Internal addresses: what they are, only this organisation knows.
    pub internal: Noted,
    /// Whole top-level domains, public suffixes and large parts of the Internet.
    pub too_broad: Noted,
}

/// Why a list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is larger than 64 MiB")]
    TooLarge,
    #[error("it is packed, and cannot be unpacked")]
    Packed,
    #[error("it has no entries")]
    Empty,
    #[error("it does not look like a list: {good} lines could be read, {bad} could not, the first being {first}")]
    NoList { good: u64, bad: u64, first: String },
    #[error("it has more than 2,000,000 entries")]
    TooMany,
    #[error("it is not a CSV file with the columns of indicators: {0}")]
    Csv(String),
}

/// Reads a list. Lines that cannot be read are noted; a list of them is refused.
pub fn parse(body: &[u8], now: Timestamp) -> Result<(Content, Found), Unusable> {
    let unpacked = unpack(body)?;
    let body = unpacked.as_deref().unwrap_or(body);
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let format = detect(body);
    let mut reader = Reader::default();
    match format {
        Format::Csv => reader.read_csv(body, now)?,
        _ => reader.read_lines(body, format)?,
    }
    reader.finish(format)
}

fn unpack(body: &[u8]) -> Result<Option<Vec<u8>>, Unusable> {
    if body.len() > MAX_BYTES {
        return Err(Unusable::TooLarge);
    }
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    let mut unpacked = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    let read = flate2::read::MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut unpacked);
    read.map_err(|_| Unusable::Packed)?;
    match unpacked.len() > MAX_BYTES {
        true => Err(Unusable::TooLarge),
        false => Ok(Some(unpacked)),
    }
}

/// Tells the format by the first lines that say something.
fn detect(body: &[u8]) -> Format {
    let text = |line: &[u8]| String::from_utf8_lossy(line).trim().to_ascii_lowercase();
    let lines = body.split(|b| *b == b'\n').map(text).filter(|line| !line.is_empty());
    let (mut hosts, mut adblock, mut others) = (0, 0, 0);
    for (n, line) in lines.take(LOOKED_AT).enumerate() {
        if n == 0 && line.contains("indicatorvalue") {
            return Format::Csv;
        }
        if line.starts_with("[adblock") || line.starts_with("||") || line.starts_with("@@") {
            adblock += 1;
        } else if line.starts_with(['#', '!', ';']) {
        } else if line
            .split_once([' ', '\t'])
            .is_some_and(|(ip, name)| ip.parse::<IpAddr>().is_ok() && !name.trim_start().starts_with(['#', ';']))
        {
            hosts += 1;
        } else {
            others += 1;
        }
    }
    match (adblock > 0 && adblock >= hosts, hosts > others) {
        (true, _) => Format::Adblock,
        (_, true) => Format::Hosts,
        _ => Format::Plain,
    }
}

/// One thing that a line names.
struct Item {
    kind: IndicatorType,
    value: String,
    exception: bool,
}

/// Why a line is no entry.
enum Refusal {
    Unreadable(String),
    Unsupported,
    Internal,
    TooBroad,
}

type Line<T> = Result<T, Refusal>;

#[derive(Default)]
struct Reader {
    found: Found,
    lines: Vec<String>,
    exceptions: HashSet<String>,
}

impl Reader {
    fn read_lines(&mut self, body: &[u8], format: Format) -> Result<(), Unusable> {
        for (bytes, number) in body.split(|b| matches!(b, b'\n' | b'\r')).zip(1u64..) {
            let bytes = bytes.trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            let result = match std::str::from_utf8(bytes) {
                Ok(line) if line.len() <= MAX_LINE => self.read_line(line, format),
                Ok(_) => Err(Refusal::Unreadable("the line is too long".into())),
                Err(_) => Err(Refusal::Unreadable("the line is not UTF-8".into())),
            };
            if let Err(refusal) = result {
                self.refuse(refusal, || format!("{number}: {}", String::from_utf8_lossy(bytes)));
            }
            self.check_number()?;
        }
        Ok(())
    }

    fn check_number(&self) -> Result<(), Unusable> {
        match self.lines.len() > MAX_ENTRIES {
            true => Err(Unusable::TooMany),
            false => Ok(()),
        }
    }

    fn read_line(&mut self, line: &str, format: Format) -> Line<()> {
        let item = match format {
            Format::Adblock if line.starts_with(['!', '#', '[']) && !line.starts_with("##") => return Ok(()),
            Format::Adblock => adblock(line)?,
            _ if line.starts_with(['#', '!', ';']) || line.starts_with("//") => return Ok(()),
            Format::Hosts => return self.read_hosts(line),
            _ => plain(first_word(line))?,
        };
        self.push(item, line);
        Ok(())
    }

    fn read_hosts(&mut self, line: &str) -> Line<()> {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        match first.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() || ip.is_loopback() => {
                for name in words.filter(|name| !is_of_this_machine(name)) {
                    self.push(plain(name)?, name);
                }
                Ok(())
            }
            // Lines of machines and their own addresses say nothing about either.
            Ok(_) if line.trim() != first => Err(Refusal::Unsupported),
            _ => {
                self.push(plain(first)?, first);
                Ok(())
            }
        }
    }

    fn read_csv(&mut self, body: &[u8], now: Timestamp) -> Result<(), Unusable> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(body);
        let header = reader
            .byte_headers()
            .map_err(|error| Unusable::Csv(error.to_string()))?;
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
            .collect();
        let column = |name: &str| names.iter().position(|known| known == name);
        let value = column("indicatorvalue").ok_or_else(|| Unusable::Csv("indicatorValue is missing".into()))?;
        let (kind, action, ends) = (column("indicatortype"), column("action"), column("expirationtime"));
        for (record, number) in reader.byte_records().zip(2u64..) {
            let record = record.map_err(|error| Unusable::Csv(error.to_string()))?;
            let text = |column: Option<usize>| {
                let field = column.and_then(|n| record.get(n)).unwrap_or_default();
                String::from_utf8_lossy(field)
            };
            let value = text(Some(value));
            let row = Row {
                value: &value,
                kind: &text(kind),
                action: &text(action),
                ends: &text(ends),
            };
            match row.item(now) {
                Ok(Some(item)) => self.push(item, &value),
                Ok(None) => {}
                Err(refusal) => self.refuse(refusal, || format!("{number}: {value}")),
            }
            self.check_number()?;
        }
        Ok(())
    }

    fn push(&mut self, item: Item, written: &str) {
        let has_path = item.kind == IndicatorType::Url && !item.value.ends_with('/');
        if has_path && !item.exception && is_https(written) {
            self.found.unseen += 1;
        }
        if item.exception && item.kind == IndicatorType::DomainName {
            self.exceptions.insert(item.value.clone());
        }
        self.lines.extend(content::line(item.kind, &item.value, item.exception));
    }

    fn refuse(&mut self, refusal: Refusal, line: impl Fn() -> String) {
        let found = &mut self.found;
        match refusal {
            Refusal::Unreadable(why) => found.unreadable.note(|| {
                let line: String = line().chars().take(MAX_EXAMPLE / 2).collect();
                format!("{line} ({why})")
            }),
            Refusal::Unsupported => found.unsupported.note(line),
            Refusal::Internal => found.internal.note(line),
            Refusal::TooBroad => found.too_broad.note(line),
        }
    }

    fn finish(mut self, format: Format) -> Result<(Content, Found), Unusable> {
        let came = self.lines.len();
        self.lines.sort_unstable();
        self.lines.dedup();
        if !self.exceptions.is_empty() {
            let exceptions = std::mem::take(&mut self.exceptions);
            self.lines.retain(|line| !is_taken_back(line, &exceptions));
        }
        let mut found = self.found;
        found.repeated = (came - self.lines.len()) as u64;
        for entry in self.lines.iter().filter_map(|line| content::entry(line)) {
            match (entry.exception, entry.kind) {
                (true, _) => found.exceptions += 1,
                (_, IndicatorType::DomainName) => found.domains += 1,
                (_, IndicatorType::Url) => found.urls += 1,
                _ => found.addresses += 1,
            }
        }
        found.entries = found.domains + found.urls + found.addresses;
        found.format = name_of(format, &found).into();
        if found.unreadable.count > found.entries + found.unsupported.count {
            return Err(Unusable::NoList {
                good: found.entries,
                bad: found.unreadable.count,
                first: found.unreadable.first.first().cloned().unwrap_or_default(),
            });
        }
        match found.entries {
            0 => Err(Unusable::Empty),
            _ => Ok((Content::of_lines(&self.lines), found)),
        }
    }
}

/// What a format is called, with what most of a plain list is.
fn name_of(format: Format, found: &Found) -> &'static str {
    let most = found.domains.max(found.urls).max(found.addresses);
    match format {
        Format::Hosts => "hosts",
        Format::Adblock => "adblock",
        Format::Csv => "csv",
        Format::Plain if found.domains == most => "domains",
        Format::Plain if found.urls == most => "urls",
        Format::Plain => "addresses",
    }
}

/// Whether an exception of the same list covers what a line lists.
fn is_taken_back(line: &str, exceptions: &HashSet<String>) -> bool {
    let Some(entry) = content::entry(line).filter(|entry| !entry.exception) else {
        return false;
    };
    let host = entry.value.split(['/', '?']).next().unwrap_or_default();
    entry.kind != IndicatorType::IpAddress && parents(host).any(|name| exceptions.contains(name))
}

/// A host name and what it is below.
pub fn parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent))
}

/// A line up to what is said about it.
fn first_word(line: &str) -> &str {
    line.split([' ', '\t']).next().unwrap_or_default()
}

/// Names in hosts files that mean the machine which reads them.
fn is_of_this_machine(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.contains('.') || name == "localhost.localdomain" || name.parse::<IpAddr>().is_ok()
}

/// A name, URL, address or range by itself.
fn plain(text: &str) -> Line<Item> {
    let text = text.strip_prefix("*.").or(text.strip_prefix('.')).unwrap_or(text);
    if let Some(prefix) = address(text) {
        return in_range(prefix);
    }
    match text.contains(['/', '?']) {
        true => url(text),
        false => domain(
            text.rsplit_once(':')
                .filter(|(_, port)| is_port(port))
                .map_or(text, |(host, _)| host),
        ),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// An address or range, also with a port.
fn address(text: &str) -> Option<Prefix> {
    let without_port = text
        .rsplit_once(':')
        .filter(|(host, port)| host.contains('.') && is_port(port));
    let text = without_port.map_or(text, |(host, _)| host);
    Prefix::parse(text.trim_start_matches('[').trim_end_matches(']')).ok()
}

fn in_range(prefix: Prefix) -> Line<Item> {
    let widest = if prefix.addr().is_ipv4() { WIDEST_V4 } else { WIDEST_V6 };
    if prefix.is_internal() {
        return Err(Refusal::Internal);
    }
    if prefix.prefix_len() < widest {
        return Err(Refusal::TooBroad);
    }
    Ok(Item {
        kind: IndicatorType::IpAddress,
        value: prefix.to_string(),
        exception: false,
    })
}

fn domain(text: &str) -> Line<Item> {
    match Domain::parse(text) {
        Ok(domain) if is_public_suffix(domain.as_str()) => Err(Refusal::TooBroad),
        Ok(domain) => Ok(Item {
            kind: IndicatorType::DomainName,
            value: domain.to_string(),
            exception: false,
        }),
        Err(InvalidDomain::OneLabel) if psl::suffix(text.as_bytes()).is_some_and(|s| s.is_known()) => {
            Err(Refusal::TooBroad)
        }
        Err(error) => Err(Refusal::Unreadable(error.to_string())),
    }
}

/// Whether others register names right below this one: `co.uk`, `github.io`. What a host of pages gives one customer
/// (`*.localto.net`) is a suffix to browsers too, but belongs to one.
fn is_public_suffix(name: &str) -> bool {
    let customer = |name: &str| {
        let host = name.split_once('.').map_or("", |(_, host)| host);
        whole_suffix(&format!("no-such-customer.{host}")).is_some()
    };
    whole_suffix(name).is_some_and(|suffix| suffix.typ() != Some(psl::Type::Private) || !customer(name))
}

fn whole_suffix(name: &str) -> Option<psl::Suffix<'_>> {
    psl::suffix(name.as_bytes()).filter(|suffix| suffix.as_bytes() == name.as_bytes())
}

fn url(text: &str) -> Line<Item> {
    let url = UrlPattern::parse(text).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if let Ok(prefix) = Prefix::parse(url.host()) {
        if prefix.is_internal() {
            return Err(Refusal::Internal);
        }
        // Without a path it is the address, whatever is asked of it.
        if url.path().is_empty() {
            return in_range(prefix);
        }
    } else if !url.host().contains('.') {
        return Err(Refusal::Unreadable("the host is no domain name".into()));
    } else if url.path().is_empty() && is_public_suffix(url.host()) {
        return Err(Refusal::TooBroad);
    }
    Ok(Item {
        kind: IndicatorType::Url,
        value: url.to_string(),
        exception: false,
    })
}

/// A rule of an ad blocker that is about whole hosts or paths, whatever asks for them.
fn adblock(line: &str) -> Line<Item> {
    let (exception, rule) = line.strip_prefix("@@").map_or((false, line), |rule| (true, rule));
    if ["##", "#@#", "#?#", "#$#", "#%#"]
        .iter()
        .any(|mark| rule.contains(mark))
    {
        return Err(Refusal::Unsupported);
    }
    let (pattern, options) = rule.rsplit_once('$').unwrap_or((rule, ""));
    let whatever_asks = |option: &str| matches!(option.trim(), "" | "important" | "all" | "document" | "doc");
    if !options.split(',').all(whatever_asks) {
        return Err(Refusal::Unsupported);
    }
    let named = match pattern.strip_prefix("||") {
        Some(host) => {
            let host = host.strip_prefix("*.").unwrap_or(host);
            let end = host.find(['^', '*', '|']).unwrap_or(host.len());
            let (host, rest) = host.split_at_checked(end).unwrap_or((host, ""));
            match rest {
                "" | "^" | "^|" | "|" => host.strip_suffix('/').unwrap_or(host),
                _ => return Err(Refusal::Unsupported),
            }
        }
        None => pattern.trim_start_matches('|').trim_end_matches(['|', '^']),
    };
    if named.starts_with('/') || named.contains(['*', '^', '|']) || !named.contains('.') {
        return Err(Refusal::Unsupported);
    }
    let item = plain(named)?;
    Ok(Item { exception, ..item })
}

/// A row of a CSV file.
struct Row<'a> {
    value: &'a str,
    kind: &'a str,
    action: &'a str,
    ends: &'a str,
}

impl Row<'_> {
    /// None when it has ended.
    fn item(&self, now: Timestamp) -> Line<Option<Item>> {
        let unreadable = |error: &dyn std::fmt::Display| Refusal::Unreadable(error.to_string());
        if !self.ends.is_empty() {
            let ends: Timestamp = self.ends.parse().map_err(|error| unreadable(&error))?;
            if ends <= now {
                return Ok(None);
            }
        }
        let item = match self.kind {
            "" => plain(self.value)?,
            kind => match kind.parse::<IndicatorType>().map_err(|error| unreadable(&error))? {
                IndicatorType::DomainName => domain(self.value)?,
                IndicatorType::Url => url(self.value)?,
                IndicatorType::IpAddress => in_range(Prefix::parse(self.value).map_err(|error| unreadable(&error))?)?,
                _ => return Err(Refusal::Unsupported),
            },
        };
        let allowed = self.action.eq_ignore_ascii_case("Allow") || self.action.parse() == Ok(Action::Allowed);
        Ok(Some(Item {
            exception: allowed,
            ..item
        }))
    }
}
