//! What happens by the clock: silent devices, expired indicators, feeds, old sessions.

use std::time::Duration;

use moat_model::{AlertKind, Severity, Timestamp};
use moat_policy::silence;
use tokio::{sync::watch, time::sleep};

use crate::{
    App, alerts,
    app::now,
    audit, compliance,
    devices::{self, DeviceRow, store},
    enforcement,
    error::Result,
    feeds, indicators,
    outbox::{self, mail::Mailer},
    settings, web_activity,
};

const SILENCE_SCAN: Duration = Duration::from_secs(15);
/// Between writing down what conditional access policies said.
const RESULTS: Duration = Duration::from_secs(10);
/// Between tries to read what access is decided from, after one that failed.
const RECOVERY: Duration = Duration::from_secs(2);
/// Devices judged in one transaction; others may write in between.
const JUDGED_AT_ONCE: i64 = 200;
const PURGE: Duration = Duration::from_secs(600);
/// Old rows that are deleted in one transaction, so that check-ins never wait long for it.
const PURGE_ROWS: i64 = 5_000;

/// Runs all jobs until `stop` turns true.
pub async fn run(app: App, mailer: Option<Mailer>, mut stop: watch::Receiver<bool>) {
    let started = now();
    let sending = outbox::run(&app, mailer, stop.clone());
    let jobs = async {
        tokio::join!(
            every(SILENCE_SCAN, || find_silent(&app, started)),
            every(PURGE, || purge(&app)),
            every(RESULTS, || store_results(&app)),
            every(RESULTS, || enforcement::flush(&app)),
            every(RECOVERY, || app.access.recover(&app.db)),
            judge_in_time(&app),
            act_in_time(&app),
            expire_indicators(&app),
            feeds::refresh::run(&app)
        );
    };
    let jobs = async {
        tokio::select! {
            () = jobs => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    };
    // What is being sent may take a moment longer, so that it is not sent again at the next start.
    tokio::join!(jobs, sending);
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
    let check_in = settings::get(&app.db).await?.check_in_seconds;
    let limit = silence::limit(app.config.silent_after(), Duration::from_secs(check_in.into()));
    for device in store::not_seen_since(&app.db, now().saturating_sub(limit)).await? {
        // While this server was down nobody could report: the time counts from its start.
        let heard = Timestamp::from_micros(device.last_seen_at).max(started);
        if let Some(since) = silence::evaluate(heard, limit, now()) {
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

/// Carries out actions for noncompliance when their hour comes.
async fn act_in_time(app: &App) {
    let mut changes = app.hub.changes();
    loop {
        let wait = match compliance::actions::due(app, JUDGED_AT_ONCE).await {
            Ok(next) => next.map_or(PURGE, |at| at.since(now()).max(Duration::from_millis(5)).min(PURGE)),
            Err(error) => {
                error.log();
                SILENCE_SCAN
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = changes.changed() => sleep(Duration::from_millis(100)).await,
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

/// Forgets sessions and links that nobody can use any more, and what is older than it is to be kept.
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
    let oldest = now().saturating_sub(app.config.retention());
    enforcement::purge(&app.db, oldest).await?;
    web_activity::purge(&app.db, oldest).await?;
    let oldest = oldest.as_micros();
    for query in [
        "DELETE FROM device_commands WHERE id IN (SELECT id FROM device_commands \
         WHERE state <> 'pending' AND updated_at < $1 ORDER BY updated_at LIMIT $2)",
        // As rows of pairs, which both databases compare.
        "DELETE FROM device_events WHERE (device_id, seq) IN \
         (SELECT device_id, seq FROM device_events WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
    ] {
        while delete_some(app, query, oldest).await? == PURGE_ROWS.unsigned_abs() {}
    }
    while audit::chain::purge(&app.db, oldest, PURGE_ROWS).await? > 0 {}
    Ok(())
}

async fn delete_some(app: &App, query: &'static str, oldest: i64) -> Result<u64> {
    let mut tx = app.db.begin().await?;
    let query = sqlx::query(query).bind(oldest).bind(PURGE_ROWS);
    let deleted = query.execute(&mut *tx).await?.rows_affected();
    tx.commit().await?;
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use moat_model::{DeviceId, DeviceInfo, Management};

    use super::*;
    use crate::{Config, DataFolder};

    const DAY: i64 = 86_400 * 1_000_000;

    async fn app(folder: &tempfile::TempDir) -> App {
        let data = DataFolder::open(folder.path()).unwrap();
        App::open(data, Config::default()).await.unwrap()
    }

    async fn device(app: &App) -> DeviceId {
        let (id, info) = (DeviceId(uuid::Uuid::now_v7()), DeviceInfo::default());
        let mut tx = app.db.begin().await.unwrap();
        store::insert(&mut tx, id, &info, Management::Managed, "", None, "")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn change(app: &App, query: &'static str, at: i64) {
        let mut tx = app.db.begin().await.unwrap();
        sqlx::query(query).bind(at).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn is_silent(app: &App, id: DeviceId) -> bool {
        // The server has been up for a day.
        find_silent(app, Timestamp::from_micros(now().as_micros() - DAY))
            .await
            .unwrap();
        store::get(&app.db, id).await.unwrap().unwrap().silent_since.is_some()
    }

    #[tokio::test]
    async fn a_device_that_only_holds_its_connection_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(&folder).await;
        let id = device(&app).await;
        let _connection = app.hub.join(id);
        assert!(!is_silent(&app, id).await);
        let quarter = now().as_micros() - DAY / 96;
        change(&app, "UPDATE devices SET last_seen_at = $1", quarter).await;
        assert!(is_silent(&app, id).await);
    }

    #[tokio::test]
    async fn a_device_that_may_be_quiet_for_an_hour_is_not_silent_after_a_quarter() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(&folder).await;
        let id = device(&app).await;
        let seldom = moat_model::Settings {
            check_in_seconds: 3600,
            ..moat_model::Settings::default()
        };
        settings::update(&app, &crate::Caller::system(), seldom).await.unwrap();
        change(
            &app,
            "UPDATE devices SET last_seen_at = $1",
            now().as_micros() - DAY / 96,
        )
        .await;
        assert!(!is_silent(&app, id).await);
        change(
            &app,
            "UPDATE devices SET last_seen_at = $1",
            now().as_micros() - DAY / 8,
        )
        .await;
        assert!(is_silent(&app, id).await);
    }

    #[tokio::test]
    async fn what_is_older_than_it_is_kept_goes_and_alerts_stay() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(&folder).await;
        let id = device(&app).await;
        change(
            &app,
            "UPDATE devices SET last_seen_at = $1",
            now().as_micros() - DAY / 96,
        )
        .await;
        assert!(is_silent(&app, id).await);
        let mut tx = app.db.begin().await.unwrap();
        let events = "INSERT INTO device_events (device_id, seq, time, received_at, kind, body) VALUES ($1, $2, $3, $4, 'k', '{}')";
        let (old, new) = (now().as_micros() - 181 * DAY, now().as_micros() - 179 * DAY);
        for (seq, received) in (1..).zip(std::iter::repeat_n(old, 5_001).chain([new])) {
            let query = sqlx::query(events).bind(id.to_string()).bind(seq).bind(new);
            query.bind(received).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        for at in [old, new] {
            let mut tx = app.db.begin().await.unwrap();
            let row = audit::AuditRow {
                id: at.to_string(),
                at,
                noun: "a".into(),
                ..audit::AuditRow::default()
            };
            audit::chain::append(&mut tx, vec![row]).await.unwrap();
            tx.commit().await.unwrap();
        }
        change(&app, "UPDATE alerts SET created_at = $1", old).await;
        purge(&app).await.unwrap();
        let count = async |query: &'static str| {
            let query = sqlx::query_scalar::<_, i64>(query);
            query.fetch_one(app.db.read()).await.unwrap()
        };
        assert_eq!(count("SELECT COUNT(*) FROM device_events").await, 1);
        assert_eq!(count("SELECT COUNT(*) FROM audit WHERE noun = 'a'").await, 1);
        assert_eq!(count("SELECT COUNT(*) FROM alerts").await, 1);
    }
}
