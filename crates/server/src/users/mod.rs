//! Users: the people whose devices and sign-ins policies are about.

pub mod console;
pub mod graph;
pub mod store;

use moat_model::UserId;
use moat_policy::say;
use serde::Serialize;

use crate::{
    App, audit,
    caller::{Caller, Role},
    edition::{self, Expected},
    error::{Error, Result},
    notifications::locale::Locale,
    odata::{Page, Query},
    policies,
};

pub use store::UserRow;

pub const READ: &[Role] = &[Role::UserReadAll, Role::UserReadWriteAll];
pub const WRITE: &[Role] = &[Role::UserReadWriteAll];

/// What may be said of a user. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub user_principal_name: Option<String>,
    pub display_name: Option<String>,
    /// Empty for none.
    pub mail: Option<String>,
    /// A language tag; empty for none.
    pub preferred_language: Option<String>,
    pub account_enabled: Option<bool>,
    pub break_glass: Option<bool>,
}

/// What the audit log keeps of a user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    user_principal_name: &'a str,
    display_name: &'a str,
    account_enabled: bool,
    break_glass: bool,
}

impl<'a> Record<'a> {
    fn of(user: &'a UserRow) -> Self {
        Self {
            user_principal_name: &user.user_principal_name,
            display_name: &user.display_name,
            account_enabled: user.account_enabled != 0,
            break_glass: user.break_glass != 0,
        }
    }
}

pub async fn list(app: &App, caller: &Caller, query: &Query) -> Result<Page<UserRow>> {
    caller.require_any(READ)?;
    store::page(&app.db, query).await
}

/// A user by id or principal name.
pub async fn get(app: &App, caller: &Caller, key: &str) -> Result<UserRow> {
    caller.require_any(READ)?;
    find(app, key).await
}

/// The same for operations that have checked their caller's right.
pub async fn find(app: &App, key: &str) -> Result<UserRow> {
    let found = store::find(app.db.read(), key).await?;
    found.ok_or_else(|| Error::not_found("user", key.chars().take(80).collect::<String>()))
}

pub async fn create(app: &App, caller: &Caller, change: Change) -> Result<UserRow> {
    caller.require_any(WRITE)?;
    let mut user = UserRow::new(UserId(uuid::Uuid::now_v7()));
    apply(&mut user, change)?;
    let mut tx = app.db.begin().await?;
    check_free(&mut tx, &user).await?;
    store::insert(&mut tx, &user).await?;
    let change = audit::Change {
        action: "create",
        noun: "user",
        id: &user.id,
        before: None,
        after: Some(&Record::of(&user)),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    // Nobody's device and in no group yet: nothing is to be judged anew.
    tx.commit().await?;
    app.hub.changed();
    Ok(user)
}

pub async fn update(app: &App, caller: &Caller, key: &str, expected: &Expected, change: Change) -> Result<UserRow> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = store::find(&mut *tx, key).await?;
    let before = before.ok_or_else(|| Error::not_found("user", key.chars().take(80).collect::<String>()))?;
    expected.check(before.updated_at)?;
    let mut user = before.clone();
    user.updated_at = edition::next(before.updated_at);
    apply(&mut user, change)?;
    check_free(&mut tx, &user).await?;
    store::update(&mut tx, &user).await?;
    let change = audit::Change {
        action: "update",
        noun: "user",
        id: &user.id,
        before: Some(&Record::of(&before)),
        after: Some(&Record::of(&user)),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    let devices = devices_of(&mut tx, &user).await?;
    app.commit_directory(tx, &devices).await?;
    Ok(user)
}

/// Deletes a user whom no policy names. Their devices stay, and are not compliant: their user does not exist.
pub async fn delete(app: &App, caller: &Caller, key: &str, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let user = store::find(&mut *tx, key).await?;
    let user = user.ok_or_else(|| Error::not_found("user", key.chars().take(80).collect::<String>()))?;
    expected.check(user.updated_at)?;
    let policies = policies::store::naming(&mut tx, &user.id).await?;
    if !policies.is_empty() {
        let names = policies.join(", ");
        return Err(Error::conflict(say("conflict-user-used").with("policies", names)));
    }
    let devices = devices_of(&mut tx, &user).await?;
    store::delete(&mut tx, &user.id).await?;
    let change = audit::Change {
        action: "delete",
        noun: "user",
        id: &user.id,
        before: Some(&Record::of(&user)),
        after: None,
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    app.commit_directory(tx, &devices).await
}

async fn devices_of(tx: &mut crate::db::Transaction, user: &UserRow) -> Result<Vec<moat_model::DeviceId>> {
    let id = user.id.parse().map_err(Error::internal)?;
    crate::groups::store::devices_below(tx, id).await
}

fn apply(user: &mut UserRow, change: Change) -> Result<()> {
    if let Some(name) = change.user_principal_name {
        user.user_principal_name = checked_principal(&name)?;
    }
    if let Some(name) = change.display_name {
        user.display_name = checked("displayName", &name, 256)?;
    }
    if let Some(mail) = change.mail {
        user.mail = match mail.trim() {
            "" => None,
            mail => Some(checked("mail", mail, 320)?),
        };
    }
    if let Some(language) = change.preferred_language {
        user.preferred_language = checked_language(&language)?;
    }
    if let Some(enabled) = change.account_enabled {
        user.account_enabled = enabled.into();
    }
    if let Some(break_glass) = change.break_glass {
        user.break_glass = break_glass.into();
    }
    Ok(())
}

fn checked_language(tag: &str) -> Result<Option<String>> {
    if tag.trim().is_empty() {
        return Ok(None);
    }
    let locale = Locale::parse(tag).ok_or_else(|| {
        let shown: String = tag.chars().take(80).collect();
        let rule = say("rule-language-tag").with("found", format!("{shown:?}"));
        Error::rule("BadRequest", "preferredLanguage", rule)
    })?;
    Ok(Some(locale.to_string()))
}

/// `name@domain`, as Entra wants it.
fn checked_principal(name: &str) -> Result<String> {
    let name = checked("userPrincipalName", name, 320)?;
    match name.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => Ok(name),
        _ => Err(Error::rule("BadRequest", "userPrincipalName", say("rule-principal"))),
    }
}

/// A text of 1 to `most` bytes without control characters.
pub fn checked(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        return Err(Error::rule("BadRequest", field, say("rule-bytes").with("most", most)));
    }
    Ok(text.to_string())
}

async fn check_free(tx: &mut crate::db::Transaction, user: &UserRow) -> Result<()> {
    match store::find(&mut **tx, &user.user_principal_name).await? {
        Some(other) if other.id != user.id => Err(Error::conflict(
            say("conflict-user").with("name", &other.user_principal_name),
        )),
        _ => Ok(()),
    }
}
