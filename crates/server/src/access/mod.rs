//! The consequence: may the device behind this client certificate reach a corporate application?

pub mod apps;
pub mod impact;
mod load;
mod memory;
pub mod why;

use std::net::IpAddr;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use moat_model::app_protection::ACCESS_HEADER;
use moat_policy::{English, Reason, Speak};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use self::apps::Shown;
use crate::{
    App,
    app::now,
    app_protection::proof::Proof,
    error::{Error, Result},
    gateways,
    json::ApiError,
};

pub use memory::{Asked, Decision, Gateway, Known, Member, Memory};

const CLIENT_CERTIFICATE: &str = "x-client-cert";
/// The client's address, as the gateway saw it.
const CLIENT_IP: &str = "x-client-ip";
/// `true`: the user showed a second factor. Believed only from a gateway with `assertsMfa`.
const CLIENT_MFA: &str = "x-client-mfa";
/// ISO 3166-1 alpha-2. Believed only from a gateway with `assertsCountry`.
const CLIENT_COUNTRY: &str = "x-client-country";
const DEVICE: HeaderName = HeaderName::from_static("x-moat-device");
const REASON: HeaderName = HeaderName::from_static("x-moat-reason");
const LINK: HeaderName = HeaderName::from_static("x-moat-link");

/// `GET /access/check`: a reverse proxy's subrequest. 200 or 403; 401 when the proxy did not authenticate itself.
pub async fn check(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    let key = key.ok_or_else(|| Error::Unauthorized("a gateway sends Authorization: Bearer KEY".into()))?;
    let gateway = gateways::authenticate(&app, key.trim())?;
    let decision = app
        .access
        .decide(gateway.application, &asked(&app, &gateway, &headers), now());
    Ok(answer(&app, &decision))
}

/// What the gateway says, as far as it is believed.
fn asked(app: &App, gateway: &Gateway, headers: &HeaderMap) -> Asked {
    let certificate = headers.get(CLIENT_CERTIFICATE).and_then(certificate_of);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Asked {
        certificate: certificate.map(|der| Sha256::digest(&der).into()),
        ip: text(CLIENT_IP).and_then(|ip| ip.parse::<IpAddr>().ok()),
        app: headers
            .get(ACCESS_HEADER)
            .filter(|value| !value.is_empty())
            .map(|value| shown(app, value)),
        mfa: gateway.asserts_mfa && text(CLIENT_MFA).is_some_and(|said| said.eq_ignore_ascii_case("true")),
        country: text(CLIENT_COUNTRY)
            .filter(|_| gateway.asserts_country)
            .and_then(|code| code.to_ascii_uppercase().parse().ok()),
    }
}

fn shown(app: &App, value: &HeaderValue) -> Shown {
    let proof = value.to_str().ok().and_then(|text| Proof::open(text, &app.keys.link));
    proof.map_or(Shown::Unreadable, Shown::Proof)
}

/// A reason as people read it: the chain in one text, and what would change it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    pub text: String,
    pub remedy: String,
}

impl Explained {
    pub fn of(reason: &Reason, speaker: &dyn Speak) -> Self {
        let told = reason.told(speaker);
        Self {
            text: told.story(),
            remedy: told.remedies().join(" "),
        }
    }
}

impl Decision {
    pub fn explained(&self, speaker: &dyn Speak) -> Vec<Explained> {
        let told = |reason| Explained::of(reason, speaker);
        self.reasons.iter().map(told).collect()
    }
}

fn answer(app: &App, decision: &Decision) -> Response {
    let status = if decision.allowed {
        StatusCode::OK
    } else {
        StatusCode::FORBIDDEN
    };
    let reasons = decision.explained(&English);
    let chain: Vec<_> = decision.reasons.iter().map(Reason::english).collect();
    let body = json!({"allowed": decision.allowed, "deviceId": decision.device, "reasons": reasons, "chain": chain});
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(device) = decision.device {
        insert(headers, DEVICE, &device.to_string());
    }
    if let Some(reason) = reasons.first() {
        insert(headers, REASON, &reason.text);
        insert(headers, LINK, &why::link(app, decision.device));
    }
    response
}

/// Longest text in a header, in bytes. An answer that did not fit into a proxy's buffer would be no answer to it, and a proxy may
/// be open then.
const MAX_HEADER: usize = 1_000;

/// Sets a header to text of which control characters are dropped, and what is too long.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    let mut clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if clean.len() > MAX_HEADER {
        clean.truncate(clean.floor_char_boundary(MAX_HEADER - "…".len()));
        clean.push('…');
    }
    if let Ok(value) = HeaderValue::from_bytes(clean.as_bytes()) {
        headers.insert(name, value);
    }
}

/// The certificate in a URL-encoded PEM, as nginx's `$ssl_client_escaped_cert` gives it.
fn certificate_of(header: &HeaderValue) -> Option<CertificateDer<'static>> {
    let mut pem = Vec::with_capacity(header.len());
    let mut bytes = header.as_bytes().iter();
    while let Some(b) = bytes.next() {
        match b {
            b'%' => {
                let (high, low) = (bytes.next()?, bytes.next()?);
                let digit = |b: &u8| char::from(*b).to_digit(16);
                pem.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
            }
            b => pem.push(*b),
        }
    }
    CertificateDer::from_pem_slice(&pem).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_a_proxy_s_buffer() {
        for (text, bytes) in [
            ("ä\r\nb".to_string(), 3),
            ("ä".repeat(5_000), MAX_HEADER - 1),
            ("b".repeat(1_000), 1_000),
        ] {
            let mut headers = HeaderMap::new();
            insert(&mut headers, REASON, &text);
            let value = headers.get(REASON).unwrap();
            assert_eq!(value.len(), bytes);
            assert!(std::str::from_utf8(value.as_bytes()).is_ok());
        }
    }
}
