//! Users, groups and devices together: what Graph calls directory objects, and who is in which group.

pub mod graph;
mod store;

use std::collections::HashMap;

use moat_model::GroupId;

use crate::{
    App,
    caller::{Caller, Role},
    devices::managed,
    error::{Error, Result},
    groups,
    odata::{Page, Query},
    users,
};

pub use store::ObjectRow;

/// Looking objects up by their ids.
pub const READ: &[Role] = &[
    Role::UserReadAll,
    Role::UserReadWriteAll,
    Role::GroupReadAll,
    Role::GroupReadWriteAll,
    Role::GroupMemberReadAll,
    Role::GroupMemberReadWriteAll,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    User,
    Group,
    Device,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Device => "device",
        }
    }

    /// Roles that may read everything of such an object. Others learn its id and its names.
    pub const fn readers(self) -> &'static [Role] {
        match self {
            Self::User => users::READ,
            Self::Group => &[Role::GroupReadAll, Role::GroupReadWriteAll],
            Self::Device => managed::READ,
        }
    }
}

/// Objects by their relation to one.
#[derive(Debug, Clone)]
pub enum Of {
    Members(GroupId),
    /// Also of the groups within.
    TransitiveMembers(GroupId),
    /// Groups that an object is in, by its id.
    Memberships(String),
    /// Also through other groups.
    AllMemberships(String),
}

/// Members of a group.
pub async fn members(
    app: &App,
    caller: &Caller,
    of: &Of,
    kind: Option<Kind>,
    query: &Query,
) -> Result<Page<ObjectRow>> {
    if let Of::Members(group) | Of::TransitiveMembers(group) = of {
        groups::get(app, caller, *group).await?;
    }
    store::page(&app.db, of, kind, query).await
}

/// Groups that a user is in, by id or principal name.
pub async fn groups_of_user(
    app: &App,
    caller: &Caller,
    user: &str,
    of: fn(String) -> Of,
    query: &Query,
) -> Result<Page<ObjectRow>> {
    let user = users::get(app, caller, user).await?;
    store::page(&app.db, &of(user.id), Some(Kind::Group), query).await
}

/// Groups that a group is in.
pub async fn groups_of_group(
    app: &App,
    caller: &Caller,
    group: GroupId,
    of: fn(String) -> Of,
    query: &Query,
) -> Result<Page<ObjectRow>> {
    let group = groups::get(app, caller, group).await?;
    store::page(&app.db, &of(group.id), Some(Kind::Group), query).await
}

/// Ids of all groups that a user, by id or principal name, is in.
pub async fn group_ids_of_user(app: &App, caller: &Caller, user: &str) -> Result<Vec<String>> {
    let user = users::get(app, caller, user).await?;
    groups::store::ids_of(app.db.read(), &user.id).await
}

/// Ids of all groups that a user, group or device is in.
pub async fn group_ids(app: &App, caller: &Caller, id: &str) -> Result<Vec<String>> {
    let object = get(app, caller, id).await?;
    groups::store::ids_of(app.db.read(), &object.id).await
}

/// What an id names.
pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<ObjectRow> {
    let found = by_ids(app, caller, &[id.to_lowercase()]).await?.pop();
    found.ok_or_else(|| Error::not_found("directory object", id.chars().take(80).collect::<String>()))
}

/// What ids name; those that name nothing are left out.
pub async fn by_ids(app: &App, caller: &Caller, ids: &[String]) -> Result<Vec<ObjectRow>> {
    caller.require_any(READ)?;
    store::by_ids(&app.db, ids).await
}

/// Users, groups and devices in use whose names have a text, by name.
pub async fn named(app: &App, caller: &Caller, text: &str, most: u32) -> Result<Vec<ObjectRow>> {
    caller.require_any(READ)?;
    store::named(&app.db, text, most).await
}

/// For each of these groups its first members, by name.
pub async fn first_members(app: &App, groups: &[&str], most: usize) -> Result<HashMap<String, Vec<ObjectRow>>> {
    store::first(&app.db, true, groups, most).await
}

/// For each of these objects the first groups that it is in, by name.
pub async fn first_groups(app: &App, members: &[&str], most: usize) -> Result<HashMap<String, Vec<ObjectRow>>> {
    store::first(&app.db, false, members, most).await
}
