//! The consequence: may the device behind this client certificate reach a corporate application?

pub mod why;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use moat_model::{DeviceId, Risk};
use moat_policy::{
    access::{self, AccessDecision, Device, Subject},
    risk,
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;

use crate::{
    App, alerts,
    app::now,
    devices::{self, DeviceRow},
    error::{Error, Result},
    gateways,
    json::ApiError,
};

const CLIENT_CERTIFICATE: &str = "x-client-cert";
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
    gateways::authenticate(&app, key.trim()).await?;
    let (device, decision) = decide(&app, headers.get(CLIENT_CERTIFICATE)).await?;
    Ok(answer(&app, device, &decision))
}

/// Decides for a certificate that a gateway passed on. Its signature is checked again here.
async fn decide(app: &App, header: Option<&HeaderValue>) -> Result<(Option<DeviceId>, AccessDecision)> {
    let certificate = header
        .and_then(certificate_of)
        .and_then(|der| app.authority.verify(&der));
    let Some(certificate) = certificate else {
        return Ok((None, access::evaluate(&Subject::Unknown)));
    };
    let Some(row) = devices::store::find_by_certificate(&app.db, &certificate.fingerprint).await? else {
        return Ok((None, access::evaluate(&Subject::Unknown)));
    };
    let id = row.device_id()?;
    let expired = certificate.not_after <= now();
    let subject = if expired {
        Subject::CertificateExpired {
            at: certificate.not_after,
        }
    } else {
        subject_of(app, &row).await?
    };
    Ok((Some(id), access::evaluate(&subject)))
}

/// What the access decision needs to know of a device.
pub async fn subject_of(app: &App, device: &DeviceRow) -> Result<Subject> {
    if device.revoked_at.is_some() {
        return Ok(Subject::Revoked);
    }
    let risk = device.risk()?;
    // Only a High risk closes anything: the others need no reason.
    let because = match risk {
        Risk::High => risk::evaluate(&alerts::store::active(app.db.read(), device.device_id()?).await?).because,
        _ => Vec::new(),
    };
    Ok(Subject::Known(Device { risk, because }))
}

fn answer(app: &App, device: Option<DeviceId>, decision: &AccessDecision) -> Response {
    let status = if decision.allowed {
        StatusCode::OK
    } else {
        StatusCode::FORBIDDEN
    };
    let reasons: Vec<_> = decision
        .reasons
        .iter()
        .map(|r| json!({"text": r.text, "remedy": r.remedy}))
        .collect();
    let body = json!({"allowed": decision.allowed, "deviceId": device, "reasons": reasons});
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(device) = device {
        insert(headers, DEVICE, &device.to_string());
    }
    if let Some(reason) = decision.reasons.first() {
        insert(headers, REASON, &reason.text);
        insert(headers, LINK, &why::link(app, device));
    }
    response
}

/// Sets a header to text of which control characters are dropped.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
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
