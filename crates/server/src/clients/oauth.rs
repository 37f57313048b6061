//! The token endpoint, answering as Entra does: `POST /{tenant}/oauth2/v2.0/token` and the older `/{tenant}/oauth2/token`.

use axum::{
    Form, Json,
    extract::{Path, State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;

use super::{store, token};
use crate::{App, error::Error, secret};

#[derive(Debug, Deserialize)]
pub struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// An OAuth error (RFC 6749 §5.2) with Entra's number in its description.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
}

pub async fn token(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    match grant(&app, &tenant, &headers, form).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn grant(
    app: &App,
    tenant: &str,
    headers: &HeaderMap,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Result<Response, Refused> {
    let bad = |error, description: String| Refused {
        status: StatusCode::BAD_REQUEST,
        error,
        description,
    };
    if !tenant.eq_ignore_ascii_case(&app.tenant) {
        return Err(bad(
            "invalid_request",
            format!("AADSTS90002: Tenant '{}' not found.", printable(tenant)),
        ));
    }
    let Form(form) = form.map_err(|e| bad("invalid_request", format!("AADSTS900144: {}", e.body_text())))?;
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        None | Some("") => {
            return Err(bad(
                "invalid_request",
                "AADSTS900144: The request body must contain 'grant_type'.".into(),
            ));
        }
        Some(other) => {
            let text = format!(
                "AADSTS70003: The grant type '{}' is not supported; use client_credentials.",
                printable(other)
            );
            return Err(bad("unsupported_grant_type", text));
        }
    }
    let missing = |name| {
        bad(
            "invalid_request",
            format!("AADSTS900144: The request body must contain '{name}'."),
        )
    };
    let (id, client_secret) = match basic(headers) {
        Some(credentials) => credentials,
        None => (
            form.client_id.ok_or_else(|| missing("client_id"))?,
            form.client_secret.ok_or_else(|| missing("client_secret"))?,
        ),
    };
    let client = authenticate(app, &id.to_ascii_lowercase(), &client_secret).await?;
    let access_token = token::issue(app, &client).map_err(Refused::from)?;
    let body = json!({"token_type": "Bearer", "expires_in": token::LIFETIME, "ext_expires_in": token::LIFETIME, "access_token": access_token});
    Ok((
        [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
        Json(body),
    )
        .into_response())
}

async fn authenticate(app: &App, id: &str, client_secret: &str) -> Result<store::ClientRow, Refused> {
    app.limits.sign_in_failures.check(id)?;
    let client = store::get(&app.db, id)
        .await?
        .filter(|client| client.disabled_at.is_none());
    let Some(client) = client else {
        let _ = app.limits.sign_in_failures.take(id);
        return Err(Refused {
            status: StatusCode::BAD_REQUEST,
            error: "unauthorized_client",
            description: format!(
                "AADSTS700016: Application with identifier '{}' was not found.",
                printable(id)
            ),
        });
    };
    if !secret::matches(client_secret, &client.secret_hash) {
        let _ = app.limits.sign_in_failures.take(id);
        return Err(Refused {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: "AADSTS7000215: Invalid client secret provided.".into(),
        });
    }
    Ok(client)
}

/// Credentials in the Authorization header (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':')
        .map(|(id, secret)| (id.to_string(), secret.to_string()))
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        error.log();
        let code = match error {
            Error::TooManyRequests { .. } => "slow_down",
            _ => "server_error",
        };
        Self {
            status: error.status(),
            error: code,
            description: error.to_string(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = self
            .description
            .strip_prefix("AADSTS")
            .and_then(|rest| rest.split(':').next())
            .and_then(|n| n.parse::<u32>().ok());
        let body = json!({
            "error": self.error,
            "error_description": self.description,
            "error_codes": code.into_iter().collect::<Vec<_>>(),
            "timestamp": crate::app::now().to_string(),
        });
        (self.status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}
