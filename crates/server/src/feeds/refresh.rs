//! The job that fetches what is due.

use std::time::Duration;

use moat_model::Timestamp;
use tokio::time::sleep;

use super::{
    FeedRow, content,
    fetch::{self, Fetched, Known},
    next_refresh, store, take,
};
use crate::{Actor, App, app::now, error::Result};

/// Longest sleep.
const IDLE: Duration = Duration::from_secs(600);
const AFTER_ERROR: Duration = Duration::from_secs(15);
/// After a failure, for each that came before it twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3 * 3_600);

/// Fetches feeds when they are due, one after the other.
pub async fn run(app: &App) {
    let mut changes = app.hub.changes();
    if let Err(error) = find_lost(app).await {
        error.log();
    }
    loop {
        let wait = match round(app).await {
            Ok(next) => next.map_or(IDLE, |at| at.since(now()).max(Duration::from_millis(20)).min(IDLE)),
            Err(error) => {
                error.log();
                AFTER_ERROR
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = changes.changed() => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Fetches the one that is due first; when the next is.
async fn round(app: &App) -> Result<Option<Timestamp>> {
    let Some(row) = store::next_due(&app.db).await? else {
        return Ok(None);
    };
    let due = Timestamp::from_micros(row.due_at.unwrap_or_default());
    if due <= now() {
        fetch_one(app, &row).await?;
        return Ok(Some(now()));
    }
    Ok(Some(due))
}

async fn fetch_one(app: &App, row: &FeedRow) -> Result<()> {
    let Some(url) = &row.url else { return Ok(()) };
    // Without its file nothing is there that could be unchanged.
    let has_file = row
        .content
        .as_ref()
        .is_some_and(|hash| content::is_there(app, row.id(), hash));
    let known = match has_file {
        true => Known {
            etag: row.etag.as_deref(),
            last_modified: row.last_modified.as_deref(),
        },
        false => Known::default(),
    };
    let failed = match fetch::fetch(&app.config.feeds, url, known).await {
        Ok(Fetched::Unchanged) => return unchanged(app, row).await,
        Ok(Fetched::New(body)) => match take::take(app, &Actor::System, row.id(), body).await {
            // Deleted while it was on its way.
            Err(crate::error::Error::NotFound(_)) => return Ok(()),
            Err(error) => {
                error.log();
                Err(format!("it cannot be kept: {error}"))
            }
            Ok(taken) => taken.map(drop),
        },
        Err(why) => Err(why),
    };
    match failed {
        Ok(()) => Ok(()),
        Err(why) => fail(app, row.id(), why).await,
    }
}

/// The source has nothing new. What the list is checked against may be.
async fn unchanged(app: &App, row: &FeedRow) -> Result<()> {
    let mut renewed = row.clone();
    take::renew_check(app, &mut renewed).await?;
    let mut tx = app.db.begin().await?;
    let Some(mut after) = store::get(&mut *tx, row.id()).await? else {
        return Ok(());
    };
    let at = now().as_micros();
    after.report = renewed.report;
    (after.checked_at, after.fetched_at) = (Some(at), Some(at));
    (after.error, after.failed_since, after.failures) = (None, None, 0);
    after.due_at = after.is_enabled().then(|| next_refresh(&after));
    store::update_state(&mut tx, &after).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

/// Notes why a feed could not be fetched. Its last entries stay in force.
async fn fail(app: &App, number: u16, why: String) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let Some(mut row) = store::get(&mut *tx, number).await? else {
        return Ok(());
    };
    tracing::warn!(feed = row.name, error = why, "a feed could not be refreshed");
    let at = now();
    row.checked_at = Some(at.as_micros());
    row.failed_since = row.failed_since.or(row.checked_at);
    row.error = Some(why.chars().take(500).collect());
    row.failures += 1;
    row.due_at = row.is_enabled().then(|| {
        at.saturating_add(pause(row.failures))
            .as_micros()
            .min(next_refresh(&row))
    });
    store::update_state(&mut tx, &row).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

fn pause(failures: i64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.clamp(1, 16).saturating_sub(1));
    doubled.min(LONGEST_PAUSE)
}

/// Finds feeds whose entries are not in the data folder, as after a restore: they are fetched again, or say so.
async fn find_lost(app: &App) -> Result<()> {
    for mut row in store::list(app.db.read()).await? {
        let Some(hash) = row.content.clone() else { continue };
        if content::is_there(app, row.id(), &hash) {
            continue;
        }
        let at = now().as_micros();
        row.error = Some("its entries are not in the data folder: fetch or upload them again".into());
        row.failed_since = row.failed_since.or(Some(at));
        row.due_at = row.url.as_ref().map(|_| at);
        let mut tx = app.db.begin().await?;
        store::update_state(&mut tx, &row).await?;
        tx.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_three_hours() {
        let minutes = |failures| pause(failures).as_secs() / 60;
        assert_eq!([1, 2, 3, 8, 9, 1_000].map(minutes), [1, 2, 4, 128, 180, 180]);
    }
}
