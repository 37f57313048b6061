use askama::Template;
use axum::{extract::State, http::Uri, response::Response};

use super::{ConsoleError, Frame, Html, Pager, here, words};
use crate::{
    App,
    accounts::{Session, session::Fields},
    audit::{self, AuditRow},
};

const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    rows: Vec<AuditRow>,
    pager: Pager,
}

pub async fn page(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let skip = Fields::of_address(&here(&uri)).text("skip");
    let skip = skip.and_then(|skip| skip.parse().ok()).unwrap_or(0u64).min(1_000_000);
    let mut rows = audit::list(&app.db, PAGE.cast_signed() + 1, skip.cast_signed()).await?;
    let has_more = rows.len() as u64 > PAGE;
    rows.truncate(PAGE as usize);
    Html(Page {
        frame: Frame::new(&session, "/audit"),
        rows,
        pager: Pager::new("/audit", &[], skip, PAGE, has_more),
    })
    .respond()
}
