//! Administrators of the console: set-up link, passwords, sessions.

pub mod admin;
pub mod console;
mod password;
pub mod session;
mod store;

use std::{collections::HashMap, net::IpAddr};

use moat_model::conditional_access::RoleId;
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
const MIN_PASSWORD: usize = 12;
const MAX_PASSWORD: usize = 1_000;

/// What is wrong with a form's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: &'static str,
    pub message: String,
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
    store::replace_setup_link(
        &mut tx,
        &secret::hash(&token),
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

/// Whether a set-up link works.
pub async fn setup_is_open(app: &App, token: &str) -> Result<bool> {
    store::setup_link_is_valid(&app.db, &secret::hash(token)).await
}

/// Makes the first administrator and uses the link up.
pub async fn set_up(app: &App, token: &str, name: &str, password: &str) -> Result<Session> {
    if !setup_is_open(app, token).await? {
        return Err(setup_is_closed());
    }
    let hash = app.limits.passwords.hash(password).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let name = name.trim();
    let mut tx = app.db.begin().await?;
    if !store::use_setup_link(&mut tx, &secret::hash(token)).await? || store::count(&mut tx).await? > 0 {
        return Err(setup_is_closed());
    }
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
    let record = AdministratorRecord {
        name,
        role: role.as_str(),
    };
    let change = audit::Change {
        action: "create",
        noun: "administrator",
        id,
        before: None,
        after: Some(&record),
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
        return Err(Error::Conflict(format!(
            "there is an administrator named {name} already"
        )));
    }
    let id = uuid::Uuid::now_v7().to_string();
    insert(&mut tx, &caller.actor, &id, name, role, &hash).await?;
    commit(app, tx).await
}

/// Commits a new administrator, who as a user of the directory may fall under other policies now.
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
    let change = audit::Change::<()> {
        action: "reset password",
        noun: "administrator",
        id: &row.id,
        before: None,
        after: None,
    };
    audit::record(&mut tx, &caller.actor, change).await?;
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
    let mut wrong = |field, message: &str| {
        errors.push(FieldError {
            field,
            message: message.into(),
        })
    };
    if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        wrong("name", "Give a name of at most 100 characters.");
    }
    if password.chars().count() < MIN_PASSWORD {
        wrong("password", "Use at least 12 characters.");
    } else if password.len() > MAX_PASSWORD {
        wrong("password", "Use at most 1,000 characters.");
    } else if password != again {
        wrong("again", "The two passwords differ.");
    }
    errors
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
