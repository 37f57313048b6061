//! Groups of users, devices and other groups: what policies are assigned to.

pub mod console;
pub mod graph;
pub mod store;

use moat_model::GroupId;
use moat_policy::say;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    App, audit,
    caller::{Caller, Role},
    db::Transaction,
    edition::{self, Expected},
    error::{Error, Result},
    odata::{Page, Query},
    users::checked,
};

pub use store::GroupRow;

pub const READ: &[Role] = &[
    Role::GroupReadAll,
    Role::GroupReadWriteAll,
    Role::GroupMemberReadAll,
    Role::GroupMemberReadWriteAll,
];
pub const WRITE: &[Role] = &[Role::GroupReadWriteAll];
pub const WRITE_MEMBERS: &[Role] = &[Role::GroupReadWriteAll, Role::GroupMemberReadWriteAll];

/// What may be said of a group. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub mail_nickname: Option<String>,
    /// Who becomes a member.
    pub members: Vec<Uuid>,
}

/// What the audit log keeps of a group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
}

impl<'a> Record<'a> {
    fn of(group: &'a GroupRow, member: Option<Uuid>) -> Self {
        Self {
            display_name: &group.display_name,
            member: member.map(|id| id.to_string()),
        }
    }
}

pub async fn list(app: &App, caller: &Caller, query: &Query) -> Result<Page<GroupRow>> {
    caller.require_any(READ)?;
    store::page(&app.db, query).await
}

pub async fn get(app: &App, caller: &Caller, id: GroupId) -> Result<GroupRow> {
    caller.require_any(READ)?;
    store::get(app.db.read(), id).await?.ok_or_else(|| unknown(id))
}

pub async fn create(app: &App, caller: &Caller, change: Change) -> Result<GroupRow> {
    caller.require_any(WRITE)?;
    let mut group = GroupRow::new(GroupId(Uuid::now_v7()));
    let members = apply(&mut group, change)?;
    let mut tx = app.db.begin().await?;
    store::insert(&mut tx, &group).await?;
    record(&mut tx, caller, "create", None, Some(&group)).await?;
    join_all(&mut tx, caller, &group, &members).await?;
    commit(app, tx, &members).await?;
    Ok(group)
}

pub async fn update(app: &App, caller: &Caller, id: GroupId, expected: &Expected, change: Change) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    expected.check(before.updated_at)?;
    let mut group = before.clone();
    group.updated_at = edition::next(before.updated_at);
    let members = apply(&mut group, change)?;
    store::update(&mut tx, &group).await?;
    record(&mut tx, caller, "update", Some(&before), Some(&group)).await?;
    join_all(&mut tx, caller, &group, &members).await?;
    commit(app, tx, &members).await
}

/// Whose policies are whose changes with members alone.
async fn commit(app: &App, mut tx: Transaction, members: &[Uuid]) -> Result<()> {
    if !members.is_empty() {
        let mut devices = Vec::new();
        for member in members {
            devices.extend(store::devices_below(&mut tx, *member).await?);
        }
        devices.sort_unstable();
        devices.dedup();
        return app.commit_directory(tx, &devices).await;
    }
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

/// Policies that say something of a group.
pub async fn policies(app: &App, caller: &Caller, id: GroupId) -> Result<Vec<store::NamingRow>> {
    caller.require_any(READ)?;
    store::naming(app.db.read(), id).await
}

/// Deletes a group that no policy names.
pub async fn delete(app: &App, caller: &Caller, id: GroupId, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let group = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    expected.check(group.updated_at)?;
    let policies = store::policies_naming(&mut tx, id).await?;
    if !policies.is_empty() {
        let names = policies.join(", ");
        return Err(Error::conflict(say("conflict-group-used").with("policies", names)));
    }
    let devices = store::devices_below(&mut tx, id.0).await?;
    store::delete(&mut tx, id).await?;
    record(&mut tx, caller, "delete", Some(&group), None).await?;
    app.commit_directory(tx, &devices).await
}

pub async fn add_member(app: &App, caller: &Caller, id: GroupId, member: Uuid) -> Result<()> {
    caller.require_any(WRITE_MEMBERS)?;
    let mut tx = app.db.begin().await?;
    let group = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    join(&mut tx, caller, &group, member).await?;
    let devices = store::devices_below(&mut tx, member).await?;
    app.commit_directory(tx, &devices).await
}

async fn join_all(tx: &mut Transaction, caller: &Caller, group: &GroupRow, members: &[Uuid]) -> Result<()> {
    for member in members {
        join(tx, caller, group, *member).await?;
    }
    Ok(())
}

async fn join(tx: &mut Transaction, caller: &Caller, group: &GroupRow, member: Uuid) -> Result<()> {
    let id: GroupId = group.id.parse().map_err(Error::internal)?;
    let kind = store::kind_of(tx, member).await?;
    let kind = kind.ok_or_else(|| Error::not_found("user, device or group", member))?;
    if kind == "group" && (member == id.0 || store::contains(tx, GroupId(member), id.0).await?) {
        let text = format!(
            "{} is in that group already: a group cannot contain itself",
            group.display_name
        );
        return Err(Error::invalid("BadRequest", text));
    }
    if !store::add_member(tx, id, member, kind).await? {
        let text =
            "One or more added object references already exist for the following modified properties: 'members'.";
        return Err(Error::invalid("BadRequest", text));
    }
    record_member(tx, caller, "add member", group, member).await
}

pub async fn remove_member(app: &App, caller: &Caller, id: GroupId, member: Uuid) -> Result<()> {
    caller.require_any(WRITE_MEMBERS)?;
    let mut tx = app.db.begin().await?;
    let group = store::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    if !store::remove_member(&mut tx, id, member).await? {
        return Err(Error::not_found("member", member));
    }
    record_member(&mut tx, caller, "remove member", &group, member).await?;
    let devices = store::devices_below(&mut tx, member).await?;
    app.commit_directory(tx, &devices).await
}

/// Gives who becomes a member.
fn apply(group: &mut GroupRow, change: Change) -> Result<Vec<Uuid>> {
    if let Some(name) = change.display_name {
        group.display_name = checked("displayName", &name, 256)?;
    }
    if let Some(description) = change.description {
        group.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(nickname) = change.mail_nickname {
        group.mail_nickname = checked("mailNickname", &nickname, 64)?;
    }
    Ok(change.members)
}

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    action: &str,
    before: Option<&GroupRow>,
    after: Option<&GroupRow>,
) -> Result<()> {
    let id = before.or(after).map(|group| group.id.clone()).unwrap_or_default();
    let before = before.map(|group| Record::of(group, None));
    let after = after.map(|group| Record::of(group, None));
    let change = audit::Change {
        action,
        noun: "group",
        id: &id,
        before: before.as_ref(),
        after: after.as_ref(),
    };
    audit::record(tx, &caller.actor, change).await
}

async fn record_member(
    tx: &mut Transaction,
    caller: &Caller,
    action: &str,
    group: &GroupRow,
    member: Uuid,
) -> Result<()> {
    let change = audit::Change {
        action,
        noun: "group",
        id: &group.id,
        before: None,
        after: Some(&Record::of(group, Some(member))),
    };
    audit::record(tx, &caller.actor, change).await
}

fn unknown(id: GroupId) -> Error {
    Error::not_found("group", id)
}
