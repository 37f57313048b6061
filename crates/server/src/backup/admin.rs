//! `/admin/backup`, for whoever may open the data folder: the keys of the organisation leave by it.

use axum::{body::Body as Sent, extract::State, response::IntoResponse as _, response::Response};
use http::header;
use serde::Deserialize;

use crate::{
    App, Caller,
    json::{ApiResult, Body},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    passphrase: Option<String>,
}

pub async fn make(State(app): State<App>, caller: Caller, Body(new): Body<New>) -> ApiResult<Response> {
    let parts = super::make(&app, &caller, new.passphrase).await?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, Sent::from_stream(parts)).into_response())
}
