//! What happens by the clock: silent devices, expired indicators, old sessions.

use std::time::Duration;

use moat_model::{AlertKind, Severity, Timestamp};
use moat_policy::silence;
use tokio::{sync::watch, time::sleep};

use crate::{
    App, alerts,
    app::now,
    compliance,
    devices::{self, DeviceRow, store},
    error::Result,
    indicators,
};

const SILENCE_SCAN: Duration = Duration::from_secs(15);
/// Between writing down what conditional access policies said.
const RESULTS: Duration = Duration::from_secs(10);
/// Devices judged in one transaction; others may write in between.
const JUDGED_AT_ONCE: i64 = 200;
const PURGE: Duration = Duration::from_secs(600);

/// Runs all jobs until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let started = now();
    let jobs = async {
        tokio::join!(
            every(SILENCE_SCAN, || find_silent(&app, started)),
            every(PURGE, || purge(&app)),
            every(RESULTS, || store_results(&app)),
            judge_in_time(&app),
            expire_indicators(&app)
        );
    };
    tokio::select! {
        () = jobs => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn every(period: Duration, mut job: impl AsyncFnMut() -> Result<()>) {
    loop {
        if let Err(error) = job().await {
            error.log();
        }
        sleep(period).await;
    }
}

/// Raises an alert for each device that stopped reporting.
async fn find_silent(app: &App, started: Timestamp) -> Result<()> {
    let limit = app.config.silent_after();
    for device in store::not_seen_since(&app.db, now().saturating_sub(limit)).await? {
        let id = device.device_id()?;
        // While this server was down nobody could report: the time counts from its start.
        let heard = Timestamp::from_micros(device.last_seen_at).max(started);
        if let Some(since) = silence::evaluate(heard, app.hub.is_connected(id), limit, now()) {
            mark_silent(app, &device, since).await?;
        }
    }
    Ok(())
}

async fn mark_silent(app: &App, device: &DeviceRow, since: Timestamp) -> Result<()> {
    let id = device.device_id()?;
    let incident = alerts::Incident {
        device: id,
        kind: AlertKind::DeviceSilent,
        subject: String::new(),
        title: "Device stopped reporting".into(),
        description: format!("Nothing was heard from the device since {since}."),
        recommended_action: "Ask the user whether the device is switched off, lost or without network.".into(),
        severity: Severity::Low,
        category: "DefenseEvasion".into(),
        indicator: None,
        at: now(),
        count: 1,
        evidence: Vec::new(),
    };
    let mut tx = app.db.begin().await?;
    if !store::mark_silent(&mut tx, device, since).await? {
        return Ok(());
    }
    alerts::raise(&mut tx, &incident).await?;
    devices::reassess(&mut tx, id).await?;
    tx.commit().await?;
    app.device_changed(id).await
}

/// Judges devices anew when time alone may change what policies say: a grace ends, a partner falls silent, a check-in is too old.
async fn judge_in_time(app: &App) {
    let mut changes = app.hub.changes();
    loop {
        let wait = match compliance::assess::due(app, JUDGED_AT_ONCE).await {
            Ok(next) => next.map_or(PURGE, |at| at.since(now()).max(Duration::from_millis(50)).min(PURGE)),
            Err(error) => {
                error.log();
                SILENCE_SCAN
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = changes.changed() => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Writes down how often conditional access policies came to which result.
async fn store_results(app: &App) -> Result<()> {
    let results = app.access.take_results();
    if results.is_empty() {
        return Ok(());
    }
    let day = now().as_micros() / 86_400_000_000;
    let mut tx = app.db.begin().await?;
    for (policy, result, count) in results {
        let query = "INSERT INTO policy_results (policy_id, day, result, count) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (policy_id, day, result) DO UPDATE SET count = policy_results.count + excluded.count";
        let query = sqlx::query(query)
            .bind(policy.to_string())
            .bind(day)
            .bind(result.as_str())
            .bind(count);
        query.execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Deletes indicators when their time is over, to the second. Devices stop matching them by their own clock.
async fn expire_indicators(app: &App) {
    let mut revision = app.hub.revision();
    loop {
        let mut shortest = Duration::from_millis(50);
        if let Err(error) = indicators::delete_expired(app).await {
            error.log();
            shortest = SILENCE_SCAN;
        }
        let next = indicators::next_expiry(app).await.unwrap_or_else(|error| {
            error.log();
            None
        });
        let wait = next.map_or(PURGE, |at| at.since(now()).max(shortest).min(PURGE));
        tokio::select! {
            () = sleep(wait) => {}
            _ = revision.changed() => {}
        }
    }
}

/// Forgets sessions and links that nobody can use any more.
async fn purge(app: &App) -> Result<()> {
    let at = now().as_micros();
    let mut tx = app.db.begin().await?;
    sqlx::query("DELETE FROM sessions WHERE expires_at <= $1")
        .bind(at)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM setup_links WHERE expires_at <= $1")
        .bind(at)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
