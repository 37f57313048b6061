//! Fetching a list: over HTTPS, a few redirections, so many bytes and so long.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures_util::FutureExt as _;
use moat_indicators::Prefix;
use reqwest::{
    Client, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{parse::MAX_BYTES, take::Body};
use crate::config;

const REDIRECTIONS: usize = 5;
const CONNECT: Duration = Duration::from_secs(15);
/// Longest wait for more of the list.
const SILENCE: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(300);
const MAX_TAG: usize = 1000;

/// What the source said.
pub enum Fetched {
    Unchanged,
    New(Body),
}

/// What was there before, to ask only for what is new.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    pub etag: Option<&'a str>,
    pub last_modified: Option<&'a str>,
}

/// Fetches a list; the error is for people.
pub async fn fetch(config: &config::Feeds, url: &str, known: Known<'_>) -> Result<Fetched, String> {
    let url: Url = url.parse().map_err(|_| "the address cannot be read".to_string())?;
    may_ask(&url, config.allow_internal_addresses)?;
    let client = client(config).map_err(|error| format!("{error:#}"))?;
    let mut request = client.get(url);
    for (name, value) in [
        (header::IF_NONE_MATCH, known.etag),
        (header::IF_MODIFIED_SINCE, known.last_modified),
    ] {
        if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
            request = request.header(name, value);
        }
    }
    let mut response = request.send().await.map_err(|error| said(&error))?;
    match response.status() {
        StatusCode::NOT_MODIFIED => return Ok(Fetched::Unchanged),
        StatusCode::OK => {}
        status => return Err(format!("the server answered {status}")),
    }
    let tag = |name| text(response.headers(), name);
    let (etag, last_modified) = (tag(header::ETAG), tag(header::LAST_MODIFIED));
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| said(&error))? {
        if bytes.len() + part.len() > MAX_BYTES {
            return Err("it is larger than 64 MiB".into());
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Fetched::New(Body {
        bytes,
        etag,
        last_modified,
    }))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= MAX_TAG).then(|| text.to_string())
}

/// An error with its causes, which say what was wrong.
fn said(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the server did not answer in time".into();
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let innermost = causes.last().map(ToString::to_string);
    let text = innermost.unwrap_or_else(|| error.to_string());
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn client(config: &config::Feeds) -> Result<Client> {
    let internal = config.allow_internal_addresses;
    let redirections = redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > REDIRECTIONS {
            return attempt.error(NotAsked("there are too many redirections".into()));
        }
        match may_ask(attempt.url(), internal) {
            Ok(()) => attempt.follow(),
            Err(why) => attempt.error(NotAsked(why)),
        }
    });
    let client = Client::builder()
        .use_preconfigured_tls(tls(config.ca_file.as_deref())?)
        .https_only(true)
        .no_proxy()
        .user_agent(concat!("moat/", env!("CARGO_PKG_VERSION")))
        .redirect(redirections)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(WHOLE)
        .dns_resolver(Arc::new(Resolver { internal }));
    Ok(client.build()?)
}

fn tls(ca_file: Option<&Path>) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = ca_file {
        let reading = || format!("feeds.ca_file: cannot read {}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(reading)? {
            roots.add(certificate.with_context(reading)?).with_context(reading)?;
        }
    }
    Ok(rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotAsked(String);

const INTERNAL: &str = "the address lies in an internal network, where this server asks for nothing: see \
                        feeds.allow_internal_addresses in its configuration";

/// Whether a server may be asked. Names are looked at when they have been resolved.
fn may_ask(url: &Url, internal: bool) -> Result<(), String> {
    if url.scheme() != "https" {
        return Err("it would be fetched without encryption: only https is".into());
    }
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(ip) if !internal && is_internal(ip) => Err(INTERNAL.into()),
        _ => Ok(()),
    }
}

fn is_internal(ip: IpAddr) -> bool {
    let prefix = Prefix::parse(&ip.to_canonical().to_string());
    prefix.is_ok_and(|prefix| prefix.is_internal())
}

/// Resolves names, and keeps to addresses that may be asked: what a name means is known only here.
struct Resolver {
    internal: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let internal = self.internal;
        async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (kept, left): (Vec<SocketAddr>, Vec<_>) = found.partition(|a| internal || !is_internal(a.ip()));
            if kept.is_empty() && !left.is_empty() {
                return Err(NotAsked(INTERNAL.into()).into());
            }
            let addresses: Addrs = Box::new(kept.into_iter());
            Ok(addresses)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_only_what_may_be_asked() {
        let ask = |url: &str, internal| may_ask(&url.parse().unwrap(), internal);
        assert!(ask("https://lists.example/x", false).is_ok());
        assert!(ask("http://lists.example/x", true).is_err());
        for internal in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.1.2.3:8443/x",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(ask(internal, false).is_err(), "{internal}");
            assert!(ask(internal, true).is_ok(), "{internal}");
        }
    }
}
