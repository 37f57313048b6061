//! Indicators: what devices allow, watch, warn about and block.

pub mod admin;
pub mod console;
mod csv;
pub mod defender;
mod draft;
pub mod protected;
mod quotes;
mod store;

use std::collections::{HashMap, HashSet};

use moat_indicators::Explanation;
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};
use serde::Serialize;

pub use draft::{Draft, Submission};
pub use protected::Protected;
pub use store::enforced_values;

use crate::{
    Actor, App, alerts,
    app::now,
    audit, bundles,
    caller::{Caller, Role},
    db::Transaction,
    error::{Error, Result},
    odata::{Page, Query},
    settings,
};

/// Most indicators in one import or batch deletion.
pub const MAX_BATCH: usize = 500;

/// A stored indicator. Its serialised form is what the audit log shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Indicator {
    pub id: IndicatorId,
    /// As it was submitted; `canonical` is the form that is matched.
    pub value: String,
    pub canonical: String,
    pub kind: IndicatorType,
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
    /// Names of the device groups that it is for; empty is every device.
    pub device_groups: Vec<String>,
    pub source: Source,
    pub created_at: Timestamp,
    /// Id of the client or administrator.
    pub created_by: String,
    pub created_by_name: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What makes two submissions the same indicator.
type Key = (IndicatorType, String, Action);

impl Indicator {
    fn key(&self) -> Key {
        (self.kind, self.canonical.clone(), self.action)
    }

    /// Whether nothing but the time and author of the last update tells them apart.
    fn says_the_same(&self, other: &Self) -> bool {
        let other = Self {
            updated_at: self.updated_at,
            updated_by: self.updated_by.clone(),
            ..other.clone()
        };
        *self == other
    }

    /// Whether a bundle says the same with either of them.
    fn is_same_on_devices(&self, other: &Self) -> bool {
        let parts = |i: &Self| {
            let what = (i.kind, i.canonical.clone(), i.action, i.severity, i.title.clone());
            let how = (i.expires, i.generate_alert, i.educate_url.clone(), i.bypass_hours);
            (what, how, i.device_groups.clone())
        };
        parts(self) == parts(other)
    }
}

/// Who made it, in Defender's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    User,
    AadApp,
}

impl Source {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::AadApp => "AadApp",
        }
    }
}

/// Who may see indicators, all or their own.
pub const READ: &[Role] = &[Role::TiReadAll, Role::TiReadWriteAll, Role::TiReadWrite];

/// Which indicators a caller may see and change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    All,
    MadeBy(String),
}

impl Scope {
    /// What a caller may see.
    fn to_read(caller: &Caller) -> Result<Self> {
        match caller.has(Role::TiReadAll) {
            true => Ok(Self::All),
            false => Self::of(caller),
        }
    }

    fn of(caller: &Caller) -> Result<Self> {
        caller.require_any(&[Role::TiReadWriteAll, Role::TiReadWrite])?;
        Ok(match caller.has(Role::TiReadWriteAll) {
            true => Self::All,
            false => Self::MadeBy(author(&caller.actor).1),
        })
    }

    fn covers(&self, indicator: &Indicator) -> bool {
        match self {
            Self::All => true,
            Self::MadeBy(id) => indicator.created_by == *id,
        }
    }
}

/// Kind, id and name of whoever makes an indicator.
fn author(actor: &Actor) -> (Source, String, String) {
    let source = match actor {
        Actor::Client { .. } => Source::AadApp,
        _ => Source::User,
    };
    match actor {
        Actor::Client { id, name } | Actor::Administrator { id, name } => (source, id.clone(), name.clone()),
        other => (source, other.to_string(), other.to_string()),
    }
}

/// Stores an indicator: the one that is named by its id, or else has the same type, canonical value and action, is
/// updated; without one a new one is made.
/// A caller who may change only its own never touches another's: it gets one of its own.
pub async fn create_or_update(app: &App, caller: &Caller, submission: Submission) -> Result<Indicator> {
    let scope = Scope::of(caller)?;
    let mut tx = app.db.begin().await?;
    let (indicator, concerns_devices) = store_one(app, &mut tx, caller, &scope, submission).await?;
    match concerns_devices {
        true => commit(app, tx).await?,
        false => tx.commit().await?,
    }
    app.hub.changed();
    Ok(indicator)
}

/// Stores an indicator within a transaction of a caller whose right was checked, whoever made it; with it, whether devices
/// need a new bundle, for which [`commit`] is there.
pub async fn store_authorised(
    app: &App,
    tx: &mut Transaction,
    caller: &Caller,
    submission: Submission,
) -> Result<(Indicator, bool)> {
    store_one(app, tx, caller, &Scope::All, submission).await
}

/// One item of an import.
pub struct Imported {
    /// The value as it came.
    pub value: String,
    pub result: Result<IndicatorId>,
}

/// Stores up to [`MAX_BATCH`] indicators in one transaction: the good ones go in, each bad one is answered with its reason.
pub async fn import(app: &App, caller: &Caller, submissions: Vec<Submission>) -> Result<Vec<Imported>> {
    let scope = Scope::of(caller)?;
    if submissions.len() > MAX_BATCH {
        return Err(Error::invalid(
            "MaximumBatchSizeExceeded",
            format!(
                "Indicators has {} items; at most {MAX_BATCH} go into one import",
                submissions.len()
            ),
        ));
    }
    if submissions.is_empty() {
        return Err(Error::invalid("MissingRequiredParameter", "Indicators has no items"));
    }
    let imported = import_some(app, caller, &scope, submissions).await?;
    app.hub.set_revision(settings::revision(&app.db).await?);
    Ok(imported)
}

async fn import_some(app: &App, caller: &Caller, scope: &Scope, submissions: Vec<Submission>) -> Result<Vec<Imported>> {
    let check = |submission| Draft::check(submission, app.config.allow_internal_addresses, now());
    let checked: Vec<_> = submissions
        .into_iter()
        .map(|submission| (submission.value.clone().unwrap_or_default(), check(submission)))
        .collect();
    let mut tx = app.db.begin().await?;
    let protected = protected::all(app, &mut *tx).await?;
    let checked: Vec<(String, Result<Draft>)> = checked
        .into_iter()
        .map(|(value, draft)| (value, draft.and_then(|draft| unprotected(&protected, draft))))
        .collect();
    let good: Vec<&Draft> = checked.iter().filter_map(|(_, draft)| draft.as_ref().ok()).collect();
    let mut batch = Batch::prepare(&mut tx, caller, scope, &good).await?;
    let mut imported = Vec::with_capacity(checked.len());
    for (value, draft) in checked {
        let result = match draft {
            Ok(draft) => batch.store(&mut tx, draft).await,
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.status().is_server_error() => return Err(error),
            result => imported.push(Imported {
                value,
                result: result.map(|indicator| indicator.id),
            }),
        }
    }
    batch.flush(&mut tx).await?;
    if batch.concerns_devices {
        settings::raise_revision(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(imported)
}

/// Indicators that come together. New ones are written many to a statement; the others one by one.
struct Batch<'a> {
    caller: &'a Caller,
    scope: &'a Scope,
    known: HashMap<Key, Indicator>,
    ids: std::ops::Range<u64>,
    fresh: Vec<Indicator>,
    concerns_devices: bool,
}

impl<'a> Batch<'a> {
    async fn prepare(tx: &mut Transaction, caller: &'a Caller, scope: &'a Scope, drafts: &[&Draft]) -> Result<Self> {
        let known = store::find_all(tx, drafts, scope).await?;
        let fresh = |draft: &&&Draft| draft.id.is_none() && !known.contains_key(&draft.key());
        let fresh: HashSet<Key> = drafts.iter().filter(fresh).map(|draft| draft.key()).collect();
        let ids = store::reserve_ids(tx, fresh.len()).await?;
        Ok(Self {
            caller,
            scope,
            known,
            ids,
            fresh: Vec::new(),
            concerns_devices: false,
        })
    }

    async fn store(&mut self, tx: &mut Transaction, draft: Draft) -> Result<Indicator> {
        let is_fresh = draft.id.is_none() && !self.known.contains_key(&draft.key());
        let indicator = match is_fresh.then(|| self.ids.next()).flatten() {
            Some(id) => {
                let (source, by, name) = author(&self.caller.actor);
                let indicator = draft.into_indicator(IndicatorId(id), source, now(), by, name);
                self.concerns_devices |= indicator.kind.is_enforced();
                self.fresh.push(indicator.clone());
                indicator
            }
            None => {
                self.flush(tx).await?;
                let before = match draft.id {
                    Some(_) => find(tx, &draft, self.scope).await?,
                    None => self.known.get(&draft.key()).cloned(),
                };
                let (indicator, concerns_devices) = put(tx, self.caller, before, draft).await?;
                self.concerns_devices |= concerns_devices;
                indicator
            }
        };
        self.known.insert(indicator.key(), indicator.clone());
        Ok(indicator)
    }

    /// Writes what is new.
    async fn flush(&mut self, tx: &mut Transaction) -> Result<()> {
        let fresh = std::mem::take(&mut self.fresh);
        store::insert(tx, &fresh).await?;
        let ids: Vec<String> = fresh.iter().map(|indicator| indicator.id.to_string()).collect();
        let changes: Vec<_> = fresh
            .iter()
            .zip(&ids)
            .map(|(after, id)| change(id, None, Some(after)))
            .collect();
        audit::record_all(tx, &self.caller.actor, &changes).await
    }
}

/// A row of the audit log.
fn change<'a>(
    id: &'a str,
    before: Option<&'a Indicator>,
    after: Option<&'a Indicator>,
) -> audit::Change<'a, Indicator> {
    audit::Change {
        action: match (before, after) {
            (None, _) => "create",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "delete",
        },
        noun: "indicator",
        id,
        before,
        after,
    }
}

/// Checks and stores one, and tells whether devices need a new bundle for it.
async fn store_one(
    app: &App,
    tx: &mut Transaction,
    caller: &Caller,
    scope: &Scope,
    submission: Submission,
) -> Result<(Indicator, bool)> {
    let draft = Draft::check(submission, app.config.allow_internal_addresses, now())?;
    let draft = unprotected(&protected::all(app, &mut **tx).await?, draft)?;
    let before = find(tx, &draft, scope).await?;
    put(tx, caller, before, draft).await
}

/// A draft that keeps no device from what belongs to the organisation.
fn unprotected(protected: &Protected, draft: Draft) -> Result<Draft> {
    protected.check(draft.kind, &draft.canonical, draft.action)?;
    Ok(draft)
}

/// The indicator that a draft updates.
async fn find(tx: &mut Transaction, draft: &Draft, scope: &Scope) -> Result<Option<Indicator>> {
    let same = store::find(tx, draft, scope).await?;
    let Some(id) = draft.id else { return Ok(same) };
    let named = store::get(&mut **tx, id).await?.filter(|i| scope.covers(i));
    let named = named.ok_or_else(|| Error::not_found("indicator", id))?;
    match same {
        Some(same) if same.id != id => Err(Error::invalid(
            "InvalidInput",
            format!("id: indicator {} already has this type, value and action", same.id),
        )),
        _ => Ok(Some(named)),
    }
}

/// Stores a draft, and tells whether devices need a new bundle for it: a connector that submits its whole list every hour
/// must not make every device fetch what it has, nor fill the audit log with changes that are none.
async fn put(
    tx: &mut Transaction,
    caller: &Caller,
    before: Option<Indicator>,
    draft: Draft,
) -> Result<(Indicator, bool)> {
    let (source, by, name) = author(&caller.actor);
    let at = now();
    let after = match &before {
        Some(before) => Indicator {
            // What is set once: who made it, when, and for which application.
            id: before.id,
            application: before.application.clone(),
            source: before.source,
            created_at: before.created_at,
            created_by: before.created_by.clone(),
            created_by_name: before.created_by_name.clone(),
            ..draft.into_indicator(before.id, source, at, by, name)
        },
        None => {
            let id = store::reserve_ids(tx, 1).await?.start;
            draft.into_indicator(IndicatorId(id), source, at, by, name)
        }
    };
    if let Some(before) = before.as_ref().filter(|before| before.says_the_same(&after)) {
        return Ok((before.clone(), false));
    }
    match &before {
        Some(_) => store::update(tx, &after).await?,
        None => store::insert(tx, std::slice::from_ref(&after)).await?,
    }
    audit::record(
        tx,
        &caller.actor,
        change(&after.id.to_string(), before.as_ref(), Some(&after)),
    )
    .await?;
    // What was enforced until now concerns them too: they must forget it.
    let enforced = |indicator: &Indicator| indicator.kind.is_enforced();
    let concerns_devices = (enforced(&after) || before.as_ref().is_some_and(enforced))
        && before.is_none_or(|before| !before.is_same_on_devices(&after));
    Ok((after, concerns_devices))
}

/// Commits a change that devices must know.
pub async fn commit(app: &App, mut tx: Transaction) -> Result<()> {
    let revision = settings::raise_revision(&mut tx).await?;
    tx.commit().await?;
    app.hub.set_revision(revision);
    Ok(())
}

/// The indicators that the caller may see and that have not expired.
pub async fn list(app: &App, caller: &Caller, query: &Query) -> Result<Page<Indicator>> {
    store::list(&app.db, &Scope::to_read(caller)?, query, now()).await
}

pub async fn get(app: &App, caller: &Caller, id: IndicatorId) -> Result<Indicator> {
    let scope = Scope::to_read(caller)?;
    let found = store::get(app.db.read(), id).await?;
    found
        .filter(|i| scope.covers(i) && i.expires.is_none_or(|at| at > now()))
        .ok_or_else(|| Error::not_found("indicator", id))
}

pub async fn delete(app: &App, caller: &Caller, id: IndicatorId) -> Result<()> {
    delete_batch(app, caller, &[id]).await
}

/// Deletes all of them or none: an id that the caller cannot see fails the whole batch.
pub async fn delete_batch(app: &App, caller: &Caller, ids: &[IndicatorId]) -> Result<()> {
    let scope = Scope::of(caller)?;
    if ids.is_empty() {
        return Err(Error::invalid("MissingRequiredParameter", "IndicatorIds has no items"));
    }
    if ids.len() > MAX_BATCH {
        return Err(Error::invalid(
            "MaximumBatchSizeExceeded",
            format!(
                "IndicatorIds has {} items; at most {MAX_BATCH} go into one call",
                ids.len()
            ),
        ));
    }
    let mut ids = ids.to_vec();
    ids.sort();
    ids.dedup();
    let mut tx = app.db.begin().await?;
    for id in ids {
        let before = store::get(&mut *tx, id).await?.filter(|i| scope.covers(i));
        let before = before.ok_or_else(|| Error::not_found("indicator", id))?;
        remove(&mut tx, &caller.actor, &before).await?;
    }
    commit(app, tx).await
}

/// Deletes what has expired. Devices stopped enforcing it to the second, by themselves; this keeps the list short.
pub async fn delete_expired(app: &App) -> Result<usize> {
    if store::expired(app.db.read(), now()).await?.is_empty() {
        return Ok(0);
    }
    let mut tx = app.db.begin().await?;
    let expired = store::expired(&mut *tx, now()).await?;
    for indicator in &expired {
        remove(&mut tx, &Actor::System, indicator).await?;
    }
    commit(app, tx).await?;
    Ok(expired.len())
}

async fn remove(tx: &mut Transaction, actor: &Actor, before: &Indicator) -> Result<()> {
    store::delete(tx, before.id).await?;
    audit::record(tx, actor, change(&before.id.to_string(), Some(before), None)).await
}

/// When the next indicator expires.
pub async fn next_expiry(app: &App) -> Result<Option<Timestamp>> {
    store::next_expiry(&app.db).await
}

/// "Would this be blocked on a device of this group, and why?"
pub async fn explain(app: &App, caller: &Caller, input: &str, device_group: &str) -> Result<Explanation> {
    caller.require_any(&[Role::TiReadWriteAll, Role::TiReadAll, Role::MoatAdministrate])?;
    let set = bundles::indicators(app, device_group).await?;
    moat_indicators::explain(&set, input, now()).map_err(|error| Error::invalid(error.code(), error))
}

/// The same for several sites on a device without a group; none where the text is no site.
pub async fn explain_all(app: &App, caller: &Caller, inputs: &[String]) -> Result<Vec<Option<Explanation>>> {
    caller.require_any(&[Role::TiReadWriteAll, Role::TiReadAll, Role::MoatAdministrate])?;
    let set = bundles::indicators(app, "").await?;
    let explained = inputs
        .iter()
        .map(|input| moat_indicators::explain(&set, input, now()).ok());
    Ok(explained.collect())
}

/// How often each of these indicators was hit, by the alerts that it raised.
pub async fn hits(app: &App, caller: &Caller, ids: &[IndicatorId]) -> Result<HashMap<u64, i64>> {
    Scope::to_read(caller)?;
    let ids: Vec<i64> = ids.iter().map(|id| id.0.cast_signed()).collect();
    let hits = alerts::list::hits(&app.db, &ids).await?;
    Ok(hits.into_iter().map(|(id, hits)| (id.cast_unsigned(), hits)).collect())
}
