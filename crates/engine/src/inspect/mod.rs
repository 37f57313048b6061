//! What can be seen on a flow: names and URLs, read from the first bytes.

pub mod dns;
mod head;
pub mod http;
pub mod tls;

/// Bytes of an undecided flow that are held at most.
pub const MAX_HELD: usize = 16 << 10;

/// How far the inspection of a TCP flow is.
#[derive(Debug)]
pub enum Inspection {
    /// The first bytes are not there yet, or not all of them.
    Sniff,
    /// Each request is judged.
    Http(http::Requests),
    /// Each question and each answer is judged.
    Dns(Box<dns::Stream>),
    /// Decided: bytes pass unseen.
    Done,
}

impl Inspection {
    pub fn sniff() -> Self {
        Self::Sniff
    }

    pub fn dns() -> Self {
        Self::Dns(Box::default())
    }

    /// Whether answers from the destination pass through us before the application sees them.
    pub fn rewrites_answers(&self) -> bool {
        matches!(self, Self::Dns(_))
    }

    /// Room for bytes of answers.
    pub fn answer_space(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Dns(stream) => stream.answer_space(),
            _ => None,
        }
    }
}

/// What the first bytes of a TCP flow are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// Not decidable yet.
    More,
    /// A ClientHello, with its server name if it has one.
    Tls(Option<String>),
    Http,
    Other,
}

/// Recognises a protocol by its first bytes. On a `web` port HTTP is waited for longer. More than [`MAX_HELD`] bytes are never asked for.
#[must_use]
pub fn first_bytes(held: &[u8], web: bool) -> First {
    let first = match tls::client_hello(held) {
        tls::Hello::Name(name) => First::Tls(name),
        tls::Hello::More => First::More,
        tls::Hello::NotTls => match http::looks_like(held, web) {
            http::Looks::Yes => First::Http,
            http::Looks::Maybe => First::More,
            http::Looks::No => First::Other,
        },
    };
    if first == First::More && held.len() >= MAX_HELD {
        First::Other
    } else {
        first
    }
}
