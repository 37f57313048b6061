//! Access tokens: ES256 JWTs that name the client; its roles are looked up at each request.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{ClientRow, store};
use crate::{
    App,
    app::now,
    caller::{Actor, Caller},
    error::{Error, Result},
    json::ApiError,
};

/// Life of a token, in seconds, as Entra gives it.
pub const LIFETIME: i64 = 3599;
const AUDIENCE: &str = "https://api.securitycenter.microsoft.com";

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: String,
    app_displayname: String,
    roles: Vec<String>,
    tid: String,
    ver: String,
}

/// Signs a token for a client that proved its secret.
pub fn issue(app: &App, client: &ClientRow) -> Result<String> {
    let seconds = now().as_micros() / 1_000_000;
    let claims = Claims {
        aud: AUDIENCE.into(),
        iss: issuer(app),
        iat: seconds,
        nbf: seconds,
        exp: seconds + LIFETIME,
        appid: client.id.clone(),
        app_displayname: client.name.clone(),
        roles: client.roles.split(' ').map(String::from).collect(),
        tid: app.tenant.clone(),
        ver: "1.0".into(),
    };
    jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &app.keys.token.encoding).map_err(Error::internal)
}

fn issuer(app: &App) -> String {
    format!("{}/{}/v2.0", app.base_url(), app.tenant)
}

/// The caller behind a token: signature, time and audience are right, and the client is still in use.
async fn caller_of(app: &App, token: &str) -> Result<Caller> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "aud"]);
    validation.leeway = 0;
    let claims = jsonwebtoken::decode::<Claims>(token, &app.keys.token.decoding, &validation)
        .map_err(|error| Error::Unauthorized(format!("the access token is not valid: {error}")))?
        .claims;
    let client = store::get(&app.db, &claims.appid)
        .await?
        .filter(|client| client.disabled_at.is_none());
    let client = client.ok_or_else(|| Error::Unauthorized("the API client was switched off".into()))?;
    app.limits.client_minute.take(&client.id)?;
    app.limits.client_hour.take(&client.id)?;
    let roles = client.roles.split(' ').map(str::parse).collect::<Result<Vec<_>>>()?;
    Ok(Caller::new(
        Actor::Client {
            id: client.id,
            name: client.name,
        },
        roles,
    ))
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) =
            token.ok_or_else(|| Error::Unauthorized("send an access token: Authorization: Bearer TOKEN".into()))?;
        Ok(caller_of(app, token.trim()).await?)
    }
}
