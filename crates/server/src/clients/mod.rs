//! API clients: programs that come with a client id and a secret, and get access tokens for their roles.

pub mod admin;
pub mod console;
mod extract;
pub mod oauth;
mod store;
mod token;

use moat_model::Timestamp;
use moat_policy::say;
use serde::Serialize;

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    error::{Error, Result},
    secret,
};

#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub name: String,
    pub roles: Vec<Role>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub disabled_at: Option<Timestamp>,
}

/// What the administrator gets once: the secret is not kept.
#[derive(Debug, Clone, Serialize)]
pub struct IssuedClient {
    pub tenant: String,
    pub client_id: String,
    pub client_secret: String,
}

/// What the audit log shows of a client.
#[derive(Serialize)]
struct Shape<'a> {
    name: &'a str,
    roles: Vec<&'static str>,
    disabled: bool,
}

impl<'a> Shape<'a> {
    fn of(client: &'a Client) -> Self {
        Self {
            name: &client.name,
            roles: client.roles.iter().map(|r| r.as_str()).collect(),
            disabled: client.disabled_at.is_some(),
        }
    }
}

/// Makes a client. Its secret is in the answer and nowhere else.
pub async fn create(app: &App, caller: &Caller, name: &str, roles: Vec<Role>) -> Result<IssuedClient> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::rule(
            "InvalidInput",
            "name",
            say("rule-characters").with("most", 100),
        ));
    }
    if roles.is_empty() {
        return Err(Error::rule("InvalidInput", "roles", say("rule-one-role")));
    }
    let mut distinct: Vec<Role> = Vec::new();
    for role in roles {
        if !distinct.contains(&role) {
            distinct.push(role);
        }
    }
    let client = Client {
        id: uuid::Builder::from_random_bytes(secret::random_bytes())
            .into_uuid()
            .to_string(),
        name: name.to_string(),
        roles: distinct,
        created_at: now(),
        created_by: caller.actor.to_string(),
        disabled_at: None,
    };
    let secret = secret::generate();
    let mut tx = app.db.begin().await?;
    if store::name_is_taken(&mut tx, name).await? {
        return Err(Error::conflict(say("conflict-client").with("name", name)));
    }
    store::insert(&mut tx, &client, &secret::hash(&secret)).await?;
    let change = audit::Change {
        action: "create",
        noun: "client",
        id: &client.id,
        before: None,
        after: Some(&Shape::of(&client)),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(IssuedClient {
        tenant: app.tenant.clone(),
        client_id: client.id,
        client_secret: secret,
    })
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Client>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    store::list(&app.db).await
}

/// Switches a client off: tokens that it still holds stop working at once.
pub async fn disable(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let before = store::get(&app.db, id)
        .await?
        .ok_or_else(|| Error::not_found("client", id))?
        .0;
    if before.disabled_at.is_some() {
        return Ok(());
    }
    let mut after = before.clone();
    after.disabled_at = Some(now());
    let mut tx = app.db.begin().await?;
    store::disable(&mut tx, id, now()).await?;
    let change = audit::Change {
        action: "disable",
        noun: "client",
        id,
        before: Some(&Shape::of(&before)),
        after: Some(&Shape::of(&after)),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

/// As long as a hash, and the hash of nothing.
const NO_HASH: &str = "----------------------------------------------------------------";

/// Why a client gets no token.
#[derive(Debug)]
enum Refused {
    Unknown,
    Disabled,
    WrongSecret,
    Failed(Error),
}

/// Checks a client's secret. An unknown client takes as long as a wrong secret.
async fn authenticate(app: &App, id: &str, given: &str) -> Result<Client, Refused> {
    let found = store::get(&app.db, &id.to_ascii_lowercase())
        .await
        .map_err(Refused::Failed)?;
    let hash = found.as_ref().map_or(NO_HASH, |(_, hash)| hash);
    let right = secret::matches(given, hash);
    match found {
        None => Err(Refused::Unknown),
        Some(_) if !right => Err(Refused::WrongSecret),
        Some((client, _)) if client.disabled_at.is_some() => Err(Refused::Disabled),
        Some((client, _)) => Ok(client),
    }
}
