//! Administrators of the console: set-up link, passwords, sessions.

pub mod admin;
pub mod administrators;
pub mod console;
mod password;
pub mod session;
mod store;

use std::{collections::HashMap, net::IpAddr};

use moat_model::conditional_access::RoleId;
use moat_policy::say;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::{
    App,
    app::now,
    audit,
    caller::{Actor, AdministratorRole, Caller, Role},
    conditional_access,
    db::Transaction,
    error::{Error, Result},
    json::{ApiError, Body},
    rate_limit::address_key,
    secret, users,
};

pub use password::Hashing;
pub use session::Session;

const SETUP_LINK_LIFETIME: std::time::Duration = std::time::Duration::from_secs(86_400);
/// In place of a hash where nobody chose a password yet.
const NO_PASSWORD: &str = "";
const MIN_PASSWORD: usize = 12;
const MAX_PASSWORD: usize = 1_000;

/// What is wrong with a form's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: &'static str,
    pub message: String,
    /// The same as a message of the console.
    pub say: &'static str,
}

#[derive(Serialize)]
struct AdministratorRecord<'a> {
    name: &'a str,
    role: &'static str,
}

/// A link that makes the first administrator; none once there is one. Links made before stop working.
pub async fn setup_link(app: &App) -> Result<Option<String>> {
    make_setup_link(app, &Actor::System).await
}

async fn make_setup_link(app: &App, actor: &Actor) -> Result<Option<String>> {
    let mut tx = app.db.begin().await?;
    if store::count(&mut tx).await? > 0 {
        return Ok(None);
    }
    let token = secret::generate();
    store::delete_open_links(&mut tx).await?;
    store::insert_link(
        &mut tx,
        &secret::hash(&token),
        None,
        now().saturating_add(SETUP_LINK_LIFETIME),
    )
    .await?;
    let change = audit::Change::<()> {
        action: "create",
        noun: "set-up link",
        id: "first administrator",
        before: None,
        after: None,
    };
    audit::record(&mut tx, actor, change).await?;
    tx.commit().await?;
    Ok(Some(format!("{}/setup/{token}", app.base_url())))
}

/// Whom a set-up link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupLink {
    /// Whoever comes first.
    First,
    /// An administrator whom another one made or reset.
    Of {
        id: String,
        name: String,
        role: AdministratorRole,
    },
}

impl SetupLink {
    /// Whether the administrator is there already.
    pub fn is_of_somebody(&self) -> bool {
        *self != Self::First
    }
}

/// What a set-up link is for; none when it does not work.
pub async fn setup_is_open(app: &App, token: &str) -> Result<Option<SetupLink>> {
    store::setup_link(&app.db, &secret::hash(token)).await
}

/// Makes the first administrator, or gives one a first password, and uses the link up.
pub async fn set_up(app: &App, token: &str, name: &str, password: &str) -> Result<Session> {
    let link = setup_is_open(app, token).await?.ok_or_else(setup_is_closed)?;
    let hash = app.limits.passwords.hash(password).await?;
    let mut tx = app.db.begin().await?;
    if !store::use_setup_link(&mut tx, &secret::hash(token)).await? {
        return Err(setup_is_closed());
    }
    if let SetupLink::Of { id, name, role } = link {
        store::set_password(&mut tx, &id, &hash).await?;
        store::delete_links_of(&mut tx, &id).await?;
        let actor = Actor::Administrator {
            id: id.clone(),
            name: name.clone(),
        };
        record(&mut tx, &actor, "choose password", &id, None, None).await?;
        tx.commit().await?;
        return session::open(app, &id, &name, role, None).await;
    }
    if store::count(&mut tx).await? > 0 {
        return Err(setup_is_closed());
    }
    let id = uuid::Uuid::now_v7().to_string();
    let name = name.trim();
    let actor = Actor::Administrator {
        id: id.clone(),
        name: name.to_string(),
    };
    let role = AdministratorRole::Global;
    insert(&mut tx, &actor, &id, name, role, &hash).await?;
    commit(app, tx).await?;
    session::open(app, &id, name, role, None).await
}

async fn insert(
    tx: &mut Transaction,
    actor: &Actor,
    id: &str,
    name: &str,
    role: AdministratorRole,
    hash: &str,
) -> Result<()> {
    store::insert(tx, id, name, role, hash).await?;
    record(tx, actor, "create", id, None, Some((name, role))).await
}

type Shown<'a> = Option<(&'a str, AdministratorRole)>;

async fn record(
    tx: &mut Transaction,
    actor: &Actor,
    action: &str,
    id: &str,
    before: Shown<'_>,
    after: Shown<'_>,
) -> Result<()> {
    let shape = |(name, role): (_, AdministratorRole)| AdministratorRecord {
        name,
        role: role.as_str(),
    };
    let (before, after) = (before.map(shape), after.map(shape));
    let change = audit::Change {
        action,
        noun: "administrator",
        id,
        before: before.as_ref(),
        after: after.as_ref(),
    };
    audit::record(tx, actor, change).await
}

/// The directory roles of users: those of the administrator of the same name, by the user's id. Names compare without
/// regard to case.
pub async fn roles_of_users(connection: &mut AnyConnection) -> Result<HashMap<String, Vec<RoleId>>> {
    let mut roles: HashMap<String, Vec<RoleId>> = HashMap::new();
    for (name, role) in store::names_and_roles(&mut *connection).await? {
        let role: AdministratorRole = role.parse()?;
        if let Some(user) = users::store::find(&mut *connection, &name).await? {
            roles.entry(user.id).or_default().push(role.template());
        }
    }
    Ok(roles)
}

/// Everyone who may sign in.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<store::AdministratorRow>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    store::list(&app.db).await
}

/// Makes an administrator of whom [`check_new`] approves.
pub async fn add(app: &App, caller: &Caller, name: &str, role: AdministratorRole, password: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let hash = app.limits.passwords.hash(password).await?;
    let name = name.trim();
    let mut tx = app.db.begin().await?;
    if store::is_taken(&mut tx, name).await? {
        return Err(Error::conflict(say("conflict-administrator").with("name", name)));
    }
    let id = uuid::Uuid::now_v7().to_string();
    insert(&mut tx, &caller.actor, &id, name, role, &hash).await?;
    commit(app, tx).await
}

/// Makes an administrator who chooses a password with the link that this gives.
pub async fn invite(app: &App, caller: &Caller, name: &str, role: AdministratorRole) -> Result<String> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let name = name.trim();
    if !name_is_good(name) {
        return Err(Error::rule("InvalidInput", "name", say("rule-bytes").with("most", 100)));
    }
    let mut tx = app.db.begin().await?;
    if store::is_taken(&mut tx, name).await? {
        return Err(Error::conflict(say("conflict-administrator").with("name", name)));
    }
    let id = uuid::Uuid::now_v7().to_string();
    insert(&mut tx, &caller.actor, &id, name, role, NO_PASSWORD).await?;
    let link = link_for(app, &mut tx, &id).await?;
    commit(app, tx).await?;
    app.hub.changed();
    Ok(link)
}

/// Takes an administrator's password and sessions away; they choose another with the link that this gives.
pub async fn reset_by_link(app: &App, caller: &Caller, id: &str) -> Result<String> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let row = found(&mut tx, id).await?;
    keep_one_global(&mut tx, &row).await?;
    store::set_password(&mut tx, id, NO_PASSWORD).await?;
    store::delete_sessions_of(&mut tx, id).await?;
    let link = link_for(app, &mut tx, id).await?;
    record(&mut tx, &caller.actor, "reset password", id, None, None).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(link)
}

/// Gives an administrator another role, in force with their next click.
pub async fn set_role(app: &App, caller: &Caller, id: &str, role: AdministratorRole) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let row = found(&mut tx, id).await?;
    let before = row.role.parse()?;
    if before == role {
        return Ok(());
    }
    keep_one_global(&mut tx, &row).await?;
    store::set_role(&mut tx, id, role).await?;
    let (was, is) = (Some((row.name.as_str(), before)), Some((row.name.as_str(), role)));
    record(&mut tx, &caller.actor, "update", id, was, is).await?;
    commit(app, tx).await?;
    app.hub.changed();
    Ok(())
}

/// Removes an administrator and ends their sessions.
pub async fn remove(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    let row = found(&mut tx, id).await?;
    keep_one_global(&mut tx, &row).await?;
    store::delete_sessions_of(&mut tx, id).await?;
    store::delete_links_of(&mut tx, id).await?;
    store::delete(&mut tx, id).await?;
    let was = Some((row.name.as_str(), row.role.parse()?));
    record(&mut tx, &caller.actor, "delete", id, was, None).await?;
    commit(app, tx).await?;
    app.hub.changed();
    Ok(())
}

async fn found(tx: &mut Transaction, id: &str) -> Result<store::AdministratorRow> {
    let row = store::get(tx, id).await?;
    row.ok_or_else(|| Error::not_found("administrator", id.chars().take(80).collect::<String>()))
}

/// Refuses to take the last one away who may do everything and can sign in.
async fn keep_one_global(tx: &mut Transaction, row: &store::AdministratorRow) -> Result<()> {
    let global = AdministratorRole::Global;
    if row.role != global.as_str() || store::count_with_role(tx, global, &row.id).await? > 0 {
        return Ok(());
    }
    Err(Error::conflict(
        say("conflict-last-administrator")
            .with("name", &row.name)
            .with("role", global.as_str()),
    ))
}

async fn link_for(app: &App, tx: &mut Transaction, id: &str) -> Result<String> {
    let token = secret::generate();
    store::delete_links_of(tx, id).await?;
    store::insert_link(
        tx,
        &secret::hash(&token),
        Some(id),
        now().saturating_add(SETUP_LINK_LIFETIME),
    )
    .await?;
    Ok(format!("{}/setup/{token}", app.base_url()))
}

/// Commits a change of administrators, who as users of the directory may fall under other policies now.
async fn commit(app: &App, mut tx: Transaction) -> Result<()> {
    conditional_access::check_lock_out(&mut tx).await?;
    tx.commit().await?;
    app.access.refresh(&app.db).await
}

/// Gives an administrator another password and ends the sessions of the old one; tells how many.
pub async fn reset_password(app: &App, caller: &Caller, name: &str, password: &str) -> Result<u64> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let row = store::find(&app.db, name.trim()).await?;
    let row = row.ok_or_else(|| Error::not_found("administrator", name.trim()))?;
    let hash = app.limits.passwords.hash(password).await?;
    let mut tx = app.db.begin().await?;
    store::set_password(&mut tx, &row.id, &hash).await?;
    let ended = store::delete_sessions_of(&mut tx, &row.id).await?;
    store::delete_links_of(&mut tx, &row.id).await?;
    record(&mut tx, &caller.actor, "reset password", &row.id, None, None).await?;
    tx.commit().await?;
    // Open pages learn that their session is over.
    app.hub.changed();
    Ok(ended)
}

fn setup_is_closed() -> Error {
    Error::Forbidden("this set-up link was used or has expired".into())
}

/// Signs in. Wrong attempts are limited by address and by name; an unknown name costs as much time as a wrong password.
pub async fn sign_in(app: &App, name: &str, password: &str, address: IpAddr) -> Result<Session> {
    let name = name.trim();
    let by_address = app
        .limits
        .sign_in_failures
        .attempt(vec![format!("address {}", address_key(address))])?;
    // Hashed, because a stranger chooses its length.
    let by_name = app.limits.sign_in_names.attempt(vec![secret::hash(name)])?;
    let known = store::find(&app.db, name).await?;
    let hash = known.as_ref().map(|row| row.password_hash.clone());
    let hash = hash.filter(|hash| hash != NO_PASSWORD);
    let right = app.limits.passwords.verify(password, hash).await?;
    let Some(row) = known.filter(|_| right) else {
        record_failure(app, name, address).await?;
        return Err(Error::Unauthorized("The name or the password is wrong.".into()));
    };
    by_address.succeeded();
    by_name.succeeded();
    session::open(app, &row.id, &row.name, row.role.parse()?, Some(address)).await
}

/// Writes a failed sign-in into the audit log. The limits on tries bound how many there can be.
async fn record_failure(app: &App, name: &str, address: IpAddr) -> Result<()> {
    let tried = session::SignIn {
        name: &name.chars().filter(|c| !c.is_control()).take(100).collect::<String>(),
        address: Some(address.to_string()),
    };
    let mut tx = app.db.begin().await?;
    let change = audit::Change {
        action: "failed sign-in",
        noun: "administrator",
        id: "",
        before: None,
        after: Some(&tried),
    };
    audit::record(&mut tx, &Actor::System, change).await?;
    Ok(tx.commit().await?)
}

/// Checks what a new administrator typed.
pub fn check_new(name: &str, password: &str, again: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |field, message: &str, say| {
        errors.push(FieldError {
            field,
            message: message.into(),
            say,
        })
    };
    if !name_is_good(name) {
        wrong("name", "Give a name of at most 100 characters.", "setup-wrong-name");
    }
    if password.chars().count() < MIN_PASSWORD {
        wrong("password", "Use at least 12 characters.", "setup-wrong-short");
    } else if password.len() > MAX_PASSWORD {
        wrong("password", "Use at most 1,000 characters.", "setup-wrong-long");
    } else if password != again {
        wrong("again", "The two passwords differ.", "setup-wrong-again");
    }
    errors
}

fn name_is_good(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= 100 && !name.chars().any(char::is_control)
}

/// `POST /admin/setup-link`.
pub async fn admin_setup_link(
    axum::extract::State(app): axum::extract::State<App>,
    caller: Caller,
    Body(_): Body<Value>,
) -> Result<axum::Json<Value>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let link = make_setup_link(&app, &caller.actor).await?;
    Ok(axum::Json(json!({"link": link})))
}
