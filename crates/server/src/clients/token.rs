//! Access tokens: ES256 JWTs with Entra's claims.

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use super::Client;
use crate::{
    App,
    app::now,
    error::{Error, Result},
};

/// Life of a token in seconds, as Entra announces it.
pub const LIFETIME: i64 = 3599;

#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub aud: String,
    pub iss: String,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    /// The client; `azp` is the same in Entra's v2 tokens.
    pub appid: String,
    pub azp: String,
    pub app_displayname: String,
    pub roles: Vec<String>,
    pub sub: String,
    pub tid: String,
    pub uti: String,
    pub ver: String,
}

/// A signed token for `client` to use with `audience`.
pub fn issue(app: &App, client: &Client, audience: &str, issuer: String) -> Result<(String, Claims)> {
    let iat = now().as_micros() / 1_000_000;
    let claims = Claims {
        aud: audience.to_string(),
        iss: issuer,
        iat,
        nbf: iat,
        exp: iat + LIFETIME + 1,
        appid: client.id.clone(),
        azp: client.id.clone(),
        app_displayname: client.name.clone(),
        roles: client.roles.iter().map(|r| r.as_str().to_string()).collect(),
        sub: client.id.clone(),
        tid: app.tenant.clone(),
        uti: uuid::Uuid::now_v7().to_string(),
        ver: "2.0".into(),
    };
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(app.keys.token.id());
    let token = jsonwebtoken::encode(&header, &claims, &app.keys.token.encoding).map_err(Error::internal)?;
    Ok((token, claims))
}

/// Checks signature, time and tenant. Our key signs nothing but tokens for this server,
/// and [`super::oauth`] signs only for audiences that are this server.
pub fn verify(app: &App, token: &str) -> Result<Claims> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = 0;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    let refuse = |why: &str| Error::Unauthorized(format!("the access token {why}"));
    let data = jsonwebtoken::decode::<Claims>(token, &app.keys.token.decoding, &validation).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind as K;
        refuse(match error.kind() {
            K::ExpiredSignature => "has expired: ask for a new one",
            K::InvalidSignature => "was not signed by this server",
            _ => "is not valid",
        })
    })?;
    if data.claims.tid != app.tenant {
        return Err(refuse("belongs to another tenant"));
    }
    Ok(data.claims)
}
