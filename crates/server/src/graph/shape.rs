//! Headers of every Graph answer, and Graph's shape for every error.

use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{app::now, json::Refusal};

const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// Layer around the Graph routes.
pub async fn shape(request: Request, next: Next) -> Response {
    let request_id = uuid::Uuid::now_v7().to_string();
    let client_id = request.headers().get(CLIENT_REQUEST_ID).cloned();
    let client_id =
        client_id.unwrap_or_else(|| HeaderValue::from_str(&request_id).unwrap_or(HeaderValue::from_static("-")));
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        response = error(response, &request_id, &client_id);
    }
    dress(response.headers_mut(), &request_id, client_id);
    response
}

fn dress(headers: &mut HeaderMap, request_id: &str, client_id: HeaderValue) {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
    if is_json {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    headers.insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CLIENT_REQUEST_ID, client_id);
}

/// `{"error":{"code","message","innerError":{"date","request-id","client-request-id"}}}`
fn error(response: Response, request_id: &str, client_id: &HeaderValue) -> Response {
    let status = response.status();
    let refusal = response.extensions().get::<Refusal>().cloned();
    let (code, message) = match refusal {
        Some(Refusal { code, message }) => (graph_code(status, code), message),
        None => (graph_code(status, ""), explain(status).to_string()),
    };
    let inner = json!({
        "date": now().to_string().get(..19).unwrap_or_default(),
        "request-id": request_id,
        "client-request-id": client_id.to_str().unwrap_or_default(),
    });
    let body = json!({"error": {"code": code, "message": message, "innerError": inner}});
    let (mut parts, _) = response.into_parts();
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE] {
        parts.headers.remove(name);
    }
    let mut shaped = Response::from_parts(parts, Body::empty());
    let (json_parts, json_body) = axum::Json(body).into_response().into_parts();
    shaped.headers_mut().extend(json_parts.headers);
    *shaped.body_mut() = json_body;
    shaped
}

/// Graph's word for an error; Defender's finer words for a wrong request are all `BadRequest` there.
fn graph_code(status: StatusCode, code: &'static str) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "BadRequest",
        StatusCode::UNAUTHORIZED => "InvalidAuthenticationToken",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::NOT_FOUND => "ResourceNotFound",
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
        StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
        StatusCode::INTERNAL_SERVER_ERROR => "InternalServerError",
        _ if code.is_empty() => "BadRequest",
        _ => code,
    }
}

fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is no such resource. docs/api-coverage.md lists what there is.",
        StatusCode::METHOD_NOT_ALLOWED => "This resource does not take that method.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large: at most 8 MiB.",
        StatusCode::INTERNAL_SERVER_ERROR => "Internal error.",
        _ => "The request could not be understood.",
    }
}
