//! What the server knows of itself.

use std::fs;

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    ConsoleError, Frame, Html,
    store::{self, Queues},
    words::{self, bytes},
};
use crate::{
    App,
    accounts::Session,
    backup::{self, Overdue},
    caller::Role,
    devices,
    feeds::{self, FeedRow},
    outbox,
};

const PAGE: &str = "/settings/health";

#[derive(Template)]
#[template(path = "settings_health.html")]
struct Page {
    frame: Frame,
    version: &'static str,
    url: String,
    device_port: u16,
    tenant: String,
    folder: String,
    database: String,
    log: String,
    /// Bytes that are free where the data folder is.
    free: Option<String>,
    devices: i64,
    connected: i64,
    revision: u64,
    /// Stored indicators that no bundle can carry.
    unusable: i64,
    /// Enabled feeds whose last refresh failed.
    failing: Vec<FeedRow>,
    outbox: outbox::Summary,
    has_mail: bool,
    queues: Queues,
    retention_days: i64,
    last_backup: Option<backup::Last>,
    overdue: Option<Overdue>,
}

impl Page {
    fn waiting(&self) -> i64 {
        self.outbox.count(outbox::State::Waiting)
    }

    fn failed(&self) -> i64 {
        self.outbox.count(outbox::State::Failed)
    }
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(&[Role::MoatAdministrate])?;
    let database = app.data.database();
    let size = |path: &std::path::Path| fs::metadata(path).map_or(0, |file| file.len());
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let revision = *app.hub.revision().borrow();
    let free = nix::sys::statvfs::statvfs(app.data.path());
    Html(Page {
        frame: Frame::new(&session, PAGE),
        version: env!("CARGO_PKG_VERSION"),
        url: app.base_url(),
        device_port: app.device_port(),
        tenant: app.tenant.clone(),
        folder: app.data.path().display().to_string(),
        database: bytes(&size(&database)),
        log: bytes(&size(&database.with_extension("db-wal"))),
        free: free
            .ok()
            .map(|disk| bytes(&(disk.blocks_available() * disk.fragment_size()))),
        devices: devices::store::count(&app.db).await?,
        connected: number(app.hub.connected()),
        revision,
        unusable: number(app.bundles.unusable()),
        failing: feeds::store::failing(&app.db).await?,
        outbox: outbox::summary(&app, &caller).await?,
        has_mail: app.config.mail.is_some(),
        queues: store::queues(&app.db).await?,
        retention_days: app.config.retention_days.into(),
        last_backup: backup::last(&app, &caller).await?,
        overdue: backup::overdue(&app, &caller).await?,
    })
    .respond()
}
