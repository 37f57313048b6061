//! JSON at the edge: bodies in, errors out, in the Defender API's shape.

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use moat_model::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Error;

/// An error rendered as `{"error":{"code","message","target"}}`.
pub struct ApiError(pub Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.log();
        let target = uuid::Uuid::now_v7().to_string();
        let body = json!({"error": {"code": self.0.code(), "message": self.0.to_string(), "target": target}});
        let mut response = (self.0.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        match self.0 {
            Error::TooManyRequests { retry_after_seconds } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
            }
            Error::Unauthorized(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

/// A JSON body. What is wrong with it is said with the place.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(ApiError(rejected(&rejection))),
        }
    }
}

/// What is wrong with a body, as an error.
pub fn rejected(rejection: &JsonRejection) -> Error {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Error::invalid(
            "InvalidRequestBody",
            "the body must be JSON with Content-Type: application/json",
        ),
        other => Error::invalid("InvalidRequestBody", other.body_text()),
    }
}

/// A database time as ISO 8601 text.
pub fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

pub fn time_or_null(micros: Option<i64>) -> Value {
    micros.map_or(Value::Null, |micros| time(micros).into())
}
