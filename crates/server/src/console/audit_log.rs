use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};

use super::{ConsoleError, Frame, Html, words};
use crate::{
    App,
    accounts::Session,
    audit::{self, AuditRow},
};

const PAGE: i64 = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    rows: Vec<AuditRow>,
    older: Option<i64>,
}

pub async fn page(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, ConsoleError> {
    let skip = query
        .get("skip")
        .and_then(|skip| skip.parse().ok())
        .unwrap_or(0i64)
        .clamp(0, 1_000_000);
    let mut rows = audit::list(&app.db, PAGE + 1, skip).await?;
    let more = rows.len() as i64 > PAGE;
    rows.truncate(PAGE as usize);
    Html(Page {
        frame: Frame::new(&session, "audit"),
        rows,
        older: more.then_some(skip + PAGE),
    })
    .respond()
}
