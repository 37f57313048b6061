//! Settings of compliance that hold for every device.

use moat_model::compliance::ComplianceTenantSettings;
use sqlx::{Any, Executor};

use super::WRITE;
use crate::{
    App, audit,
    caller::Caller,
    db,
    error::{Error, Result},
};

const META: &str = "compliance_settings";

pub async fn get(executor: impl Executor<'_, Database = Any>) -> Result<ComplianceTenantSettings> {
    match db::meta(executor, META).await? {
        Some(text) => serde_json::from_str(&text).map_err(Error::internal),
        None => Ok(ComplianceTenantSettings::default()),
    }
}

pub async fn update(
    app: &App,
    caller: &Caller,
    change: impl FnOnce(ComplianceTenantSettings) -> Result<ComplianceTenantSettings> + Send,
) -> Result<ComplianceTenantSettings> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = get(&mut *tx).await?;
    let after = change(before)?;
    if !(1..=120).contains(&after.device_compliance_checkin_threshold_days) {
        let text = "deviceComplianceCheckinThresholdDays must be 1 to 120";
        return Err(Error::invalid("BadRequest", text));
    }
    let text = serde_json::to_string(&after).map_err(Error::internal)?;
    db::set_meta(&mut tx, META, &text).await?;
    let change = audit::Change {
        action: "update",
        noun: "compliance settings",
        id: "tenant",
        before: Some(&before),
        after: Some(&after),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    app.commit_policy(tx).await?;
    Ok(after)
}
