//! The page that tells a person why access is closed and what opens it. Its link is signed and lasts a day, or as long as whoever sends it says.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use moat_model::DeviceId;
use ring::hmac;

use super::Explained;
use crate::{
    App,
    app::now,
    console::{ConsoleError, Html},
    devices,
    error::Result,
    language::{Language, Reader},
    settings,
};

const LIFETIME: Duration = Duration::from_secs(86_400);
const TAG: usize = 32;

#[derive(Template)]
#[template(path = "why.html")]
struct Page {
    language: Arc<Language>,
    organisation: String,
    help_url: String,
    allowed: bool,
    reasons: Vec<Explained>,
}

impl Page {
    fn decided_by(&self) -> String {
        self.language.with("why-by", [("organisation", &self.organisation)])
    }
}

#[derive(Template)]
#[template(path = "why_expired.html")]
struct Expired {
    language: Arc<Language>,
}

/// The page's address for a device; for a stranger, the page that tells how to enrol.
pub fn link(app: &App, device: Option<DeviceId>) -> String {
    match device {
        Some(device) => link_for(app, device, LIFETIME),
        None => format!("{}/enroll", app.base_url()),
    }
}

/// The page's address for a device, for so long.
pub fn link_for(app: &App, device: DeviceId, lifetime: Duration) -> String {
    let expires = now().saturating_add(lifetime).as_micros() / 1_000_000;
    let mut token = Vec::with_capacity(16 + 8 + TAG);
    token.extend(device.0.as_bytes());
    token.extend(expires.to_be_bytes());
    token.extend(hmac::sign(&key(app), &token).as_ref());
    format!("{}/why/{}", app.base_url(), URL_SAFE_NO_PAD.encode(token))
}

pub async fn page(
    State(app): State<App>,
    Path(token): Path<String>,
    Reader(language): Reader,
) -> Result<Response, ConsoleError> {
    match open(&app, &token) {
        Some(id) => Html(page_for(&app, id, language).await?).respond(),
        None => Ok((StatusCode::NOT_FOUND, Html(Expired { language }).respond()?).into_response()),
    }
}

async fn page_for(app: &App, id: DeviceId, language: Arc<Language>) -> Result<Page> {
    devices::get(app, id).await?;
    let decision = app.access.standing(id);
    let settings = settings::get(&app.db).await?;
    Ok(Page {
        reasons: decision.explained(&*language),
        language,
        organisation: settings.organisation,
        help_url: settings.help_url,
        allowed: decision.allowed,
    })
}

/// The device in a token that we signed and whose time is not over.
fn open(app: &App, token: &str) -> Option<DeviceId> {
    let token = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (signed, tag) = token.split_at_checked(24)?;
    hmac::verify(&key(app), signed, tag).ok()?;
    let (id, expires) = signed.split_at_checked(16)?;
    let expires = i64::from_be_bytes(expires.try_into().ok()?);
    (expires > now().as_micros() / 1_000_000).then(|| uuid::Uuid::from_slice(id).map(DeviceId).ok())?
}

fn key(app: &App) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &app.keys.link)
}
