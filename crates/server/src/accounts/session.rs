//! Sessions: a random cookie that only the browser keeps, and a token in every form against forged requests.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequest, FromRequestParts, Multipart, OptionalFromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use super::store;
use crate::{
    App,
    app::now,
    audit,
    caller::{Actor, AdministratorRole, Caller},
    console::{ConsoleError, address},
    error::{Error, Result},
    json::MAX_BODY,
    language::Language,
    odata::decode_pairs,
    secret,
};

/// The `__Host-` prefix makes browsers insist on Secure, on the path / and on this very host.
const COOKIE: &str = "__Host-moat";
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Largest form that comes without a session.
const MAX_OPEN_FORM: usize = 64 << 10;

/// A signed-in administrator.
#[derive(Clone)]
pub struct Session {
    token: String,
    pub administrator: String,
    pub name: String,
    role: AdministratorRole,
    pub csrf: String,
    /// The one in which the pages speak to them.
    pub language: Arc<Language>,
}

/// A form whose token was right, with the session that sent it.
pub struct Form {
    pub session: Session,
    pub fields: Fields,
}

/// The fields of a form, as typed.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl<const N: usize> From<[(&str, String); N]> for Fields {
    fn from(fields: [(&str, String); N]) -> Self {
        Self(fields.map(|(name, value)| (name.to_string(), value)).into())
    }
}

impl FromIterator<(String, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Fields {
    /// The parameters of an address.
    pub fn of_address(address: &str) -> Self {
        let query = address.split_once('?').map(|(_, query)| query);
        Self(query.and_then(decode_pairs).unwrap_or_default())
    }

    /// The same with one more.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_string(), value.to_string()));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(field, typed)| field == name && typed == value)
    }

    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(field, _)| field == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// The text of a field, none when nothing was typed.
    pub fn text(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim().to_string()).filter(|text| !text.is_empty())
    }
}

/// What the audit log says of a sign-in.
#[derive(Serialize)]
pub struct SignIn<'a> {
    pub name: &'a str,
    /// None right after the set-up.
    pub address: Option<String>,
}

pub async fn open(
    app: &App,
    administrator: &str,
    name: &str,
    role: AdministratorRole,
    address: Option<IpAddr>,
) -> Result<Session> {
    let (token, csrf) = (secret::generate(), secret::generate());
    let mut tx = app.db.begin().await?;
    let expires = now().saturating_add(LIFETIME);
    store::insert_session(&mut tx, &secret::hash(&token), administrator, &csrf, expires).await?;
    let actor = Actor::Administrator {
        id: administrator.to_string(),
        name: name.to_string(),
    };
    let address = address.map(|address| address.to_string());
    let change = audit::Change {
        action: "sign in",
        noun: "administrator",
        id: administrator,
        before: None,
        after: Some(&SignIn { name, address }),
    };
    audit::record(&mut tx, &actor, change).await?;
    tx.commit().await?;
    Ok(Session {
        token,
        administrator: administrator.to_string(),
        name: name.to_string(),
        role,
        csrf,
        // No page is shown with it: the browser is sent on, and asks in its language.
        language: app.languages.english(),
    })
}

impl Session {
    pub fn caller(&self) -> Caller {
        let actor = Actor::Administrator {
            id: self.administrator.clone(),
            name: self.name.clone(),
        };
        Caller::new(actor, self.role.roles().to_vec())
    }

    /// The header that gives the browser the session.
    pub fn cookie(&self) -> [(header::HeaderName, HeaderValue); 1] {
        cookie(&self.token, LIFETIME.as_secs())
    }

    pub async fn close(&self, app: &App) -> Result<[(header::HeaderName, HeaderValue); 1]> {
        let mut tx = app.db.begin().await?;
        store::delete_session(&mut tx, &secret::hash(&self.token)).await?;
        tx.commit().await?;
        Ok(cookie("", 0))
    }

    async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>> {
        let Some(token) = token_of(headers) else {
            return Ok(None);
        };
        let row = store::find_session(&app.db, &secret::hash(&token)).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Self {
            token,
            administrator: row.administrator_id,
            name: row.name,
            role: row.role.parse()?,
            csrf: row.csrf_token,
            language: app.languages.choose(headers),
        }))
    }
}

fn cookie(token: &str, seconds: u64) -> [(header::HeaderName, HeaderValue); 1] {
    let text = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    // Tokens are base64: always a legal header.
    [(
        header::SET_COOKIE,
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("")),
    )]
}

fn token_of(headers: &HeaderMap) -> Option<String> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| token.to_string())
}

/// A page for which one must sign in: without a session, the way leads there and back.
impl FromRequestParts<App> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        match Self::find(app, &parts.headers).await {
            Ok(Some(session)) => Ok(session),
            Ok(None) => Err(way_to_sign_in(parts)),
            Err(error) => Err(ConsoleError(error).into_response()),
        }
    }
}

/// To the sign-in and back. A script that fetched a part of a page would follow a redirection and find no such part: it
/// is told where the page must go.
fn way_to_sign_in(parts: &Parts) -> Response {
    let back = match parts.method {
        http::Method::GET => parts.uri.path_and_query().map(ToString::to_string),
        _ => None,
    };
    let way = address(
        "/sign-in",
        &[("next", back.filter(|path| path != "/").as_deref().unwrap_or_default())],
    );
    match parts.headers.contains_key("hx-request") {
        true => (StatusCode::UNAUTHORIZED, [("hx-redirect", way)]).into_response(),
        false => Redirect::to(&way).into_response(),
    }
}

impl OptionalFromRequestParts<App> for Session {
    type Rejection = ConsoleError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Self::Rejection> {
        Ok(Self::find(app, &parts.headers).await?)
    }
}

impl FromRequest<App> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let session = <Session as FromRequestParts<App>>::from_request_parts(&mut parts, app).await?;
        let fields = read(Request::from_parts(parts, body), MAX_BODY).await;
        let fields = fields.map_err(IntoResponse::into_response)?;
        if !bool::from(fields.get("csrf").as_bytes().ct_eq(session.csrf.as_bytes())) {
            let error = Error::Forbidden(
                "This form is out of date. Go back, load the page again and repeat what you did.".into(),
            );
            return Err(ConsoleError(error).into_response());
        }
        Ok(Self { session, fields })
    }
}

/// The fields of a form that comes without a session, such as the sign-in itself.
pub async fn read_fields(request: Request) -> Result<Fields, ConsoleError> {
    read(request, MAX_OPEN_FORM).await
}

async fn read(request: Request, limit: usize) -> Result<Fields, ConsoleError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return read_parts(request).await;
    }
    let wrong = |text: String| Error::invalid("InvalidRequestBody", text);
    let bytes = axum::body::to_bytes(request.into_body(), limit).await;
    let bytes = bytes.map_err(|_| wrong(format!("The form is larger than {} KiB, or broke off.", limit >> 10)))?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| wrong("The form is no text.".into()))?;
    let pairs = decode_pairs(&text).ok_or_else(|| wrong("The form cannot be read.".into()))?;
    Ok(Fields(pairs))
}

/// The fields of a form with a file, whose text is the field's.
async fn read_parts(request: Request) -> Result<Fields, ConsoleError> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::invalid("InvalidRequestBody", format!("The form cannot be read: {error}"))
    };
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|error| wrong(&error))?;
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|error| wrong(&error))? {
        let name = part.name().unwrap_or_default().to_string();
        let bytes = part.bytes().await.map_err(|error| wrong(&error))?;
        fields.push((name, bytes));
    }
    let text = |(name, bytes): (String, bytes::Bytes)| (name, String::from_utf8_lossy(&bytes).into_owned());
    Ok(fields.into_iter().map(text).collect())
}
