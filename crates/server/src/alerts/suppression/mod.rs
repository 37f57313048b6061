//! Suppression rules: alerts that are expected are resolved as they come, with the rule in their history. They stay in the
//! lists and in the APIs, and do not raise a device's risk.

mod condition;
pub mod console;
mod draft;
mod store;

use std::collections::BTreeSet;

use moat_model::{DeviceId, Evidence, GroupId, UserId};
use moat_policy::say;
use serde::Serialize;

pub use condition::{Condition, KINDS};
pub use draft::{Draft, Fault, JAILBREAK_DAYS, MAX_NAME};
pub use store::RuleRow;

use self::condition::{Pattern, Subject};
use super::{Incident, note, triage};
use crate::{
    App,
    app::now,
    audit,
    caller::{Actor, Caller, Role},
    db::Transaction,
    devices,
    edition::{self, Expected},
    error::{Error, Result},
};

pub const READ: &[Role] = triage::READ;
pub const WRITE: &[Role] = &[Role::AlertReadWriteAll];

/// Rules that there may be: each new alert is held against all of them.
const MOST: i64 = 500;
/// Open alerts that are resolved when a rule is saved.
const MOST_RESOLVED: usize = 1_000;

/// Whose alerts a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Everyone,
    Device(DeviceId),
    User(UserId),
    /// Devices in the group, and those of its users.
    Group(GroupId),
}

impl Scope {
    pub const WORDS: [&'static str; 4] = ["everyone", "device", "user", "group"];

    pub fn parse(word: &str, id: &str) -> Result<Self> {
        let parsed = match word {
            "everyone" => Some(Self::Everyone),
            "device" => id.parse().map(Self::Device).ok(),
            "user" => id.parse().map(Self::User).ok(),
            "group" => id.parse().map(Self::Group).ok(),
            _ => None,
        };
        parsed.ok_or_else(|| Error::invalid_field("InvalidInput", "scope", ": choose a device, a user or a group"))
    }

    pub const fn word(&self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Device(_) => "device",
            Self::User(_) => "user",
            Self::Group(_) => "group",
        }
    }

    pub fn id(&self) -> String {
        match self {
            Self::Everyone => String::new(),
            Self::Device(id) => id.to_string(),
            Self::User(id) => id.to_string(),
            Self::Group(id) => id.to_string(),
        }
    }
}

impl RuleRow {
    pub fn scope(&self) -> Result<Scope> {
        Scope::parse(&self.scope, &self.scope_id)
    }

    pub fn condition(&self) -> Result<Condition> {
        let kind = match self.kind.as_str() {
            "" => None,
            word => Some(word.parse().map_err(Error::internal)?),
        };
        let value = match self.value.as_str() {
            "" => None,
            text => Some(Pattern::parse(text, self.subdomains != 0).map_err(Error::internal)?),
        };
        Ok(Condition {
            kind,
            category: self.category.clone(),
            value,
        })
    }

    pub fn has_ended(&self) -> bool {
        self.expires_at.is_some_and(|end| end <= now().as_micros())
    }
}

/// The rule that suppresses an incident, the oldest when several do.
pub async fn rule_for(tx: &mut Transaction, incident: &Incident) -> Result<Option<RuleRow>> {
    let rules = store::in_force(tx, incident.device).await?;
    let mut value = None;
    if let Some(id) = incident
        .indicator
        .filter(|_| rules.iter().any(|rule| !rule.value.is_empty()))
    {
        value = store::value_of(&mut **tx, id.0.cast_signed()).await?;
    }
    let site = |evidence: &'_ Evidence| match evidence {
        Evidence::Site { value, .. } => Some(value.clone()),
        _ => None,
    };
    let sites: Vec<String> = incident.evidence.iter().filter_map(site).collect();
    let subject = Subject {
        kind: incident.kind,
        category: &incident.category,
        indicator: value.as_deref(),
        sites: sites.iter().map(String::as_str).collect(),
    };
    for rule in rules {
        if rule.condition()?.matches(&subject) {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

/// Stores an incident as a suppressed alert. While one rule goes on to suppress the same, it stays one alert.
pub async fn suppress(tx: &mut Transaction, incident: &Incident, rule: &RuleRow) -> Result<String> {
    let id = match store::newest(tx, incident).await? {
        Some((id, Some(by))) if by == rule.id => {
            super::add(tx, &id, incident).await?;
            id
        }
        _ => {
            let id = super::open(tx, incident).await?;
            store::suppress(tx, &id, &rule.id, now()).await?;
            note(tx, &id, &Actor::System, "suppressed", &rule.name).await?;
            id
        }
    };
    store::hit(tx, &rule.id, 1).await?;
    Ok(id)
}

/// Whether the newest alert of what an incident is about was suppressed by the rule that would suppress it again.
pub async fn is_suppressed(tx: &mut Transaction, incident: &Incident) -> Result<bool> {
    let Some((_, Some(by))) = store::newest(tx, incident).await? else {
        return Ok(false);
    };
    Ok(rule_for(tx, incident).await?.is_some_and(|rule| rule.id == by))
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<RuleRow>> {
    caller.require_any(READ)?;
    store::list(&app.db).await
}

pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<RuleRow> {
    caller.require_any(READ)?;
    store::get(app.db.read(), id).await?.ok_or_else(|| unknown(id))
}

/// The rule that suppressed an alert, if it is still there.
pub async fn rule_of(app: &App, caller: &Caller, id: &str) -> Result<Option<RuleRow>> {
    caller.require_any(READ)?;
    store::get(app.db.read(), id).await
}

/// The canonical value of an indicator that is still there.
pub async fn value_of(app: &App, caller: &Caller, indicator: i64) -> Result<Option<String>> {
    caller.require_any(READ)?;
    store::value_of(app.db.read(), indicator).await
}

/// Categories of open alerts, to choose from.
pub async fn categories(app: &App, caller: &Caller) -> Result<Vec<String>> {
    caller.require_any(READ)?;
    store::categories(&app.db).await
}

/// Whom a name or id means; an error of the field `who` when it is nobody or several.
pub async fn find_scope(app: &App, caller: &Caller, word: &str, who: &str) -> Result<Scope> {
    caller.require_any(WRITE)?;
    if word == "everyone" {
        return Ok(Scope::Everyone);
    }
    let found = store::named(&app.db, word, who).await?;
    match found.as_slice() {
        [id] => Scope::parse(word, id),
        [] => Err(Error::invalid_field(
            "InvalidInput",
            "who",
            format!(": there is no such {word}"),
        )),
        _ => Err(Error::invalid_field(
            "Ambiguous",
            "who",
            ": several have this name; give the id",
        )),
    }
}

/// How to write whom a rule is about, so that [`find_scope`] finds it again.
pub async fn who(app: &App, scope: &str, id: &str, name: Option<&str>) -> Result<String> {
    let found = store::named(&app.db, scope, name.unwrap_or_default()).await?;
    Ok(match (name, found.as_slice()) {
        (Some(name), [one]) if one == id => name.to_string(),
        _ => id.to_string(),
    })
}

/// How many open alerts a rule would match now.
pub async fn count_open(app: &App, caller: &Caller, draft: &Draft) -> Result<usize> {
    caller.require_any(WRITE)?;
    let condition = draft.checked(now())?;
    Ok(store::matching(&app.db, &condition, &draft.scope).await?.len())
}

/// What came of saving a rule.
pub struct Saved {
    pub id: String,
    /// Open alerts that it resolved, and those that were too many for once.
    pub resolved: usize,
    pub left: usize,
}

pub async fn create(app: &App, caller: &Caller, draft: Draft, resolve: bool) -> Result<Saved> {
    caller.require_any(WRITE)?;
    let condition = draft.checked(now())?;
    let mut tx = app.db.begin().await?;
    if store::count(&mut tx).await? >= MOST {
        return Err(Error::conflict(say("conflict-rules").with("most", MOST)));
    }
    let at = now().as_micros();
    let by = caller.actor.to_string();
    let mut rule = RuleRow {
        id: uuid::Uuid::now_v7().to_string(),
        name: String::new(),
        kind: String::new(),
        category: String::new(),
        value: String::new(),
        subdomains: 0,
        scope: String::new(),
        scope_id: String::new(),
        scope_name: None,
        note: String::new(),
        enabled: 1,
        expires_at: None,
        hits: 0,
        last_hit_at: None,
        created_at: at,
        created_by: by.clone(),
        updated_at: at,
        updated_by: by,
    };
    draft.fill(&mut rule, &condition);
    check_name(&mut tx, &rule).await?;
    store::insert(&mut tx, &rule).await?;
    finish(app, tx, caller, None, rule, resolve).await
}

pub async fn update(
    app: &App,
    caller: &Caller,
    id: &str,
    expected: &Expected,
    draft: Draft,
    resolve: bool,
) -> Result<Saved> {
    caller.require_any(WRITE)?;
    let condition = draft.checked(now())?;
    let mut tx = app.db.begin().await?;
    let before = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    expected.check(before.updated_at)?;
    let mut rule = before.clone();
    draft.fill(&mut rule, &condition);
    rule.updated_at = edition::next(before.updated_at);
    rule.updated_by = caller.actor.to_string();
    check_name(&mut tx, &rule).await?;
    store::update(&mut tx, &rule).await?;
    finish(app, tx, caller, Some(&before), rule, resolve).await
}

/// Switches a rule on or off; what it suppressed stays so.
pub async fn set_enabled(app: &App, caller: &Caller, id: &str, on: bool) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    let mut rule = before.clone();
    rule.enabled = i64::from(on);
    if rule.enabled == before.enabled {
        return Ok(());
    }
    rule.updated_at = edition::next(before.updated_at);
    rule.updated_by = caller.actor.to_string();
    store::update(&mut tx, &rule).await?;
    finish(app, tx, caller, Some(&before), rule, false).await.map(drop)
}

pub async fn delete(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let rule = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    store::delete(&mut tx, id).await?;
    record(&mut tx, caller, "delete", Some(&Record::of(&rule)), None, id).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

async fn check_name(tx: &mut Transaction, rule: &RuleRow) -> Result<()> {
    match store::is_taken(tx, &rule.name, &rule.id).await? {
        true => Err(Error::invalid_field(
            "InvalidInput",
            "name",
            ": another rule has this name",
        )),
        false => Ok(()),
    }
}

/// Resolves what is to be resolved with a rule, and commits.
async fn finish(
    app: &App,
    mut tx: Transaction,
    caller: &Caller,
    before: Option<&RuleRow>,
    rule: RuleRow,
    resolve: bool,
) -> Result<Saved> {
    let in_force = rule.enabled != 0 && !rule.has_ended();
    let matching = match resolve && in_force {
        // No other transaction writes meanwhile, so what can be read is what is there.
        true => store::matching(&app.db, &rule.condition()?, &rule.scope()?).await?,
        false => Vec::new(),
    };
    let some = &matching[..matching.len().min(MOST_RESOLVED)];
    let mut touched = BTreeSet::new();
    for alert in some {
        store::suppress(&mut tx, &alert.id, &rule.id, now()).await?;
        note(&mut tx, &alert.id, &caller.actor, "suppressed", &rule.name).await?;
        touched.insert(alert.device_id.parse::<DeviceId>().map_err(Error::internal)?);
    }
    if !some.is_empty() {
        store::hit(&mut tx, &rule.id, i64::try_from(some.len()).unwrap_or(i64::MAX)).await?;
    }
    for device in &touched {
        devices::reassess(&mut tx, *device).await?;
    }
    let mut after = Record::of(&rule);
    after.resolved_alerts = some.len();
    let action = if before.is_some() { "update" } else { "create" };
    let before = before.map(Record::of);
    record(&mut tx, caller, action, before.as_ref(), Some(&after), &rule.id).await?;
    tx.commit().await?;
    for device in touched {
        app.device_changed(device).await?;
    }
    app.hub.changed();
    Ok(Saved {
        resolved: some.len(),
        left: matching.len() - some.len(),
        id: rule.id,
    })
}

/// What the audit log keeps of a rule.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    name: &'a str,
    kind: &'a str,
    category: &'a str,
    value: &'a str,
    subdomains: bool,
    scope: &'a str,
    scope_id: &'a str,
    note: &'a str,
    enabled: bool,
    expires: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    resolved_alerts: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl<'a> Record<'a> {
    fn of(rule: &'a RuleRow) -> Self {
        Self {
            name: &rule.name,
            kind: &rule.kind,
            category: &rule.category,
            value: &rule.value,
            subdomains: rule.subdomains != 0,
            scope: &rule.scope,
            scope_id: &rule.scope_id,
            note: &rule.note,
            enabled: rule.enabled != 0,
            expires: rule
                .expires_at
                .map(|at| moat_model::Timestamp::from_micros(at).to_string()),
            resolved_alerts: 0,
        }
    }
}

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    action: &'static str,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
    id: &str,
) -> Result<()> {
    let change = audit::Change {
        action,
        noun: "suppression rule",
        id,
        before,
        after,
    };
    audit::record(tx, &caller.actor, change).await
}

fn unknown(id: &str) -> Error {
    Error::not_found("suppression rule", id.chars().take(80).collect::<String>())
}
