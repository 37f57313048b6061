//! JSON as the Defender API speaks it: error bodies, request bodies, the address that links are built on.

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::JsonRejection},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use moat_model::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    App,
    error::Error,
    odata::{Page, Query},
};

/// Largest body of any request. A CSV of 100,000 indicators stays below.
pub const MAX_BODY: usize = 64 << 20;
/// Largest JSON body; imports of 500 indicators and check-ins of 500 events stay far below.
pub const MAX_JSON: usize = 8 << 20;

/// An error in Defender's shape: `{"error":{"code","message","target"}}`. `target` is a GUID to find it by in the log.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<u64>,
}

pub type ApiResult<T = Response> = Result<T, ApiError>;

/// What an error says, kept with its answer for faces that write errors in another shape.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }
}

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        let error: Error = error.into();
        error.log();
        let retry_after = match error {
            Error::TooManyRequests { retry_after_seconds } => Some(retry_after_seconds),
            _ => None,
        };
        Self {
            status: error.status(),
            code: error.code(),
            message: error.to_string(),
            retry_after,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let target = uuid::Uuid::now_v7();
        tracing::debug!(%target, status = %self.status, code = self.code, message = self.message, "refused");
        let body = json!({"error": {"code": self.code, "message": self.message, "target": target}});
        let mut response = (self.status, axum::Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer realm=\"moat\", error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Refusal {
            code: self.code,
            message: self.message,
        });
        response
    }
}

/// A JSON request body. Content type, syntax and size are checked; the errors are Defender's.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        parse(&read_body(request, MAX_JSON).await?).map(Self)
    }
}

fn not_json() -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "InvalidRequestBody",
        "the content type must be application/json",
    )
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    // Windows tools like to begin with a byte order mark.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(text).map_err(|error| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestBody",
            format!("the body is not the JSON that this call takes: {error}"),
        )
    })
}

/// A JSON body of a call that also works without one.
pub struct OptionalBody(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for OptionalBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let typed = is_json(request.headers());
        let bytes = read_body(request, MAX_JSON).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(None));
        }
        if !typed {
            return Err(not_json());
        }
        parse(&bytes).map(|body| Self(Some(body)))
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body(request: Request, limit: usize) -> ApiResult<axum::body::Bytes> {
    to_bytes(request.into_body(), limit).await.map_err(|error| {
        let too_large = std::error::Error::source(&error).is_some_and(|e| e.is::<http_body_util::LengthLimitError>());
        match too_large {
            true => from_status(StatusCode::PAYLOAD_TOO_LARGE),
            false => ApiError::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequestBody",
                "the body could not be read to its end",
            ),
        }
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = content_type
        .and_then(|v| v.split(';').next())
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// `https://HOST[:PORT]` under which the caller reaches this server.
pub struct Origin(pub String);

impl FromRequestParts<App> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(origin_of(app, &parts.uri, &parts.headers)))
    }
}

/// How the caller reached this server, as `https://HOST`. HTTP/2 names the host in the address instead of a header.
pub fn origin_of(app: &App, uri: &http::Uri, headers: &HeaderMap) -> String {
    if let Some(url) = &app.config.public_url {
        return url.clone();
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let host = host.or(uri.authority().map(http::uri::Authority::as_str));
    let safe = |host: &&str| {
        host.parse::<http::uri::Authority>()
            .is_ok_and(|a| !a.as_str().contains('@'))
    };
    format!("https://{}", host.filter(safe).unwrap_or("localhost"))
}

/// Names are case-sensitive. A name that is wrong only in its case is refused: ignoring it would lose what it says.
pub fn check_case(body: &Map<String, Value>, fields: &[&str]) -> Result<(), Error> {
    for name in body.keys() {
        let near = fields.iter().find(|field| field.eq_ignore_ascii_case(name));
        if let Some(field) = near
            && !fields.contains(&name.as_str())
        {
            return Err(Error::invalid(
                "InvalidRequestBody",
                format!("names are case-sensitive: {field}, not {name}"),
            ));
        }
    }
    Ok(())
}

/// What is wrong with a body that axum refused.
pub fn rejected(rejection: &JsonRejection) -> Error {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Error::invalid("InvalidRequestBody", "the content type must be application/json")
        }
        other => Error::invalid("InvalidRequestBody", other.body_text()),
    }
}

/// `@odata.context` of an answer: `what` is a set, such as `Alerts`, or one of it, such as `Alerts/$entity`.
pub fn context(app: &App, what: &str) -> String {
    format!("{}/api/$metadata#{what}", app.base_url())
}

/// The answer of a list: its items, their number when it was asked for, and where the next page is.
pub fn list_answer<R>(context: &str, page: &Page<R>, value: Vec<Value>, query: &Query, address: &str) -> Value {
    let mut answer = json!({"@odata.context": context});
    if let Some(count) = page.count {
        answer["@odata.count"] = count.into();
    }
    let mut value = value;
    value.iter_mut().for_each(|entity| query.select_from(entity));
    answer["value"] = value.into();
    if page.has_more
        && let Some(link) = query.next_link(address)
    {
        answer["@odata.nextLink"] = link.into();
    }
    answer
}

/// A database time as ISO 8601 text.
pub fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

pub fn time_or_null(micros: Option<i64>) -> Value {
    micros.map_or(Value::Null, |micros| time(micros).into())
}

/// Gives every error under `/api` and `/admin` Defender's shape, also those that no handler made:
/// unknown paths, wrong methods, bodies too large, panics.
pub async fn shape_errors(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let ours = ["/api", "/admin"].iter().any(|p| {
        path.strip_prefix(p)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let response = next.run(request).await;
    let status = response.status();
    if !ours || !(status.is_client_error() || status.is_server_error()) || is_json(response.headers()) {
        return response;
    }
    let mut shaped = from_status(status).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        shaped.headers_mut().insert(header::ALLOW, allow.clone());
    }
    shaped
}

fn from_status(status: StatusCode) -> ApiError {
    let (code, message) = match status {
        StatusCode::NOT_FOUND => ("NotFound", "there is no such path"),
        StatusCode::METHOD_NOT_ALLOWED => ("BadRequest", "this path does not take that method"),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "InvalidRequestBody",
            "the body is too large: 8 MiB of JSON, 64 MiB of CSV",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("InvalidRequestBody", "the content type is not the one this call takes"),
        status if status.is_client_error() => ("BadRequest", "the request could not be understood"),
        _ => ("InternalServerError", "internal error"),
    };
    ApiError::new(status, code, message)
}
