//! Feeds: lists of others, which devices decide by where no indicator says anything.

pub mod admin;
pub mod compiled;
pub mod console;
mod content;
mod fetch;
pub mod known_good;
mod parse;
#[cfg(test)]
mod parse_tests;
pub mod refresh;
mod report;
pub mod store;
mod suggested;
mod take;

use std::collections::HashMap;

use moat_indicators::{MAX_FEEDS, entry_ids};
use moat_model::{Action, Severity};
use moat_policy::say;
use serde::Serialize;

pub use parse::Noted;
pub use report::Report;
pub use store::FeedRow;
pub use take::{check_again, upload};

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::Transaction,
    edition::{self, Expected},
    error::{Error, Result},
    indicators,
};

pub const READ: &[Role] = &[Role::TiReadWriteAll, Role::TiReadAll];
pub const WRITE: &[Role] = &[Role::TiReadWriteAll];

const MAX_NAME: usize = 100;
const MAX_URL: usize = 2000;
const HOURS: std::ops::RangeInclusive<u32> = 1..=720;

/// What people say of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    /// None: its entries are uploaded.
    pub url: Option<String>,
    pub action: Action,
    pub severity: Severity,
    pub generate_alert: bool,
    pub interval_hours: u32,
}

impl Draft {
    /// Checks every field; the first that is wrong is named.
    fn check(&self) -> Result<()> {
        let wrong = |field, rule: String| Err(Error::invalid_field("InvalidInput", field, rule));
        let name = self.name.trim();
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return wrong("name", format!(" must have 1 to {MAX_NAME} characters"));
        }
        if let Some(url) = &self.url {
            let https = url.parse::<http::Uri>().is_ok_and(|uri| {
                let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
                uri.scheme_str() == Some("https") && !authority.is_empty() && !authority.contains('@')
            });
            if !https || url.len() > MAX_URL {
                return wrong(
                    "url",
                    " must be an address that begins with https://, without a user's name in it".into(),
                );
            }
        }
        if !matches!(self.action, Action::Block | Action::Warn | Action::Audit) {
            return wrong("action", " must be Block, Warn or Audit".into());
        }
        if !HOURS.contains(&self.interval_hours) {
            return wrong(
                "intervalHours",
                format!(" must be {} to {}", HOURS.start(), HOURS.end()),
            );
        }
        Ok(())
    }
}

/// What the audit log shows of a feed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    name: &'a str,
    url: Option<&'a str>,
    action: &'a str,
    severity: &'a str,
    generate_alert: bool,
    enabled: bool,
    interval_hours: i64,
    entries: i64,
    content: Option<&'a str>,
}

impl<'a> Record<'a> {
    fn of(row: &'a FeedRow) -> Self {
        Self {
            name: &row.name,
            url: row.url.as_deref(),
            action: &row.action,
            severity: &row.severity,
            generate_alert: row.raises_alerts(),
            enabled: row.is_enabled(),
            interval_hours: row.interval_hours,
            entries: row.entries,
            content: row.content.as_deref(),
        }
    }
}

async fn record(
    tx: &mut Transaction,
    actor: &crate::Actor,
    action: &str,
    before: Option<&FeedRow>,
    after: Option<&FeedRow>,
) -> Result<()> {
    let number = before.or(after).map_or(0, |row| row.number).to_string();
    let (before, after) = (before.map(Record::of), after.map(Record::of));
    let change = audit::Change {
        action,
        noun: "feed",
        id: &number,
        before: before.as_ref(),
        after: after.as_ref(),
    };
    audit::record(tx, actor, change).await
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<FeedRow>> {
    caller.require_any(READ)?;
    store::list(app.db.read()).await
}

pub async fn get(app: &App, caller: &Caller, number: u16) -> Result<FeedRow> {
    caller.require_any(READ)?;
    let row = store::get(app.db.read(), number).await?;
    row.ok_or_else(|| Error::not_found("feed", number))
}

/// Hits of each feed, by the alerts that its entries raised.
pub async fn hits(app: &App, caller: &Caller, rows: &[FeedRow]) -> Result<HashMap<u16, i64>> {
    caller.require_any(READ)?;
    let mut hits = HashMap::new();
    for row in rows {
        let (first, last) = entry_ids(row.id());
        let count = store::hits(&app.db, first.0.cast_signed(), last.0.cast_signed()).await?;
        hits.insert(row.id(), count);
    }
    Ok(hits)
}

/// Makes a feed, switched off. One with an address is fetched at once, for its report.
pub async fn create(app: &App, caller: &Caller, draft: Draft) -> Result<FeedRow> {
    caller.require_any(WRITE)?;
    draft.check()?;
    let mut tx = app.db.begin().await?;
    if store::list(&mut *tx).await?.len() >= MAX_FEEDS {
        return Err(Error::invalid(
            "InvalidInput",
            format!("there are {MAX_FEEDS} feeds, and no more are possible"),
        ));
    }
    refuse_name(&mut tx, &draft.name, 0).await?;
    let number = store::next_number(&mut tx).await?;
    let by = caller.actor.to_string();
    store::insert(&mut tx, number, &draft, &by, now().as_micros(), draft.url.is_some()).await?;
    let row = required(&mut tx, number).await?;
    record(&mut tx, &caller.actor, "create", None, Some(&row)).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(row)
}

async fn refuse_name(tx: &mut Transaction, name: &str, but: u16) -> Result<()> {
    match store::has_name(tx, name.trim(), but).await? {
        true => Err(Error::invalid_field(
            "InvalidInput",
            "name",
            ": another feed has this name",
        )),
        false => Ok(()),
    }
}

async fn required(tx: &mut Transaction, number: u16) -> Result<FeedRow> {
    let row = store::get(&mut **tx, number).await?;
    row.ok_or_else(|| Error::not_found("feed", number))
}

pub async fn update(app: &App, caller: &Caller, number: u16, expected: &Expected, draft: Draft) -> Result<FeedRow> {
    caller.require_any(WRITE)?;
    draft.check()?;
    change(app, caller, number, expected, "update", |row| {
        if row.url.is_some() != draft.url.is_some() {
            let rule = " cannot come or go: make another feed";
            return Err(Error::invalid_field("InvalidInput", "url", rule));
        }
        let elsewhere = row.url != draft.url;
        row.name = draft.name.trim().to_string();
        row.url.clone_from(&draft.url);
        row.action = draft.action.as_str().into();
        row.severity = draft.severity.as_str().into();
        row.generate_alert = i64::from(draft.generate_alert);
        row.interval_hours = draft.interval_hours.into();
        if elsewhere {
            (row.etag, row.last_modified) = (None, None);
            row.due_at = Some(now().as_micros());
        }
        Ok(())
    })
    .await
}

/// Switches a feed on or off.
pub async fn enable(app: &App, caller: &Caller, number: u16, on: bool) -> Result<FeedRow> {
    caller.require_any(WRITE)?;
    let action = if on { "enable" } else { "disable" };
    change(app, caller, number, &Expected::Any, action, |row| {
        if on && row.content.is_none() {
            return Err(Error::conflict(say("conflict-feed-empty")));
        }
        row.enabled = i64::from(on);
        row.due_at = match (on, &row.url) {
            (true, Some(_)) => Some(next_refresh(row).max(now().as_micros())),
            _ => None,
        };
        Ok(())
    })
    .await
}

/// When a feed is to be fetched after its last try.
fn next_refresh(row: &FeedRow) -> i64 {
    const HOUR: i64 = 3_600_000_000;
    row.checked_at.unwrap_or(0) + row.interval_hours * HOUR
}

async fn change(
    app: &App,
    caller: &Caller,
    number: u16,
    expected: &Expected,
    action: &str,
    edit: impl FnOnce(&mut FeedRow) -> Result<()>,
) -> Result<FeedRow> {
    let mut tx = app.db.begin().await?;
    let before = required(&mut tx, number).await?;
    expected.check(before.updated_at)?;
    let mut after = before.clone();
    edit(&mut after)?;
    refuse_name(&mut tx, &after.name, number).await?;
    if after == before {
        return Ok(before);
    }
    after.updated_at = edition::next(before.updated_at);
    after.updated_by = caller.actor.to_string();
    store::update(&mut tx, &after).await?;
    record(&mut tx, &caller.actor, action, Some(&before), Some(&after)).await?;
    match on_devices(&before) != on_devices(&after) {
        true => indicators::commit(app, tx).await?,
        false => tx.commit().await?,
    }
    app.hub.changed();
    Ok(after)
}

/// What a bundle says of a feed beside its entries; nothing while it is off.
fn on_devices(row: &FeedRow) -> Option<(&str, &str, &str, i64)> {
    row.is_enabled()
        .then_some((&row.name, &row.action, &row.severity, row.generate_alert))
}

/// Asks for the feed to be fetched now.
pub async fn refresh(app: &App, caller: &Caller, number: u16) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let row = required(&mut tx, number).await?;
    if row.url.is_none() {
        return Err(Error::conflict(say("conflict-feed-no-address")));
    }
    store::set_due(&mut tx, number, now().as_micros()).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

pub async fn delete(app: &App, caller: &Caller, number: u16) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let row = required(&mut tx, number).await?;
    store::delete(&mut tx, number).await?;
    record(&mut tx, &caller.actor, "delete", Some(&row), None).await?;
    match row.is_enabled() {
        true => indicators::commit(app, tx).await?,
        false => tx.commit().await?,
    }
    if let Some(hash) = &row.content {
        content::remove(app, number, hash);
    }
    app.hub.changed();
    Ok(())
}
