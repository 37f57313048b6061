//! HTTP/1 requests (RFC 9112): host and path of each, also when connections are kept alive and requests pipelined.

use super::head::{self, Head, MAX_LINE, Read, begins_with_method, blank};
pub use super::head::{Looks, looks_like};

/// Largest request head that is waited for; a larger one is judged by its beginning.
const MAX_HEAD: usize = 64 << 10;

/// A request as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Host without port, lower case; none when the request names none.
    pub host: Option<String>,
    /// Path with query, as sent.
    pub path: String,
    /// The head follows the standard; else it was read as lenient servers do.
    pub strict: bool,
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
    /// This should be HTTP/1 and cannot be read. What follows are bytes in which requests are looked for.
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
    /// Framing is lost: each line may be a request's first, at the start of one if `true`.
    Blind(bool),
}

impl Requests {
    /// Looks at the bytes behind all that was passed. `Body` and `Request` bytes must be passed on before the next call.
    pub fn next(&mut self, bytes: &[u8]) -> Step {
        match self.state {
            State::Opaque => Step::Opaque,
            State::Malformed => self.give_up(),
            _ if bytes.is_empty() => Step::More,
            State::Head => self.head(bytes),
            State::Blind(starts) => self.search(bytes, starts),
            State::Offered if blank(bytes) > 0 => Step::Body(blank(bytes)),
            State::Offered => match begins_with_method(bytes) {
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

    /// Nothing more is waited for: gives what can be said of `bytes`, all of them.
    pub fn cut_short(&mut self, bytes: &[u8]) -> Step {
        let blind = matches!(self.state, State::Blind(_));
        let at_head = blind || matches!(self.state, State::Head | State::Offered);
        let rest = bytes.get(blank(bytes)..).unwrap_or_default();
        let request = head::read_cut_short(rest).filter(|_| at_head);
        if request.is_none() && !blind {
            return self.give_up();
        }
        self.state = State::Blind(bytes.ends_with(b"\n"));
        match request {
            Some(head) => Step::Request(request_of(&head), bytes.len()),
            None => Step::Body(bytes.len()),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Step {
        let blank = blank(bytes);
        let rest = bytes.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return Step::Body(blank);
        }
        match head::read(rest) {
            Read::Head(head, length) => {
                self.state = body_of(&head);
                Step::Request(request_of(&head), blank + length)
            }
            Read::More if bytes.len() < MAX_HEAD => Step::More,
            Read::More => self.cut_short(bytes),
            Read::NotHttp => self.give_up(),
        }
    }

    /// Passes lines until one begins a request.
    fn search(&mut self, bytes: &[u8], starts: bool) -> Step {
        let blank = blank(bytes);
        if starts && blank > 0 {
            return Step::Body(blank);
        }
        if starts && begins_with_method(bytes) != Looks::No {
            match head::is_request_line(bytes) {
                Some(true) => return self.head(bytes),
                None if bytes.len() < MAX_LINE => return Step::More,
                _ => {}
            }
        }
        let end = bytes.iter().position(|b| *b == b'\n');
        self.state = State::Blind(end.is_some());
        Step::Body(end.map_or(bytes.len(), |end| end + 1))
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
        self.state = State::Blind(true);
        Step::Malformed
    }
}

fn request_of(head: &Head) -> Request {
    let target = head.target.as_str();
    let header = head.host.as_deref();
    let absolute = target.split_once("://").filter(|_| !target.starts_with('/'));
    let (authority, path) = match absolute {
        // Absolute form, as towards a proxy: its authority is the host.
        Some((_, rest)) => {
            let at = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let slash = if path.starts_with('/') { "" } else { "/" };
            (Some(authority), format!("{slash}{path}"))
        }
        _ if head.method == "CONNECT" => (Some(target), "/".to_string()),
        _ => (header, target.to_string()),
    };
    Request {
        method: head.method.clone(),
        host: authority.and_then(host_of),
        path,
        strict: head.strict,
    }
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

fn body_of(head: &Head) -> State {
    if head.bare {
        return State::Blind(true);
    }
    let chunked = |coding: &String| coding.to_ascii_lowercase().ends_with("chunked");
    if head.coding.as_ref().is_some_and(chunked) {
        return State::ChunkSize;
    }
    let digits = |length: &str| length.bytes().all(|b| b.is_ascii_digit());
    let length = head.length.as_deref();
    match length.map(|length| length.parse::<u64>().ok().filter(|_| digits(length))) {
        None | Some(Some(0)) if head.method == "CONNECT" || head.upgrade => State::Offered,
        None | Some(Some(0)) => State::Head,
        Some(Some(length)) => State::Body(length),
        Some(None) => State::Malformed,
    }
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
                Step::Malformed => found.push("Malformed".into()),
                Step::Opaque => {
                    found.push("Opaque".into());
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
        for head in ["Content-Length: +5", "Content-Length: 5, 5", "Content-Length: x"] {
            let stream = format!("POST / HTTP/1.1\r\nHost: a.example\r\n{head}\r\n\r\nhello");
            assert_eq!(
                requests(stream.as_bytes(), 9),
                ["POST a.example/", "Malformed"],
                "{head}"
            );
        }
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert_eq!(requests(chunked, 9).last().unwrap(), "Malformed");
    }

    #[test]
    fn requests_are_found_again_behind_what_cannot_be_framed() {
        let stream = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: x\r\n\r\nsome\nGET nothing\r\n\
            GET /b HTTP/1.1\r\nHost: b.example\r\nContent-Length: 3\r\n\r\nabcPUT /c HTTP/1.1\r\nHost: c.example\r\n\r\n\
            \x01\x02\r\nDELETE /d HTTP/1.1\r\nHost: d.example\r\n\r\n";
        let expected = [
            "POST a.example/a",
            "Malformed",
            "GET b.example/b",
            "PUT c.example/c",
            "Malformed",
            "DELETE d.example/d",
        ];
        for size in [1, 7, 1000] {
            assert_eq!(requests(stream, size), expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_lenient_servers_take_is_read() {
        let many: String = (0..500).map(|n| format!("X{n}: z\r\n")).collect();
        let long = format!("Cookie: {}\r\n", "a".repeat(30_000));
        for extra in ["X[1]: z\r\n", "no colon\r\n", "X-\u{e9} y: z\r\n", &many, &long] {
            let stream =
                format!("GET /a HTTP/1.1\r\nHost: a.example\r\n{extra}\r\n\nGET /b HTTP/1.1\nHost: b.example\n\n");
            for size in [100, 1400, 100_000] {
                assert_eq!(
                    requests(stream.as_bytes(), size),
                    ["GET a.example/a", "GET b.example/b"],
                    "{extra:.20} in pieces of {size}"
                );
            }
        }
        assert_eq!(requests(b"GET /login\r\n", 3), ["GET /login"], "HTTP/0.9");
        assert_eq!(
            requests(b"get /a b HTTP/1.1\nHOST : a.example\n\n", 3),
            ["get a.example/a b"]
        );
        let endless = format!("GET /a HTTP/1.1\r\nHost: a.example\r\nX: {}", "a".repeat(MAX_HEAD));
        assert_eq!(requests(endless.as_bytes(), 1000), ["GET a.example/a"]);
    }

    #[test]
    fn http_is_known_by_its_first_bytes() {
        for (bytes, web, elsewhere) in [
            (&b""[..], Looks::Maybe, Looks::Maybe),
            (b"GE", Looks::Maybe, Looks::Maybe),
            (b"GET / ", Looks::Yes, Looks::Yes),
            (b"\r\nGET / ", Looks::Yes, Looks::Yes),
            (b"\r\n", Looks::Maybe, Looks::No),
            (b"hello", Looks::Maybe, Looks::No),
            (b"PURGE /", Looks::Maybe, Looks::Maybe),
            (b"PURGE /a HTTP/1.1\r\n", Looks::Yes, Looks::Yes),
            (b"PURGE /a\r\n", Looks::No, Looks::No),
            (b"EHLO mail.example\r\n", Looks::No, Looks::No),
            (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Looks::No, Looks::No),
            (b"PRI * HTTP/2.0\r\n", Looks::No, Looks::No),
            (b"PING\r\n", Looks::No, Looks::No),
        ] {
            let found = (looks_like(bytes, true), looks_like(bytes, false));
            assert_eq!(found, (web, elsewhere), "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_always_ends(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            requests(&[b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat(), 50);
            requests(&bytes, 13);
        }
    }
}
