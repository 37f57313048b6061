//! API clients: OAuth2 client credentials and the roles they carry.

pub mod admin;
pub mod oauth;
mod store;
pub mod token;

use serde::Serialize;

use crate::{
    App, audit,
    caller::{Caller, Role},
    error::{Error, Result},
    secret,
};

pub use store::ClientRow;

/// A client's credentials, shown once.
#[derive(Debug, Clone, Serialize)]
pub struct IssuedClient {
    pub tenant: String,
    pub client_id: String,
    pub client_secret: String,
}

#[derive(Serialize)]
struct ClientRecord<'a> {
    name: &'a str,
    roles: &'a str,
}

pub async fn create(app: &App, caller: &Caller, name: &str, roles: &[String]) -> Result<IssuedClient> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let name = name.trim();
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "InvalidInput",
            "name must have 1 to 100 bytes and no control characters",
        ));
    }
    if roles.is_empty() {
        return Err(Error::invalid(
            "MissingRequiredParameter",
            "roles is empty: give at least one role",
        ));
    }
    let roles = roles
        .iter()
        .map(|role| role.parse::<Role>().map(Role::as_str))
        .collect::<Result<Vec<_>>>()?
        .join(" ");
    let id = uuid::Uuid::from_bytes(secret::random_bytes()).to_string();
    let client_secret = secret::generate();
    let mut tx = app.db.begin().await?;
    if store::name_is_taken(&mut tx, name).await? {
        return Err(Error::Conflict(format!("there is a client named {name} already")));
    }
    store::insert(
        &mut tx,
        &id,
        name,
        &secret::hash(&client_secret),
        &roles,
        &caller.actor.to_string(),
    )
    .await?;
    let record = ClientRecord { name, roles: &roles };
    let change = audit::Change {
        action: "create",
        noun: "client",
        id: &id,
        before: None,
        after: Some(&record),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    Ok(IssuedClient {
        tenant: app.tenant.clone(),
        client_id: id,
        client_secret,
    })
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<ClientRow>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    store::list(&app.db).await
}

/// Switches a client off; tokens that it holds stop working with the next request.
pub async fn disable(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    if !store::disable(&mut tx, id).await? {
        return Err(Error::not_found("client in use", id));
    }
    let change = audit::Change::<()> {
        action: "disable",
        noun: "client",
        id,
        before: None,
        after: None,
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    Ok(())
}
