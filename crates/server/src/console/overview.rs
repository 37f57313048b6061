use askama::Template;
use axum::{extract::State, response::Response};
use sqlx::FromRow;

use super::{ConsoleError, Frame, Html, words};
use crate::{
    App,
    accounts::Session,
    alerts::triage::{self, AlertRow},
    db::Db,
    error::Result,
    odata::Query,
};

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    counts: Counts,
    connected: usize,
    alerts: Vec<AlertRow>,
}

/// Numbers of the fleet, each the length of a list behind it.
#[derive(Debug, FromRow)]
struct Counts {
    devices: i64,
    high_risk: i64,
    jailbroken: i64,
    unprotected: i64,
    silent: i64,
    open_alerts: i64,
    open_reports: i64,
    indicators: i64,
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let counts = count(&app.db).await?;
    let query = Query::parse(Some("$filter=status%20ne%20'Resolved'&$top=8"))?;
    let mut alerts = triage::list(&app, &session.caller(), &query, None).await?.rows;
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity.parse::<moat_model::Severity>().ok()));
    let frame = Frame::new(&session, "overview");
    Html(Page {
        frame,
        counts,
        connected: app.hub.connected(),
        alerts,
    })
    .respond()
}

async fn count(db: &Db) -> Result<Counts> {
    let query = "SELECT \
        (SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL) AS devices, \
        (SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL AND risk = 'High') AS high_risk, \
        (SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL AND jailbreak_level <> 'none') AS jailbroken, \
        (SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL AND silent_since IS NULL AND web_protection <> 'on') AS unprotected, \
        (SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL AND silent_since IS NOT NULL) AS silent, \
        (SELECT COUNT(*) FROM alerts WHERE resolved_at IS NULL) AS open_alerts, \
        (SELECT COUNT(*) FROM site_reports WHERE status = 'open') AS open_reports, \
        (SELECT COUNT(*) FROM indicators) AS indicators";
    Ok(sqlx::query_as(query).fetch_one(db.read()).await?)
}
