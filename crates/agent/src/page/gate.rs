//! Who may see the page: whoever holds the address that `moat-agent page` printed, in one browser.
//!
//! Any program of this device, and any site in its browser, can reach a port on 127.0.0.1. So each request must name this very host
//! (a name of somebody else's that was made to point here does not), come from this page or from nowhere, and carry the cookie that the
//! printed key was traded for. Browsers share cookies between the ports of a host: the cookie is bound to a path that nobody can guess,
//! so that another server on 127.0.0.1 never gets it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{
    extract::{Query, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::{HEADERS, Shared, language};
use crate::run::lock;

const COOKIE: &str = "device";

pub struct Gate {
    /// What `Host` must say: `127.0.0.1:PORT`.
    authority: String,
    /// First part of every path.
    id: String,
    /// Gone once it was used.
    key: Mutex<Option<String>>,
    session: String,
    used: Mutex<Instant>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Host,
    Origin,
    Session,
}

impl Gate {
    /// A gate, and the key that opens it once.
    pub fn new(authority: &str) -> Result<(Self, String)> {
        let key = random::<32>()?;
        let gate = Self {
            authority: authority.to_string(),
            id: random::<16>()?,
            key: Mutex::new(Some(key.clone())),
            session: random::<32>()?,
            used: Mutex::new(Instant::now()),
        };
        Ok((gate, key))
    }

    /// The path of the page: `/ID/`.
    pub fn path(&self) -> String {
        format!("/{}/", self.id)
    }

    pub fn base(&self) -> String {
        format!("http://{}{}", self.authority, self.path())
    }

    /// Returns when nobody came in for so long.
    pub async fn unused_for(&self, idle: Duration) {
        loop {
            let left = idle.saturating_sub(lock(&self.used).elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn admit(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if text(header::HOST) != Some(&self.authority) || headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Refusal::Host);
        }
        let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if from.is_some_and(|from| from != b"same-origin" && from != b"none") {
            return Err(Refusal::Origin);
        }
        let own = format!("http://{}", self.authority);
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if !reads && text(header::ORIGIN) != Some(&own) {
            return Err(Refusal::Origin);
        }
        let open_to_all = ["open", "page.css", "moat.svg"];
        let name = path.strip_prefix(&self.path()).unwrap_or_default();
        let is_open = reads && open_to_all.contains(&name);
        if !is_open && !self.knows(headers) {
            return Err(Refusal::Session);
        }
        Ok(())
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter();
        let pairs = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'));
        let mut own = pairs.filter_map(|pair| pair.trim().split_once('=').filter(|(name, _)| *name == COOKIE));
        let known = own.any(|(_, value)| same(value, &self.session));
        if known {
            *lock(&self.used) = Instant::now();
        }
        known
    }

    fn trade(&self, key: &str) -> bool {
        let mut kept = lock(&self.key);
        let fits = kept.as_ref().is_some_and(|kept| same(kept, key));
        if fits {
            *kept = None;
            *lock(&self.used) = Instant::now();
        }
        fits
    }
}

/// Lets a request through, or says why not.
pub async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let admitted = shared
        .gate
        .admit(request.method(), request.uri().path(), request.headers());
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(refusal, request.headers()),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Deserialize)]
pub struct Opening {
    #[serde(default)]
    key: String,
}

/// Trades the key for a session. Who has the session already comes in with the old address, too.
pub async fn open(State(shared): State<Arc<Shared>>, headers: HeaderMap, Query(opening): Query<Opening>) -> Response {
    let gate = &shared.gate;
    if !gate.knows(&headers) && !gate.trade(&opening.key) {
        return refuse(Refusal::Session, &headers);
    }
    let cookie = format!(
        "{COOKIE}={}; Path={}; HttpOnly; SameSite=Strict",
        gate.session,
        gate.path()
    );
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, gate.path())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// As plain text: whoever gets this need not know the path of the page.
fn refuse(refusal: Refusal, headers: &HeaderMap) -> Response {
    let language = language::choose(headers);
    let (status, text) = match refusal {
        Refusal::Host => (StatusCode::MISDIRECTED_REQUEST, language.t("refused-host")),
        Refusal::Origin => (StatusCode::FORBIDDEN, language.t("refused-origin")),
        Refusal::Session => (StatusCode::FORBIDDEN, language.t("refused-session")),
    };
    (status, text + "\n").into_response()
}

/// In constant time.
fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// So many random bytes, in hexadecimal.
pub fn random<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn only_this_host_this_page_and_this_session_come_in() {
        let (gate, key) = Gate::new("127.0.0.1:4000").unwrap();
        let cookie = format!("other=1; device={}", gate.session);
        let page = gate.path();
        let get = |path: &str, pairs: &[(&'static str, &str)]| gate.admit(&Method::GET, path, &headers(pairs));
        let post = |pairs: &[(&'static str, &str)]| gate.admit(&Method::POST, &page, &headers(pairs));
        let host = ("host", "127.0.0.1:4000");
        let own = ("origin", "http://127.0.0.1:4000");
        let session = ("cookie", cookie.as_str());
        assert_eq!(get(&page, &[host, session]), Ok(()));
        assert_eq!(get(&page, &[host, session, ("sec-fetch-site", "none")]), Ok(()));
        assert_eq!(post(&[host, session, own]), Ok(()));
        for wrong in ["127.0.0.1:4001", "localhost:4000", "evil.example:4000", "127.0.0.1", ""] {
            assert_eq!(get(&page, &[("host", wrong), session]), Err(Refusal::Host), "{wrong}");
        }
        assert_eq!(get(&page, &[session]), Err(Refusal::Host));
        assert_eq!(get(&page, &[host, host, session]), Err(Refusal::Host));
        for wrong in [
            "null",
            "http://127.0.0.1:4001",
            "https://127.0.0.1:4000",
            "http://evil.example",
            "",
        ] {
            assert_eq!(
                post(&[host, session, ("origin", wrong)]),
                Err(Refusal::Origin),
                "{wrong}"
            );
        }
        assert_eq!(post(&[host, session]), Err(Refusal::Origin));
        for site in ["cross-site", "same-site"] {
            assert_eq!(
                get(&page, &[host, session, ("sec-fetch-site", site)]),
                Err(Refusal::Origin)
            );
        }
        assert_eq!(get(&page, &[host]), Err(Refusal::Session));
        assert_eq!(get(&page, &[host, ("cookie", "device=")]), Err(Refusal::Session));
        assert_eq!(get(&format!("{page}open"), &[host]), Ok(()));
        assert_eq!(get("/open", &[host]), Err(Refusal::Session));
        assert!(!gate.trade("") && !gate.trade(&key[1..]));
        assert!(gate.trade(&key) && !gate.trade(&key), "it works once");
    }
}
