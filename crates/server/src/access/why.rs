//! The page that tells a person why access is closed and what opens it. Its link is signed and lasts a day.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use moat_model::DeviceId;
use moat_policy::access::{self, Reason};
use ring::hmac;

use crate::{App, app::now, devices, error::Result, settings};

const LIFETIME: i64 = 86_400;
const TAG: usize = 32;

#[derive(Template)]
#[template(path = "why.html")]
struct Page {
    organisation: String,
    help_url: String,
    allowed: bool,
    reasons: Vec<Reason>,
}

/// The page's address for a device; for a stranger, the page that tells how to enrol.
pub fn link(app: &App, device: Option<DeviceId>) -> String {
    let Some(device) = device else {
        return format!("{}/enroll", app.base_url());
    };
    let expires = now().as_micros() / 1_000_000 + LIFETIME;
    let mut token = Vec::with_capacity(16 + 8 + TAG);
    token.extend(device.0.as_bytes());
    token.extend(expires.to_be_bytes());
    token.extend(hmac::sign(&key(app), &token).as_ref());
    format!("{}/why/{}", app.base_url(), URL_SAFE_NO_PAD.encode(token))
}

pub async fn page(State(app): State<App>, Path(token): Path<String>) -> Response {
    match render(&app, &token).await {
        Ok(Some(html)) => Html(html).into_response(),
        Ok(None) => (
            StatusCode::NOT_FOUND,
            "This link is not valid any more. Try the application again.\n",
        )
            .into_response(),
        Err(error) => {
            error.log();
            (error.status(), "Something went wrong on our side. Try again later.\n").into_response()
        }
    }
}

async fn render(app: &App, token: &str) -> Result<Option<String>> {
    let Some(id) = open(app, token) else { return Ok(None) };
    let device = devices::get(app, id).await?;
    let decision = access::evaluate(&super::subject_of(app, &device).await?);
    let settings = settings::get(&app.db).await?;
    let page = Page {
        organisation: settings.organisation,
        help_url: settings.help_url,
        allowed: decision.allowed,
        reasons: decision.reasons,
    };
    page.render().map(Some).map_err(crate::Error::internal)
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
