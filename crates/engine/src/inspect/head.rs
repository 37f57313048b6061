//! Heads of HTTP/1 requests, read strictly (RFC 9112) where they allow it, else as lenient servers read them.

/// Header lines that are read strictly.
const MAX_HEADERS: usize = 128;
const MAX_METHOD: usize = 64;
/// The longest first line that is waited for where it is not known whether it is one.
pub const MAX_LINE: usize = 8 << 10;
/// The methods of the IANA registry. `PRI` is not among them: it begins HTTP/2.
const METHODS: [&str; 39] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    Yes,
    Maybe,
    No,
}

/// Whether bytes begin as a request does. A registered method is enough; of another the whole first line must fit. On a `web`
/// port bytes that could become a request are waited for; elsewhere too much else begins with a word.
#[must_use]
pub fn looks_like(bytes: &[u8], web: bool) -> Looks {
    let start = blank(bytes);
    let line = bytes.get(start..).unwrap_or_default();
    if line.is_empty() {
        return if web || start == 0 { Looks::Maybe } else { Looks::No };
    }
    let length = line.iter().take(MAX_METHOD + 1).take_while(|b| is_token(**b)).count();
    let (method, rest) = line.split_at_checked(length).unwrap_or_default();
    if length == 0 || length > MAX_METHOD || method == b"PRI" {
        return Looks::No;
    }
    match (begins_with_method(line), rest.first()) {
        (Looks::No, None) if web => Looks::Maybe,
        (Looks::No, Some(b' ')) => looks_like_target(rest.trim_ascii_start(), line),
        (looks, _) => looks,
    }
}

/// Whether a registered method and a space stand at the front.
pub fn begins_with_method(bytes: &[u8]) -> Looks {
    let mut maybe = false;
    for method in METHODS {
        let common = method.len().min(bytes.len());
        if method.as_bytes().get(..common) == bytes.get(..common) {
            match bytes.get(method.len()) {
                Some(b' ') => return Looks::Yes,
                None => maybe = true,
                Some(_) => {}
            }
        }
    }
    if maybe { Looks::Maybe } else { Looks::No }
}

/// For a method that nobody registered.
fn looks_like_target(target: &[u8], line: &[u8]) -> Looks {
    if !FORMS.iter().any(|form| begins(target, form)) {
        return Looks::No;
    }
    match first_line(line) {
        Some((line, _)) if RequestLine::parse(line).is_some_and(|line| line.versioned) => Looks::Yes,
        Some(_) => Looks::No,
        None if line.len() < MAX_LINE => Looks::Maybe,
        None => Looks::No,
    }
}

/// How the target of a request begins: origin, asterisk and absolute form (RFC 9112 §3.2).
const FORMS: [&[u8]; 4] = [b"/", b"*", b"http://", b"https://"];

/// Whether `target` begins with `form`, or can still come to.
fn begins(target: &[u8], form: &[u8]) -> bool {
    let common = form.len().min(target.len());
    let (target, form) = (target.get(..common), form.get(..common));
    target.zip(form).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// The parts of a head that matter here.
#[derive(Debug, Default)]
pub struct Head {
    pub method: String,
    pub target: String,
    pub host: Option<String>,
    pub coding: Option<String>,
    pub length: Option<String>,
    pub upgrade: bool,
    /// It follows the standard.
    pub strict: bool,
    /// A request line without a version: no headers, and nothing that can be read behind it.
    pub bare: bool,
}

#[derive(Debug)]
pub enum Read {
    /// It is not all there.
    More,
    /// With its length.
    Head(Head, usize),
    NotHttp,
}

/// Reads the head at the front of `bytes`.
pub fn read(bytes: &[u8]) -> Read {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let mut parser = httparse::ParserConfig::default();
    // Servers take such lines, so that they must not hide a request.
    parser.allow_multiple_spaces_in_request_line_delimiters(true);
    match parser.parse_request(&mut parsed, bytes) {
        Ok(httparse::Status::Complete(length)) => Read::Head(strict(&parsed), length),
        Ok(httparse::Status::Partial) => Read::More,
        Err(_) => lenient(bytes),
    }
}

/// What a head that is cut short says so far; none when not even its first line is there.
pub fn read_cut_short(bytes: &[u8]) -> Option<Head> {
    let (line, rest) = first_line(bytes)?;
    let mut head = RequestLine::parse(line)?.head();
    lines(rest).for_each(|line| head.add(line));
    Some(head)
}

/// Whether a complete first line with a version stands at the front; none when it is not complete.
pub fn is_request_line(bytes: &[u8]) -> Option<bool> {
    first_line(bytes).map(|(line, _)| RequestLine::parse(line).is_some_and(|line| line.versioned))
}

/// Line ends at the front: allowed before a request (RFC 9112 §2.2).
pub fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

fn strict(parsed: &httparse::Request<'_, '_>) -> Head {
    let mut head = Head {
        method: parsed.method.unwrap_or_default().to_string(),
        target: parsed.path.unwrap_or_default().to_string(),
        strict: true,
        ..Head::default()
    };
    for header in parsed.headers.iter() {
        head.add_header(header.name.as_bytes(), header.value);
    }
    head
}

/// Lines end with LF; whatever is no header of interest is passed over.
fn lenient(bytes: &[u8]) -> Read {
    let Some((line, rest)) = first_line(bytes) else {
        return match looks_like(bytes, true) {
            Looks::No => Read::NotHttp,
            _ => Read::More,
        };
    };
    let Some(line) = RequestLine::parse(line) else {
        return Read::NotHttp;
    };
    let (mut head, mut at) = (line.head(), bytes.len() - rest.len());
    if head.bare {
        return Read::Head(head, at);
    }
    for line in lines(rest) {
        at += line.len() + 1;
        match line.trim_ascii_end() {
            [] => return Read::Head(head, at),
            line => head.add(line),
        }
    }
    Read::More
}

impl Head {
    fn add(&mut self, line: &[u8]) {
        if let Some(colon) = line.iter().position(|b| *b == b':')
            && let Some((name, value)) = line.split_at_checked(colon)
        {
            self.add_header(name.trim_ascii(), value.get(1..).unwrap_or_default());
        }
    }

    /// The first of several headers counts.
    fn add_header(&mut self, name: &[u8], value: &[u8]) {
        let text = || Some(String::from_utf8_lossy(value.trim_ascii()).into_owned());
        let place = match () {
            () if name.eq_ignore_ascii_case(b"host") => &mut self.host,
            () if name.eq_ignore_ascii_case(b"transfer-encoding") => &mut self.coding,
            () if name.eq_ignore_ascii_case(b"content-length") => &mut self.length,
            () => {
                self.upgrade |= name.eq_ignore_ascii_case(b"upgrade");
                return;
            }
        };
        if place.is_none() {
            *place = text();
        }
    }
}

struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
    versioned: bool,
}

impl<'a> RequestLine<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let (method, rest) = line.split_at_checked(line.iter().position(|b| *b == b' ')?)?;
        let rest = rest.trim_ascii();
        let last = rest.iter().rposition(|b| matches!(b, b' ' | b'\t'));
        let (target, version) = match last.and_then(|at| rest.split_at_checked(at)) {
            Some((target, version)) => (target.trim_ascii(), Some(version.trim_ascii())),
            None => (rest, None),
        };
        let versioned = version.is_some_and(|version| version.starts_with(b"HTTP/"));
        let formed = FORMS
            .iter()
            .any(|form| target.len() >= form.len() && begins(target, form));
        let plausible = formed || method == b"CONNECT";
        let named = (1..=MAX_METHOD).contains(&method.len()) && method.iter().all(|b| is_token(*b)) && method != b"PRI";
        // HTTP/0.9 knows GET alone.
        let bare = version.is_none() && method == b"GET";
        (named && plausible && (versioned || bare)).then_some(Self {
            method,
            target,
            versioned,
        })
    }

    fn head(&self) -> Head {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Head {
            method: text(self.method),
            target: text(self.target),
            bare: !self.versioned,
            ..Head::default()
        }
    }
}

/// The first line without its end, and what follows it.
fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Complete lines, each without its LF.
fn lines(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (line, rest) = first_line(bytes)?;
        bytes = rest;
        Some(line)
    })
}

/// RFC 9110 §5.6.2.
fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}
