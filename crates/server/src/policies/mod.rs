//! What policies of every kind share: a name, a body, a version, and whom they are assigned to.

pub mod console;
pub mod graph;
pub mod store;
pub mod targets;
pub mod versions;

use std::collections::HashSet;

use moat_model::{PolicyId, Target};
use serde::Serialize;
use serde_json::Value;

use crate::{
    App, audit,
    caller::Caller,
    db::Transaction,
    edition::{self, Expected},
    error::{Error, Result},
};

pub use store::{Kind, PolicyRow};

/// What the audit log keeps of a policy.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    version: i64,
    body: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<&'a [Target]>,
}

impl<'a> Record<'a> {
    fn of(policy: &'a PolicyRow) -> Self {
        Self {
            display_name: &policy.display_name,
            description: policy.description.as_deref(),
            version: policy.version,
            body: serde_json::from_str(&policy.body).unwrap_or_default(),
            targets: None,
        }
    }
}

pub async fn get(app: &App, kind: Kind, id: PolicyId) -> Result<PolicyRow> {
    store::get(app.db.read(), kind, id)
        .await?
        .ok_or_else(|| unknown(kind, id))
}

/// The id of a policy that is to be made.
pub fn new_id() -> PolicyId {
    PolicyId(uuid::Uuid::now_v7())
}

/// Stores a new policy with its audit row. A form that is sent twice carries the same id: the second makes nothing.
pub async fn create(tx: &mut Transaction, caller: &Caller, policy: &PolicyRow) -> Result<()> {
    if store::exists(tx, &policy.id).await? {
        return Err(Error::conflict(format!("there is a policy {} already", policy.id)));
    }
    store::insert(tx, policy).await?;
    record(tx, caller, "create", None, Some(policy)).await
}

/// Stores a changed policy as its next version.
pub async fn update(tx: &mut Transaction, caller: &Caller, before: &PolicyRow, mut after: PolicyRow) -> Result<()> {
    after.version = before.version + 1;
    after.updated_at = edition::next(before.updated_at);
    store::update(tx, &after).await?;
    record(tx, caller, "update", Some(before), Some(&after)).await
}

/// Deletes a policy, its assignments and what it said of devices.
pub async fn delete(app: &App, caller: &Caller, kind: Kind, id: PolicyId, expected: &Expected) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let policy = store::get(&mut *tx, kind, id).await?.ok_or_else(|| unknown(kind, id))?;
    expected.check(policy.updated_at)?;
    store::delete(&mut tx, id).await?;
    record(&mut tx, caller, "delete", Some(&policy), None).await?;
    app.commit_policy(tx).await
}

/// Replaces the whole set of a policy's assignments.
pub async fn assign(app: &App, caller: &Caller, kind: Kind, id: PolicyId, targets: &[Target]) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let policy = store::get(&mut *tx, kind, id).await?.ok_or_else(|| unknown(kind, id))?;
    let before = targets::of_policy(&mut *tx, id).await?;
    replace_targets(&mut tx, caller, &policy, &before, targets).await?;
    app.commit_policy(tx).await
}

/// Gives a policy these assignments within the transaction that changes it, unless it has them already.
pub async fn set_targets(
    tx: &mut Transaction,
    caller: &Caller,
    kind: Kind,
    id: PolicyId,
    targets: &[Target],
) -> Result<()> {
    let policy = store::get(&mut **tx, kind, id)
        .await?
        .ok_or_else(|| unknown(kind, id))?;
    let before = targets::of_policy(&mut **tx, id).await?;
    if before.iter().collect::<HashSet<_>>() == targets.iter().collect() {
        return Ok(());
    }
    replace_targets(tx, caller, &policy, &before, targets).await
}

async fn replace_targets(
    tx: &mut Transaction,
    caller: &Caller,
    policy: &PolicyRow,
    before: &[Target],
    targets: &[Target],
) -> Result<()> {
    let id = policy.id.parse().map_err(Error::internal)?;
    for target in targets {
        if let Target::Group { group_id } | Target::ExcludedGroup { group_id } = target
            && crate::groups::store::get(&mut **tx, *group_id).await?.is_none()
        {
            return Err(Error::invalid(
                "BadRequest",
                format!("assignments: there is no group {group_id}"),
            ));
        }
    }
    targets::replace(tx, id, targets).await?;
    store::touch(tx, policy).await?;
    let (mut was, mut is) = (Record::of(policy), Record::of(policy));
    (was.targets, is.targets) = (Some(before), Some(targets));
    let change = audit::Change {
        action: "assign",
        noun: policy.kind().noun(),
        id: &policy.id,
        before: Some(&was),
        after: Some(&is),
    };
    audit::record(tx, &caller.actor, change).await
}

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    action: &str,
    before: Option<&PolicyRow>,
    after: Option<&PolicyRow>,
) -> Result<()> {
    let policy = before.or(after);
    let (was, is) = (before.map(Record::of), after.map(Record::of));
    let change = audit::Change {
        action,
        noun: policy.map_or("policy", |policy| policy.kind().noun()),
        id: policy.map_or("", |policy| policy.id.as_str()),
        before: was.as_ref(),
        after: is.as_ref(),
    };
    audit::record(tx, &caller.actor, change).await
}

pub fn unknown(kind: Kind, id: PolicyId) -> Error {
    Error::not_found(kind.noun(), id)
}
