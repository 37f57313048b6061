use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    ConsoleError, Frame, Html,
    store::{self, Counts},
    words,
};
use crate::{
    App,
    accounts::Session,
    alerts::triage::{self, AlertRow},
};

/// Alerts on the page.
const SHOWN: u32 = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    counts: Counts,
    connected: usize,
    /// Stored indicators that no bundle can carry.
    unusable: usize,
    alerts: Vec<AlertRow>,
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    Html(Page {
        frame: Frame::new(&session, "/"),
        counts: store::counts(&app.db).await?,
        connected: app.hub.connected(),
        unusable: app.bundles.unusable(),
        alerts: triage::most_urgent(&app, &session.caller(), SHOWN).await?,
    })
    .respond()
}
