//! Indicators: what devices block, warn about, audit or allow.

pub mod admin;
pub mod csv;
pub mod defender;
pub mod store;

use moat_indicators::{Domain, Explanation, Prefix, UrlPattern, explain as explain_set};
use moat_model::{Action, IndicatorType, Severity, Timestamp};
use serde::Serialize;

use crate::{
    App,
    app::now,
    audit, bundles,
    caller::{Actor, Caller, Role},
    db::{self, Transaction},
    error::{Error, Result},
    settings,
};

pub use store::IndicatorRow;

/// Most indicators in one import or batch delete.
pub const MAX_BATCH: usize = 500;
const MAX_TEXT: usize = 4_000;

/// An indicator as somebody submits it.
#[derive(Debug, Clone)]
pub struct NewIndicator {
    pub kind: IndicatorType,
    pub value: String,
    pub action: Action,
    pub application: Option<String>,
    pub title: String,
    pub description: String,
    pub recommended_actions: Option<String>,
    pub severity: Severity,
    pub category: Option<String>,
    pub mitre_techniques: Vec<String>,
    pub expires: Option<Timestamp>,
    pub generate_alert: bool,
    pub educate_url: Option<String>,
    pub bypass_hours: Option<u32>,
    pub external_id: Option<String>,
    pub device_groups: Vec<String>,
}

impl NewIndicator {
    pub fn new(kind: IndicatorType, value: &str, action: Action) -> Self {
        Self {
            kind,
            value: value.to_string(),
            action,
            application: None,
            title: format!("{action} {value}"),
            description: String::new(),
            recommended_actions: None,
            severity: Severity::Informational,
            category: None,
            mitre_techniques: Vec::new(),
            expires: None,
            generate_alert: false,
            educate_url: None,
            bypass_hours: None,
            external_id: None,
            device_groups: Vec::new(),
        }
    }
}

/// Outcome of one indicator of an import.
pub struct Imported {
    pub value: String,
    pub outcome: Result<i64, Error>,
}

/// Adds an indicator, or updates the one with the same type, canonical value, action and device groups.
pub async fn create_or_update(app: &App, caller: &Caller, new: NewIndicator) -> Result<IndicatorRow> {
    require_write(caller)?;
    let canonical = validate(app, &new)?;
    let mut tx = app.db.begin().await?;
    let row = put(&mut tx, caller, &new, &canonical).await?;
    publish(app, tx).await?;
    Ok(row)
}

/// Adds or updates many in one transaction. What is wrong with one is reported with it; the others go in.
pub async fn import(app: &App, caller: &Caller, list: Vec<(String, Result<NewIndicator>)>) -> Result<Vec<Imported>> {
    require_write(caller)?;
    let mut tx = app.db.begin().await?;
    let mut results = Vec::with_capacity(list.len());
    for (value, new) in list {
        let outcome = match new.and_then(|new| validate(app, &new).map(|canonical| (new, canonical))) {
            Ok((new, canonical)) => Ok(put(&mut tx, caller, &new, &canonical).await?.id),
            Err(error) => Err(error),
        };
        results.push(Imported { value, outcome });
    }
    if results.iter().any(|result| result.outcome.is_ok()) {
        publish(app, tx).await?;
    }
    Ok(results)
}

/// Deletes all of these, or none when one is unknown.
pub async fn delete(app: &App, caller: &Caller, ids: &[i64]) -> Result<()> {
    require_write(caller)?;
    let mut tx = app.db.begin().await?;
    for id in ids {
        let row = store::find(&mut tx, *id).await?.filter(|row| may_see(caller, row));
        let row = row.ok_or_else(|| Error::not_found("indicator", id))?;
        remove(&mut tx, &caller.actor, &row).await?;
    }
    publish(app, tx).await
}

/// Deletes indicators whose time is over; gives their number.
pub async fn delete_expired(app: &App) -> Result<usize> {
    let mut tx = app.db.begin().await?;
    let expired = store::expired(&mut tx, now()).await?;
    for row in &expired {
        remove(&mut tx, &Actor::System, row).await?;
    }
    if !expired.is_empty() {
        publish(app, tx).await?;
    }
    Ok(expired.len())
}

pub async fn get(app: &App, caller: &Caller, id: i64) -> Result<IndicatorRow> {
    caller.require_any(&[Role::TiReadWrite, Role::TiReadWriteAll])?;
    let row = store::get(&app.db, id).await?.filter(|row| may_see(caller, row));
    row.ok_or_else(|| Error::not_found("indicator", id))
}

/// Would this be blocked, and why? As a device of the group sees it.
pub async fn explain(app: &App, caller: &Caller, value: &str, group: &str) -> Result<Explanation> {
    caller.require_any(&[Role::TiReadWriteAll, Role::MoatAdministrate])?;
    let set = bundles::indicators(app, group).await?;
    explain_set(&set, value, now()).map_err(|e| Error::invalid("InvalidInput", format!("{value}: {e}")))
}

/// Whether the caller may see an indicator: `Ti.ReadWrite` only what it made itself.
pub fn may_see(caller: &Caller, row: &IndicatorRow) -> bool {
    caller.has(Role::TiReadWriteAll) || owner_of(caller).is_some_and(|owner| owner == row.created_by)
}

/// The `created_by` of what this caller makes.
pub fn owner_of(caller: &Caller) -> Option<&str> {
    match &caller.actor {
        Actor::Client { id, .. } | Actor::Administrator { id, .. } => Some(id),
        _ => None,
    }
}

fn require_write(caller: &Caller) -> Result<()> {
    caller.require_any(&[Role::TiReadWrite, Role::TiReadWriteAll])
}

/// Commits, then tells devices.
async fn publish(app: &App, mut tx: Transaction) -> Result<()> {
    let revision = settings::raise_revision(&mut tx).await?;
    tx.commit().await?;
    app.hub.set_revision(revision);
    Ok(())
}

async fn put(tx: &mut Transaction, caller: &Caller, new: &NewIndicator, canonical: &str) -> Result<IndicatorRow> {
    let mut groups = new.device_groups.clone();
    groups.sort();
    groups.dedup();
    let groups = serde_json::to_string(&groups).map_err(Error::internal)?;
    let existing = store::find_same(tx, new, canonical, &groups)
        .await?
        .filter(|row| may_see(caller, row));
    let id = match &existing {
        Some(row) => {
            store::update(tx, row.id, new, &caller.actor.to_string()).await?;
            row.id
        }
        None => {
            let id = next_id(tx).await?;
            store::insert(tx, id, new, canonical, &groups, caller).await?;
            id
        }
    };
    let row = store::find(tx, id)
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("indicator {id} vanished")))?;
    let action = if existing.is_some() { "update" } else { "create" };
    let change = audit::Change {
        action,
        noun: "indicator",
        id: &id.to_string(),
        before: existing.as_ref(),
        after: Some(&row),
    };
    audit::record(tx, &caller.actor, change).await?;
    Ok(row)
}

async fn remove(tx: &mut Transaction, actor: &Actor, row: &IndicatorRow) -> Result<()> {
    store::delete(tx, row.id).await?;
    let change = audit::Change {
        action: "delete",
        noun: "indicator",
        id: &row.id.to_string(),
        before: Some(row),
        after: None,
    };
    audit::record(tx, actor, change).await
}

async fn next_id(tx: &mut Transaction) -> Result<i64> {
    let next = db::meta(&mut **tx, "next_indicator_id")
        .await?
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    db::set_meta(tx, "next_indicator_id", &(next + 1).to_string()).await?;
    Ok(next)
}

/// Checks a submission and gives the canonical value.
fn validate(app: &App, new: &NewIndicator) -> Result<String> {
    if new.value.trim().is_empty() {
        return Err(Error::invalid("InvalidInput", "Received an empty indicator value."));
    }
    if new.kind.is_enforced() && new.action == Action::BlockAndRemediate {
        return Err(Error::invalid(
            "InvalidInput",
            "action BlockAndRemediate is for files; use Block",
        ));
    }
    for (name, text) in [
        ("title", Some(&new.title)),
        ("description", Some(&new.description)),
        ("recommendedActions", new.recommended_actions.as_ref()),
    ] {
        if text.is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Error::invalid(
                "InvalidInput",
                format!("{name} has more than {MAX_TEXT} bytes"),
            ));
        }
    }
    if new.bypass_hours.is_some_and(|hours| !(1..=8_760).contains(&hours)) {
        return Err(Error::invalid("InvalidInput", "bypassDurationHours must be 1 to 8760"));
    }
    if new
        .educate_url
        .as_ref()
        .is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://"))
    {
        return Err(Error::invalid(
            "InvalidUrl",
            "educateUrl must start with https:// or http://",
        ));
    }
    let value = &new.value;
    match new.kind {
        IndicatorType::DomainName => Domain::parse(value)
            .map(|domain| domain.to_string())
            .map_err(|e| Error::invalid(e.code(), format!("{value}: {e}"))),
        IndicatorType::Url => UrlPattern::parse(value)
            .map(|url| url.to_string())
            .map_err(|e| Error::invalid(e.code(), format!("{value}: {e}"))),
        IndicatorType::IpAddress => {
            let prefix = Prefix::parse(value).map_err(|e| Error::invalid(e.code(), format!("{value}: {e}")))?;
            if prefix.is_internal() && !app.config.allow_internal_addresses {
                let rule =
                    "internal addresses are refused; set allow_internal_addresses in the configuration to take them";
                return Err(Error::invalid("InvalidIpAddress", format!("{value}: {rule}")));
            }
            Ok(prefix.to_string())
        }
        IndicatorType::FileSha1 | IndicatorType::CertificateThumbprint => hash_value(value, 40),
        IndicatorType::FileSha256 => hash_value(value, 64),
        IndicatorType::FileMd5 => hash_value(value, 32),
    }
}

fn hash_value(value: &str, digits: usize) -> Result<String> {
    let value = value.trim();
    if value.len() == digits && value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(value.to_ascii_lowercase());
    }
    Err(Error::invalid(
        "InvalidHashValue",
        format!("{value}: this type takes {digits} hexadecimal digits"),
    ))
}

impl Serialize for IndicatorRow {
    /// The audit log keeps indicators in the shape of the API.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        defender::render(self).serialize(serializer)
    }
}
