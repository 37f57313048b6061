//! Whoever reported a site from a device hears what came of it: as a message that the device shows.

use moat_model::{DeviceId, OrderAction, sync::ReportKind};

use super::{Decision, ReportRow, word};
use crate::{
    App,
    caller::Caller,
    db::Transaction,
    devices::{self, commands},
    error::Result,
    language::Language,
    users,
};

/// Characters of a reported address in a message.
const MAX_SITE: usize = 200;

/// Orders the message, when a device that is still in use reported it.
pub async fn tell(
    app: &App,
    tx: &mut Transaction,
    caller: &Caller,
    report: &ReportRow,
    decision: Decision,
    answer: &str,
) -> Result<()> {
    let Ok(id) = report.device_id.parse::<DeviceId>() else {
        return Ok(());
    };
    let Some(device) = devices::store::find(tx, id)
        .await?
        .filter(|device| device.revoked_at.is_none())
    else {
        return Ok(());
    };
    let user = match &device.user_id {
        Some(user) => users::store::find(&mut **tx, user).await?,
        None => None,
    };
    let tag = user.and_then(|user| user.preferred_language);
    let language = app.languages.of(tag.as_deref());
    commands::order(
        tx,
        id,
        message(&language, report, decision, answer),
        &caller.actor.to_string(),
    )
    .await
}

fn message(language: &Language, report: &ReportRow, decision: Decision, answer: &str) -> OrderAction {
    let mut site: String = report.url.chars().take(MAX_SITE).collect();
    if site.len() < report.url.len() {
        site.push('…');
    }
    let unsafe_one = report.kind == word(ReportKind::Unsafe);
    let site = [("site", site.as_str())];
    let said = match (decision, unsafe_one) {
        (Decision::Block, true) => language.with("told-blocked", site),
        (Decision::Block, false) => language.with("told-stays-blocked", site),
        (Decision::Allow, true) => language.with("told-stays-allowed", site),
        (Decision::Allow, false) => language.with("told-allowed", site),
        (Decision::Dismiss, _) => language.with("told-dismissed", site),
    };
    OrderAction::Notify {
        title: language.t("told-title"),
        body: format!("{said} {answer}").trim_end().to_string(),
    }
}
