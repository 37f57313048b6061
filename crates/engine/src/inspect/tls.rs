//! The server name in a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3).

/// TLS record holding a fatal alert `access_denied` (RFC 8446 §6).
pub const ALERT_ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    /// So far it is one, but it is not complete.
    More,
    NotTls,
    Name(Option<String>),
}

/// Reads a ClientHello that may be split over records; the caller holds the bytes until it is complete.
#[must_use]
pub fn client_hello(held: &[u8]) -> Hello {
    let mut message = Vec::new();
    let mut rest = held;
    loop {
        match record(rest) {
            Record::Complete(fragment, next) => {
                if message.is_empty() && fragment.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
                    return Hello::NotTls;
                }
                message.extend_from_slice(fragment);
                rest = next;
            }
            Record::Partial(fragment) => {
                if message.is_empty() && fragment.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
                    return Hello::NotTls;
                }
                return Hello::More;
            }
            Record::NotTls => return Hello::NotTls,
        }
        if let [CLIENT_HELLO, a, b, c, body @ ..] = message.as_slice() {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            if let Some(body) = body.get(..length) {
                return hello_body(body).map_or(Hello::NotTls, Hello::Name);
            }
        }
    }
}

enum Record<'a> {
    Complete(&'a [u8], &'a [u8]),
    Partial(&'a [u8]),
    NotTls,
}

fn record(bytes: &[u8]) -> Record<'_> {
    match *bytes {
        [] => Record::Partial(&[]),
        [HANDSHAKE] => Record::Partial(&[]),
        [HANDSHAKE, 3, ref rest @ ..] => match *rest {
            [minor, ..] if minor > 4 => Record::NotTls,
            [_, high, low, ref rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                // RFC 8446 §5.1: at most 2^14 bytes, and none of length 0 for a handshake.
                if length == 0 || length > 1 << 14 {
                    return Record::NotTls;
                }
                match rest.split_at_checked(length) {
                    Some((fragment, next)) => Record::Complete(fragment, next),
                    None => Record::Partial(rest),
                }
            }
            _ => Record::Partial(&[]),
        },
        _ => Record::NotTls,
    }
}

/// The server name of a hello's body; the outer option is none when the body is damaged.
fn hello_body(body: &[u8]) -> Option<Option<String>> {
    let mut reader = Reader(body);
    reader.take(2 + 32)?;
    reader.vector8()?;
    reader.vector16()?;
    reader.vector8()?;
    if reader.0.is_empty() {
        return Some(None);
    }
    let mut extensions = Reader(reader.vector16()?);
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let content = extensions.vector16()?;
        if kind == SERVER_NAME {
            return Some(server_name(content));
        }
    }
    Some(None)
}

fn server_name(extension: &[u8]) -> Option<String> {
    let mut names = Reader(Reader(extension).vector16()?);
    while !names.0.is_empty() {
        let kind = *names.take(1)?.first()?;
        let name = names.vector16()?;
        if kind == 0 {
            let name = std::str::from_utf8(name).ok()?;
            let plausible = !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_graphic());
            return plausible.then(|| name.to_ascii_lowercase());
        }
    }
    None
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn number16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(usize::from(length))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.number16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A hello with GREASE and a key share as large as post-quantum ones.
    pub fn hello(name: Option<&str>, padding: usize) -> Vec<u8> {
        let vector16 = |content: &[u8]| [&(content.len() as u16).to_be_bytes()[..], content].concat();
        let extension = |kind: u16, content: &[u8]| [&kind.to_be_bytes()[..], &vector16(content)].concat();
        let mut extensions = extension(0x0a0a, b"");
        extensions.extend(extension(51, &vec![7; padding]));
        if let Some(name) = name {
            extensions.extend(extension(
                0,
                &vector16(&[&[0][..], &vector16(name.as_bytes())].concat()),
            ));
        }
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.push(0);
        body.extend(vector16(&[0x13, 0x01]));
        body.extend([1, 0]);
        body.extend(vector16(&extensions));
        let mut message = vec![CLIENT_HELLO];
        message.extend(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend(body);
        message
    }

    pub fn records(message: &[u8], size: usize) -> Vec<u8> {
        message
            .chunks(size)
            .flat_map(|part| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat())
            .collect()
    }

    #[test]
    fn names_are_found_in_whole_and_split_hellos() {
        for size in [5, 100, 16_000] {
            for padding in [0, 1_200] {
                let bytes = records(&hello(Some("Evil.Example"), padding), size);
                assert_eq!(
                    client_hello(&bytes),
                    Hello::Name(Some("evil.example".into())),
                    "{size} {padding}"
                );
                for cut in 0..bytes.len() {
                    assert_eq!(client_hello(&bytes[..cut]), Hello::More, "{size} {cut}");
                }
            }
        }
        assert_eq!(client_hello(&records(&hello(None, 0), 16_000)), Hello::Name(None));
    }

    #[test]
    fn what_is_not_tls_is_known_by_the_first_bytes() {
        for bytes in [
            &b"GET / HTTP/1.1"[..],
            b"SSH-2.0",
            &[22, 2],
            &[22, 3, 9],
            &[22, 3, 1, 0, 0],
            &[22, 3, 1, 0, 4, 2],
            &[0],
        ] {
            assert_eq!(client_hello(bytes), Hello::NotTls, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..200, value: u8, garbage in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = records(&hello(Some("a.example"), 20), 40);
            if let Some(byte) = bytes.get_mut(at) { *byte = value; }
            let _ = client_hello(&bytes);
            let _ = client_hello(&garbage);
        }
    }
}
