//! Who asks: from the connection (admin socket), the console's session, or a bearer token.

use axum::extract::{FromRequestParts, MatchedPath};
use http::{header, request::Parts};

use super::{store, token};
use crate::{
    Actor, App, Caller,
    error::{Error, Result},
    json::ApiError,
};

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(caller.clone());
        }
        let caller = from_token(parts, app).await?;
        let Actor::Client { id, .. } = &caller.actor else {
            return Ok(caller);
        };
        let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        app.limits.count_call(id, &parts.method, path, &app.config)?;
        Ok(caller)
    }
}

/// The roles are those in the database, not those in the token: a client that is switched off or loses a role loses it at once.
async fn from_token(parts: &Parts, app: &App) -> Result<Caller> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = header.and_then(|v| {
        let (scheme, token) = v.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let Some(token) = token else {
        return Err(Error::Unauthorized(format!(
            "this call needs an access token: POST /{}/oauth2/v2.0/token",
            app.tenant
        )));
    };
    let claims = token::verify(app, token)?;
    match store::get(&app.db, &claims.appid).await? {
        Some((client, _)) if client.disabled_at.is_none() => Ok(Caller::new(
            Actor::Client {
                id: client.id,
                name: client.name,
            },
            client.roles,
        )),
        _ => Err(Error::Unauthorized(
            "the client of this access token was switched off".into(),
        )),
    }
}
