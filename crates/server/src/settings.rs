//! Settings for devices, and the policy revision that every change of what a bundle carries raises.

use moat_model::Settings;
use moat_policy::{Message, say};
use sqlx::{Any, Executor};

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::{self, Db, Transaction},
    error::{Error, Result},
};

/// The settings in force.
pub async fn get(db: &Db) -> Result<Settings> {
    read(db.read()).await
}

/// The same, within a transaction.
pub async fn read(executor: impl Executor<'_, Database = Any>) -> Result<Settings> {
    match db::meta(executor, "settings").await? {
        Some(json) => serde_json::from_str(&json).map_err(Error::internal),
        None => Ok(Settings::default()),
    }
}

pub async fn update(app: &App, caller: &Caller, after: Settings) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    check(&after)?;
    let before = get(&app.db).await?;
    let mut tx = app.db.begin().await?;
    db::set_meta(
        &mut tx,
        "settings",
        &serde_json::to_string(&after).map_err(Error::internal)?,
    )
    .await?;
    let change = audit::Change {
        action: "update",
        noun: "settings",
        id: "devices",
        before: Some(&before),
        after: Some(&after),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    let revision = raise_revision(&mut tx).await?;
    tx.commit().await?;
    app.hub.set_revision(revision);
    Ok(())
}

/// Checks every field; the first that is wrong is named, with the rule that it breaks.
pub fn check(settings: &Settings) -> Result<()> {
    let wrong = |key, rule: Message| Err(Error::rule("InvalidInput", key, rule));
    if !(5..=86_400).contains(&settings.posture_interval_seconds) {
        return wrong(
            "postureIntervalSeconds",
            say("rule-range").with("least", 5).with("most", 86_400),
        );
    }
    if !(5..=86_400).contains(&settings.check_in_seconds) {
        return wrong(
            "checkInSeconds",
            say("rule-range").with("least", 5).with("most", 86_400),
        );
    }
    if !(1..=720).contains(&settings.bypass_duration_hours) {
        return wrong(
            "bypassDurationHours",
            say("rule-range").with("least", 1).with("most", 720),
        );
    }
    if settings.organisation.trim().is_empty() || settings.organisation.len() > 200 {
        return wrong("organisation", say("rule-characters").with("most", 200));
    }
    if !(settings.help_url.is_empty()
        || settings.help_url.starts_with("https://")
        || settings.help_url.starts_with("mailto:"))
    {
        return wrong("helpUrl", say("rule-help-link"));
    }
    Ok(())
}

/// The revision in force: the version of a bundle compiled now.
pub async fn revision(db: &Db) -> Result<u64> {
    let text = db::meta(db.read(), "policy_revision").await?;
    Ok(text.and_then(|t| t.parse().ok()).unwrap_or(1))
}

/// Gives the next revision. It follows the clock, so that a server restored from a backup still outruns what devices hold.
/// The caller passes it to [`crate::push::Hub::set_revision`] after the commit.
pub async fn raise_revision(tx: &mut Transaction) -> Result<u64> {
    let before = db::meta(&mut **tx, "policy_revision")
        .await?
        .and_then(|t| t.parse::<u64>().ok())
        .unwrap_or(1);
    let clock = u64::try_from(now().as_micros()).unwrap_or(0);
    let revision = clock.max(before + 1);
    db::set_meta(tx, "policy_revision", &revision.to_string()).await?;
    Ok(revision)
}
