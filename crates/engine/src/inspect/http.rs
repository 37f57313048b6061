//! HTTP/1 requests (RFC 9112): host and path of each, also when connections are kept alive and requests pipelined.

/// Largest request head that is read; larger ones pass unseen.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 100;
const METHODS: [&str; 15] = [
    "GET ",
    "POST ",
    "HEAD ",
    "PUT ",
    "DELETE ",
    "OPTIONS ",
    "PATCH ",
    "CONNECT ",
    "TRACE ",
    "PROPFIND ",
    "REPORT ",
    "MKCOL ",
    "COPY ",
    "MOVE ",
    "LOCK ",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    Yes,
    Maybe,
    No,
}

/// Whether bytes begin as a request does.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> Looks {
    let mut maybe = false;
    for method in METHODS {
        let common = method.len().min(bytes.len());
        if method.as_bytes().get(..common) == bytes.get(..common) {
            if common == method.len() {
                return Looks::Yes;
            }
            maybe = true;
        }
    }
    if maybe { Looks::Maybe } else { Looks::No }
}

/// A request as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Host without port, lower case; none when the request names none.
    pub host: Option<String>,
    /// Path with query, as sent.
    pub path: String,
}

/// What the next bytes of the stream are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing can be said before more bytes come.
    More,
    /// A request's head of this length stands at the front: judge it.
    Request(Request, usize),
    /// So many bytes belong to the body of a request that was judged.
    Body(usize),
    /// From here on it is another protocol that the application and the destination agreed on: it passes unseen.
    Opaque,
    /// This should be HTTP/1 and cannot be read.
    Malformed,
}

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub struct Requests {
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    /// Data of a chunk with its line end.
    Chunk(u64),
    Trailer,
    /// Behind an offer to change the protocol: a request when the offer was refused, else something that cannot be read.
    Offered,
    Opaque,
    Malformed,
}

impl Requests {
    /// Looks at the bytes behind all that was passed. `Body` and `Request` bytes must be passed on before the next call.
    pub fn next(&mut self, bytes: &[u8]) -> Step {
        match self.state {
            State::Opaque => Step::Opaque,
            State::Malformed => Step::Malformed,
            _ if bytes.is_empty() => Step::More,
            State::Head => self.head(bytes),
            State::Offered => match looks_like(bytes) {
                Looks::Yes => self.head(bytes),
                Looks::Maybe => Step::More,
                Looks::No => {
                    self.state = State::Opaque;
                    Step::Opaque
                }
            },
            State::Body(left) | State::Chunk(left) => {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let left = left - n as u64;
                self.state = match self.state {
                    State::Chunk(_) if left == 0 => State::ChunkSize,
                    State::Chunk(_) => State::Chunk(left),
                    _ if left == 0 => State::Head,
                    _ => State::Body(left),
                };
                Step::Body(n)
            }
            State::ChunkSize | State::Trailer => self.line(bytes),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Step {
        // Empty lines before a request are allowed (RFC 9112 §2.2).
        let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if blank > 0 {
            return Step::Body(blank);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        // Servers take such lines, so that they must not hide a request.
        let mut parser = httparse::ParserConfig::default();
        parser.allow_multiple_spaces_in_request_line_delimiters(true);
        match parser.parse_request(&mut parsed, bytes) {
            Ok(httparse::Status::Complete(length)) => {
                let Some(request) = request_of(&parsed) else {
                    return self.give_up();
                };
                self.state = body_of(&parsed);
                Step::Request(request, length)
            }
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => Step::More,
            _ => self.give_up(),
        }
    }

    /// A line of chunked framing: a size, or part of the trailer.
    fn line(&mut self, bytes: &[u8]) -> Step {
        let Some(end) = bytes.iter().take(1024).position(|b| *b == b'\n') else {
            return if bytes.len() < 1024 { Step::More } else { self.give_up() };
        };
        let line = bytes.get(..end).unwrap_or_default().trim_ascii();
        self.state = match self.state {
            State::Trailer if line.is_empty() => State::Head,
            State::Trailer => State::Trailer,
            _ => {
                let size = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
                let size = std::str::from_utf8(size)
                    .ok()
                    .and_then(|size| u64::from_str_radix(size, 16).ok());
                match size {
                    Some(0) => State::Trailer,
                    Some(size) if size < 1 << 60 => State::Chunk(size + 2),
                    _ => return self.give_up(),
                }
            }
        };
        Step::Body(end + 1)
    }

    fn give_up(&mut self) -> Step {
        self.state = State::Malformed;
        Step::Malformed
    }
}

fn request_of(parsed: &httparse::Request<'_, '_>) -> Option<Request> {
    let target = parsed.path?;
    let header = header(parsed, "host");
    let (authority, path) = match target.split_once("://") {
        // Absolute form, as towards a proxy: its authority is the host.
        Some((_, rest)) if !target.starts_with('/') => {
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(at)?;
            (
                Some(authority),
                if path.starts_with('/') {
                    path.to_string()
                } else {
                    format!("/{path}")
                },
            )
        }
        _ if parsed.method == Some("CONNECT") => (Some(target), "/".to_string()),
        _ => (header, target.to_string()),
    };
    Some(Request {
        method: parsed.method?.to_string(),
        host: authority.and_then(host_of),
        path,
    })
}

/// The host of an authority: without user and port.
fn host_of(authority: &str) -> Option<String> {
    let host = authority.rsplit('@').next().unwrap_or(authority).trim();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty() && host.len() <= 255).then(|| host.to_ascii_lowercase())
}

fn body_of(parsed: &httparse::Request<'_, '_>) -> State {
    if header(parsed, "transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked")) {
        return State::ChunkSize;
    }
    let digits = |length: &str| length.bytes().all(|b| b.is_ascii_digit());
    let length = header(parsed, "content-length").map(str::trim);
    match length.map(|length| length.parse::<u64>().ok().filter(|_| digits(length))) {
        None | Some(Some(0)) if parsed.method == Some("CONNECT") || header(parsed, "upgrade").is_some() => {
            State::Offered
        }
        None | Some(Some(0)) => State::Head,
        Some(Some(length)) => State::Body(length),
        Some(None) => State::Malformed,
    }
}

fn header<'a>(parsed: &httparse::Request<'_, 'a>, name: &str) -> Option<&'a str> {
    let header = parsed
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All requests of a stream that comes in pieces of `size`.
    fn requests(stream: &[u8], size: usize) -> Vec<String> {
        let (mut state, mut found, mut passed, mut seen) = (Requests::default(), Vec::new(), 0, 0);
        loop {
            match state.next(&stream[passed..seen]) {
                Step::More if seen == stream.len() => return found,
                Step::More => seen = (seen + size).min(stream.len()),
                Step::Request(request, length) => {
                    found.push(format!(
                        "{} {}{}",
                        request.method,
                        request.host.unwrap_or_default(),
                        request.path
                    ));
                    passed += length;
                }
                Step::Body(n) => passed += n,
                step @ (Step::Opaque | Step::Malformed) => {
                    found.push(format!("{step:?}"));
                    return found;
                }
            }
        }
    }

    #[test]
    fn every_request_of_a_connection_is_seen() {
        let stream = b"GET    /a HTTP/1.1\r\nHost: One.Example:8080\r\n\r\n\
            POST /b?c HTTP/1.1\r\nhost: two.example\r\nContent-Length: 5\r\n\r\nGET /\
            PUT /d HTTP/1.1\r\nHost: three.example\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n\
            GET http://user@four.example/e HTTP/1.1\r\nHost: ignored\r\n\r\n\
            CONNECT five.example:443 HTTP/1.1\r\nHost: ignored\r\n\r\n\
            GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nUpgrade: websocket\r\n\r\n\x81GET /not-a-request HTTP/1.1\r\n\r\n";
        let expected = [
            "GET one.example/a",
            "POST two.example/b?c",
            "PUT three.example/d",
            "GET four.example/e",
            "CONNECT five.example/",
            "GET 2001:db8::1/",
            "Opaque",
        ];
        for size in [1, 7, 1000] {
            assert_eq!(requests(stream, size), expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_cannot_be_framed_is_malformed() {
        for head in [
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length: x",
            "no colon",
        ] {
            let stream = format!("POST / HTTP/1.1\r\nHost: a.example\r\n{head}\r\n\r\nhello");
            assert_eq!(requests(stream.as_bytes(), 9).last().unwrap(), "Malformed", "{head}");
        }
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert_eq!(requests(chunked, 9).last().unwrap(), "Malformed");
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(MAX_HEAD));
        assert_eq!(requests(endless.as_bytes(), 1000), ["Malformed"]);
    }

    #[test]
    fn http_is_known_by_its_first_bytes() {
        assert_eq!(looks_like(b"GE"), Looks::Maybe);
        assert_eq!(looks_like(b"GET / "), Looks::Yes);
        assert_eq!(looks_like(b"SSH-"), Looks::No);
        assert_eq!(looks_like(b""), Looks::Maybe);
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_always_ends(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            requests(&[b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat(), 50);
            requests(&bytes, 13);
        }
    }
}
