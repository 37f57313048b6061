//! Conditional access policies and named locations.

pub mod console;
pub mod graph;
pub mod impact;
pub mod locations;
mod names;
pub mod notes;
pub mod what_if;

use moat_model::{
    GroupId, PolicyId, UserId,
    conditional_access::{ConditionalAccessPolicy, LocationId, NamedLocation},
};
use moat_policy::conditional_access::{BreakGlassAccount, CompileError, LockedOut, PolicySet, User, validate};
use moat_policy::say;
use sqlx::AnyConnection;

use crate::{
    App, accounts,
    caller::{Caller, Role},
    db::Transaction,
    edition::Expected,
    error::{Error, Result},
    groups,
    policies::{self, Kind, PolicyRow},
    users::checked,
};

pub const READ: &[Role] = &[Role::PolicyReadAll];
pub const WRITE: &[Role] = &[Role::PolicyReadWriteConditionalAccess];

/// The field that mends a policy which would lock out an account for emergencies.
pub const LOCK_OUT: &str = "conditions.users.excludeUsers";

pub fn policy_of(row: &PolicyRow) -> Result<ConditionalAccessPolicy> {
    serde_json::from_str(&row.body).map_err(Error::internal)
}

pub async fn get(app: &App, caller: &Caller, id: PolicyId) -> Result<PolicyRow> {
    caller.require_any(READ)?;
    policies::get(app, Kind::ConditionalAccess, id).await
}

pub async fn create(app: &App, caller: &Caller, id: PolicyId, policy: ConditionalAccessPolicy) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let row = PolicyRow::new(
        Kind::ConditionalAccess,
        id,
        name(&policy)?,
        policy.description.clone(),
        text(&policy)?,
    );
    let mut tx = app.db.begin().await?;
    policies::create(&mut tx, caller, &row).await?;
    check(&mut tx, &policy).await?;
    app.commit_policy(tx).await?;
    Ok(row)
}

/// Changes a policy by what `change` makes of it.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: PolicyId,
    expected: &Expected,
    change: impl FnOnce(ConditionalAccessPolicy) -> Result<ConditionalAccessPolicy> + Send,
) -> Result<PolicyRow> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = policies::store::get(&mut *tx, Kind::ConditionalAccess, id).await?;
    let before = before.ok_or_else(|| policies::unknown(Kind::ConditionalAccess, id))?;
    expected.check(before.updated_at)?;
    let policy = change(policy_of(&before)?)?;
    let mut after = before.clone();
    after.display_name = name(&policy)?;
    after.description.clone_from(&policy.description);
    after.body = text(&policy)?;
    policies::update(&mut tx, caller, &before, after).await?;
    check(&mut tx, &policy).await?;
    app.commit_policy(tx).await?;
    policies::get(app, Kind::ConditionalAccess, id).await
}

pub async fn delete(app: &App, caller: &Caller, id: PolicyId, expected: &Expected) -> Result<()> {
    caller.require_any(WRITE)?;
    policies::delete(app, caller, Kind::ConditionalAccess, id, expected).await
}

/// Every policy and location, ready to decide.
pub async fn compile(connection: &mut AnyConnection) -> Result<PolicySet> {
    let (policies, locations) = stored(connection).await?;
    put_together(&policies, &locations)
}

type Policies = Vec<(PolicyId, ConditionalAccessPolicy)>;
type Locations = Vec<(LocationId, NamedLocation)>;

async fn stored(connection: &mut AnyConnection) -> Result<(Policies, Locations)> {
    let mut all = Vec::new();
    for row in policies::store::all(&mut *connection, Kind::ConditionalAccess).await? {
        all.push((row.id.parse::<PolicyId>().map_err(Error::internal)?, policy_of(&row)?));
    }
    let mut locations = Vec::new();
    for row in policies::store::all(&mut *connection, Kind::NamedLocation).await? {
        locations.push((row.id.parse().map_err(Error::internal)?, locations::location_of(&row)?));
    }
    Ok((all, locations))
}

fn put_together(
    policies: &[(PolicyId, ConditionalAccessPolicy)],
    locations: &[(LocationId, NamedLocation)],
) -> Result<PolicySet> {
    PolicySet::compile(policies, locations).map_err(|error| match error {
        CompileError::Policy { name, invalid, .. } => {
            Error::invalid("BadRequest", format!("policy {name:?}: {invalid}"))
        }
        CompileError::Location { name, invalid, .. } => {
            Error::invalid("BadRequest", format!("named location {name:?}: {invalid}"))
        }
        error @ CompileError::TooMany(_) => Error::invalid("BadRequest", error),
    })
}

/// Refuses a policy that is unusable, or that locks out an account for emergencies.
async fn check(tx: &mut Transaction, policy: &ConditionalAccessPolicy) -> Result<()> {
    validate(policy).map_err(Error::from)?;
    names::check(tx, policy).await?;
    check_lock_out(tx).await
}

/// Refuses whatever would lock out an account for emergencies: a policy, a group's new member, the mark itself.
pub async fn check_lock_out(tx: &mut Transaction) -> Result<()> {
    let set = compile(tx).await?;
    let locked_out = locked_out(tx, &set).await?;
    if locked_out.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = locked_out.into_iter().map(|account| account.name).collect();
    let rule = say("rule-lock-out").with("names", names.join(", "));
    Err(Error::refused(LOCK_OUT, rule))
}

async fn locked_out(tx: &mut Transaction, set: &PolicySet) -> Result<Vec<LockedOut>> {
    let query = "SELECT id, user_principal_name FROM users WHERE break_glass = 1 AND account_enabled = 1 ORDER BY id";
    let rows: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&mut **tx).await?;
    let mut roles = accounts::roles_of_users(tx).await?;
    let mut accounts = Vec::with_capacity(rows.len());
    for (id, name) in rows {
        let groups = groups_of(tx, &id).await?;
        let user = id.parse::<UserId>().map_err(Error::internal)?;
        accounts.push((user, name, groups, roles.remove(&id).unwrap_or_default()));
    }
    let accounts: Vec<_> = accounts
        .iter()
        .map(|(id, name, groups, roles)| BreakGlassAccount {
            name,
            user: User {
                id: *id,
                groups,
                roles,
                guest: false,
            },
        })
        .collect();
    Ok(set.locked_out(&accounts))
}

/// Every group that a user is in, through other groups too.
async fn groups_of(connection: &mut AnyConnection, user: &str) -> Result<Vec<GroupId>> {
    let ids = groups::store::ids_of(connection, user).await?;
    ids.iter().map(|id| id.parse().map_err(Error::internal)).collect()
}

fn name(policy: &ConditionalAccessPolicy) -> Result<String> {
    checked("displayName", &policy.display_name, 256)
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}
