//! What the server knows of itself.

use std::fs;

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    ConsoleError, Frame, Html,
    store::{self, Queues},
};
use crate::{
    App,
    accounts::Session,
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
        database: bytes(size(&database)),
        log: bytes(size(&database.with_extension("db-wal"))),
        free: free
            .ok()
            .map(|disk| bytes(disk.blocks_available() * disk.fragment_size())),
        devices: devices::store::count(&app.db).await?,
        connected: number(app.hub.connected()),
        revision,
        unusable: number(app.bundles.unusable()),
        failing: feeds::store::failing(&app.db).await?,
        outbox: outbox::summary(&app, &caller).await?,
        has_mail: app.config.mail.is_some(),
        queues: store::queues(&app.db).await?,
        retention_days: app.config.retention_days.into(),
    })
    .respond()
}

/// `1.4 GB`, as disks are sold.
fn bytes(count: u64) -> String {
    let units = [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
    ];
    match units.iter().find(|(_, unit)| count >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", count / unit, count % unit * 10 / unit),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_a_unit() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (4_194_304, "4.1 MB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
