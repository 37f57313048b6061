use std::sync::Arc;

use askama::Template;
use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse as _, Response},
};
use moat_model::sync::{Enroll, Enrolled};

use crate::{
    App,
    console::{ConsoleError, Html},
    devices::device::{DeviceBody, DeviceError},
    error::Error,
    language::{Language, Reader},
    listen::Peer,
    rate_limit::address_key,
};

pub async fn enroll(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    DeviceBody(body): DeviceBody<Enroll>,
) -> Result<Json<Enrolled>, DeviceError> {
    let device_url = device_url(&app, &uri, &headers);
    let enrolled = super::enroll(
        &app,
        &body.token,
        &body.csr,
        &body.device,
        device_url,
        &peer.ip().to_string(),
    )
    .await;
    // Only guesses are counted: whoever has a good token is not locked out by a neighbour behind the same address.
    if let Err(Error::Invalid {
        code: "tokenUnknown", ..
    }) = &enrolled
    {
        app.limits.enroll_failures.take(&address_key(peer.ip()))?;
    }
    Ok(Json(enrolled?))
}

/// Where the device checks in: as configured, else the host it just used with the port of the device listener.
fn device_url(app: &App, uri: &Uri, headers: &HeaderMap) -> String {
    if let Some(url) = &app.config.device_url {
        return url.clone();
    }
    // HTTP/2 names the host in the address instead of a header.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host
        .or(uri.authority().map(|authority| authority.as_str()))
        .unwrap_or("localhost");
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    format!("https://{host}:{}", app.device_port())
}

/// What a person sees who opens an enrolment link in a browser. The token stays in the fragment, on the device.
#[derive(Template)]
#[template(path = "enroll.html")]
struct Page {
    language: Arc<Language>,
}

pub async fn page(Reader(language): Reader) -> Result<Response, ConsoleError> {
    Html(Page { language }).respond()
}

/// `GET /ca.pem`: the certificate of this server's authority. It is public; who copies it from here compares its fingerprint.
pub async fn authority(State(app): State<App>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/x-pem-file")];
    (kind, app.authority.pem().to_string()).into_response()
}
