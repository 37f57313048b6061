//! Taking a list in: it is read, checked against what is there, and kept; only then does it replace the last one.

use moat_model::Timestamp;
use moat_policy::say;

use super::{
    FeedRow, Report,
    content::{self, Content},
    known_good,
    parse::{self, Found, MAX_ENTRIES},
    record, report, required, store,
};
use crate::{
    Actor, App, Caller,
    app::now,
    error::{Error, Result},
    indicators::{self, protected},
};

/// A list as it came.
pub struct Body {
    pub bytes: Vec<u8>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// Replaces the entries of a feed that has no address.
pub async fn upload(app: &App, caller: &Caller, number: u16, bytes: Vec<u8>) -> Result<FeedRow> {
    caller.require_any(super::WRITE)?;
    let row = super::get(app, caller, number).await?;
    if row.url.is_some() {
        return Err(Error::conflict(say("conflict-feed-fetched")));
    }
    let body = Body {
        bytes,
        etag: None,
        last_modified: None,
    };
    match take(app, &caller.actor, number, body).await? {
        Ok(row) => Ok(row),
        Err(why) => Err(Error::invalid_field(
            "InvalidInput",
            "file",
            format!(" cannot be used: {why}"),
        )),
    }
}

/// Takes a list in; the inner error says why it cannot be used, and then the last one stays.
pub async fn take(app: &App, actor: &Actor, number: u16, body: Body) -> Result<Result<FeedRow, String>> {
    let (at, length) = (now(), body.bytes.len());
    let parsed = tokio::task::spawn_blocking(move || parse::parse(&body.bytes, at));
    let (content, found) = match parsed.await.map_err(Error::internal)? {
        Ok(parsed) => parsed,
        Err(unusable) => return Ok(Err(unusable.to_string())),
    };
    let (content, check) = checked(app, number, content, at).await?;
    let report = Report { found, check };
    let hash = content::write(app, number, &content)?;
    let mut tx = app.db.begin().await?;
    let before = required(&mut tx, number).await?;
    let others = store::entries_of_others(&mut tx, number).await?;
    if let Some(why) = too_many(&report.found, others) {
        forget_file(app, number, &hash, &before);
        return Ok(Err(why));
    }
    let mut after = before.clone();
    (after.etag, after.last_modified) = (body.etag, body.last_modified);
    (after.checked_at, after.fetched_at) = (Some(at.as_micros()), Some(at.as_micros()));
    (after.error, after.failed_since, after.failures) = (None, None, 0);
    after.format = Some(report.found.format.clone());
    after.bytes = i64::try_from(length).unwrap_or(i64::MAX);
    after.entries = i64::try_from(report.found.entries).unwrap_or(i64::MAX);
    after.content = Some(hash);
    after.report = Some(serde_json::to_string(&report).map_err(Error::internal)?);
    after.due_at = (after.is_enabled() && after.url.is_some()).then(|| super::next_refresh(&after));
    store::update_state(&mut tx, &after).await?;
    let is_new = before.content != after.content;
    if is_new {
        record(&mut tx, actor, "refresh", Some(&before), Some(&after)).await?;
    }
    match is_new && after.is_enabled() {
        true => indicators::commit(app, tx).await?,
        false => tx.commit().await?,
    }
    if let Some(old) = before.content.filter(|_| is_new) {
        content::remove(app, number, &old);
    }
    app.hub.changed();
    Ok(Ok(after))
}

fn too_many(found: &Found, others: i64) -> Option<String> {
    let all = found.entries.saturating_add(others.unsigned_abs());
    (all > MAX_ENTRIES as u64).then(|| {
        let entries = found.entries;
        format!("with its {entries} entries all feeds would have {all}, and at most {MAX_ENTRIES} are possible")
    })
}

/// Takes away a file that was written for nothing.
fn forget_file(app: &App, number: u16, hash: &str, row: &FeedRow) {
    if row.content.as_deref() != Some(hash) {
        content::remove(app, number, hash);
    }
}

async fn checked(app: &App, number: u16, content: Content, at: Timestamp) -> Result<(Content, report::Check)> {
    let feeds = store::list(app.db.read()).await?;
    let values = indicators::enforced_values(&app.db, at).await?;
    let protected = protected::all(app, app.db.read()).await?;
    let app = app.clone();
    let check = move || {
        let others = feeds.iter().filter(|row| row.id() != number);
        let others = others.filter_map(|row| {
            let content = content::read(&app, row.id(), row.content.as_deref()?)?;
            Some((row.name.clone(), content))
        });
        let indicators = values
            .into_iter()
            .filter_map(|(kind, value, action)| Some((kind.parse().ok()?, value, action.parse().ok()?)));
        let against = report::Against {
            at,
            protected,
            known_good: known_good::read(&app),
            indicators: indicators.collect(),
            feeds: others.collect(),
        };
        let check = report::check(&content, &against);
        (content, check)
    };
    tokio::task::spawn_blocking(check).await.map_err(Error::internal)
}

/// Checks the entries that are kept against what is there now.
pub async fn renew_check(app: &App, row: &mut FeedRow) -> Result<()> {
    let Some(hash) = row.content.clone() else { return Ok(()) };
    let (number, reading) = (row.id(), app.clone());
    let read = tokio::task::spawn_blocking(move || content::read(&reading, number, &hash));
    let Some(content) = read.await.map_err(Error::internal)? else {
        return Ok(());
    };
    let (_, check) = checked(app, number, content, now()).await?;
    let mut report = report_of(row);
    report.check = check;
    row.report = Some(serde_json::to_string(&report).map_err(Error::internal)?);
    Ok(())
}

/// The report of a feed; an empty one before the first list.
pub fn report_of(row: &FeedRow) -> Report {
    let report = row.report.as_deref().and_then(|json| serde_json::from_str(json).ok());
    report.unwrap_or_default()
}

/// Makes the reports of all feeds anew, after something changed that they are checked against.
pub async fn check_again(app: &App) -> Result<()> {
    for mut row in store::list(app.db.read()).await? {
        renew_check(app, &mut row).await?;
        let mut tx = app.db.begin().await?;
        let now_there = store::get(&mut *tx, row.id()).await?;
        if let Some(mut there) = now_there.filter(|there| there.content == row.content) {
            there.report = row.report;
            store::update_state(&mut tx, &there).await?;
            tx.commit().await?;
        }
    }
    app.hub.changed();
    Ok(())
}
