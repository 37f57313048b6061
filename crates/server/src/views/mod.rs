//! Saved views: the filters of a list under a name, for whoever saved them or for everybody.

pub mod console;
mod store;

use moat_policy::say;
use serde::Serialize;

pub use store::ViewRow;

use crate::{
    App, alerts, audit,
    caller::{Actor, Caller, Role},
    devices,
    error::{Error, Result},
};

/// Views of one person, over all lists.
const MOST: i64 = 50;
const MAX_NAME: usize = 60;
const MAX_ADDRESS: usize = 2_000;

/// A list that has views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    Devices,
    Alerts,
}

impl List {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Alerts => "alerts",
        }
    }

    /// Where it is.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Devices => "/devices",
            Self::Alerts => "/alerts",
        }
    }

    const fn read(self) -> &'static [Role] {
        match self {
            Self::Devices => devices::READ,
            Self::Alerts => alerts::triage::READ,
        }
    }

    /// Who may say what everybody sees.
    const fn share(self) -> &'static [Role] {
        match self {
            Self::Devices => &[Role::MachineReadWriteAll],
            Self::Alerts => &[Role::AlertReadWriteAll],
        }
    }
}

pub fn may_share(caller: &Caller, list: List) -> bool {
    caller.require_any(list.share()).is_ok()
}

/// The caller's own views of a list and those for everybody, by name.
pub async fn list(app: &App, caller: &Caller, list: List) -> Result<Vec<ViewRow>> {
    caller.require_any(list.read())?;
    store::list(&app.db, list.word(), owner(caller)?).await
}

/// Saves the list's address with filters under a name; the caller's view of that name is replaced.
pub async fn save(app: &App, caller: &Caller, list: List, name: &str, address: &str, shared: bool) -> Result<()> {
    caller.require_any(list.read())?;
    if shared {
        caller.require_any(list.share())?;
    }
    let name = name.trim();
    check(list, name, address)?;
    let owner = owner(caller)?;
    let mut tx = app.db.begin().await?;
    let before = store::find(&mut tx, list.word(), owner, name).await?;
    if before.is_none() && store::count(&mut tx, owner).await? >= MOST {
        return Err(Error::conflict(say("conflict-views").with("most", MOST)));
    }
    let view = ViewRow {
        id: before
            .as_ref()
            .map_or_else(|| uuid::Uuid::now_v7().to_string(), |before| before.id.clone()),
        administrator_id: owner.to_string(),
        administrator: String::new(),
        shared: i64::from(shared),
        name: name.to_string(),
        address: address.to_string(),
    };
    store::save(&mut tx, list.word(), &view).await?;
    let (before, action) = match &before {
        Some(before) => (Some(Record::of(before)), "update"),
        None => (None, "create"),
    };
    record(
        &mut tx,
        caller,
        action,
        &view.id,
        before.as_ref(),
        Some(&Record::of(&view)),
    )
    .await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

/// Deletes a view: one's own, or one for everybody by whoever may share.
pub async fn delete(app: &App, caller: &Caller, list: List, id: &str) -> Result<()> {
    caller.require_any(list.read())?;
    let owner = owner(caller)?;
    let mut tx = app.db.begin().await?;
    let view = store::get(&mut tx, list.word(), id).await?;
    // What others keep for themselves is none of the caller's business.
    let seen = view.filter(|view| view.administrator_id == owner || view.shared != 0);
    let view = seen.ok_or_else(|| Error::not_found("saved view", id.chars().take(80).collect::<String>()))?;
    if view.administrator_id != owner {
        caller.require_any(list.share())?;
    }
    store::delete(&mut tx, id).await?;
    record(&mut tx, caller, "delete", id, Some(&Record::of(&view)), None).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

fn check(list: List, name: &str, address: &str) -> Result<()> {
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let rule = format!(" must have 1 to {MAX_NAME} characters, none of them a control character");
        return Err(Error::invalid_field("InvalidInput", "name", rule));
    }
    let filters = address
        .strip_prefix(list.path())
        .and_then(|rest| rest.strip_prefix('?'));
    if filters.is_none_or(str::is_empty) || address.chars().any(char::is_control) {
        let rule = ": the list shows everything; choose filters first";
        return Err(Error::invalid_field("InvalidInput", "address", rule));
    }
    if address.len() > MAX_ADDRESS {
        let rule = format!(": the filters have more than {MAX_ADDRESS} bytes");
        return Err(Error::invalid_field("InvalidInput", "address", rule));
    }
    Ok(())
}

/// Views belong to people.
fn owner(caller: &Caller) -> Result<&str> {
    match &caller.actor {
        Actor::Administrator { id, .. } => Ok(id),
        _ => Err(Error::Forbidden(
            "only administrators of the console have saved views".into(),
        )),
    }
}

/// What the audit log keeps of a view.
#[derive(Serialize)]
struct Record<'a> {
    name: &'a str,
    address: &'a str,
    shared: bool,
}

impl<'a> Record<'a> {
    fn of(view: &'a ViewRow) -> Self {
        Self {
            name: &view.name,
            address: &view.address,
            shared: view.shared != 0,
        }
    }
}

async fn record(
    tx: &mut crate::db::Transaction,
    caller: &Caller,
    action: &'static str,
    id: &str,
    before: Option<&Record<'_>>,
    after: Option<&Record<'_>>,
) -> Result<()> {
    let change = audit::Change {
        action,
        noun: "saved view",
        id,
        before,
        after,
    };
    audit::record(tx, &caller.actor, change).await
}
