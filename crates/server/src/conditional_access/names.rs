//! Whom and what a policy names must be there: a mistyped id would make a policy that does something else than it says.

use moat_model::{
    GroupId, PolicyId,
    conditional_access::{ConditionalAccessPolicy, LocationRef, RoleId, UserRef},
};

use crate::{
    caller::AdministratorRole,
    db::Transaction,
    error::{Error, Result},
    groups,
    policies::{self, Kind},
    users,
};

/// Refuses a policy that names a user, group, role or location that is not there. Applications may come later.
pub async fn check(tx: &mut Transaction, policy: &ConditionalAccessPolicy) -> Result<()> {
    if let Some(users) = &policy.conditions.users {
        check_users(tx, "includeUsers", &users.include_users).await?;
        check_users(tx, "excludeUsers", &users.exclude_users).await?;
        check_groups(tx, "includeGroups", &users.include_groups).await?;
        check_groups(tx, "excludeGroups", &users.exclude_groups).await?;
        check_roles("includeRoles", &users.include_roles)?;
        check_roles("excludeRoles", &users.exclude_roles)?;
    }
    if let Some(locations) = &policy.conditions.locations {
        check_locations(tx, "includeLocations", &locations.include_locations).await?;
        check_locations(tx, "excludeLocations", &locations.exclude_locations).await?;
    }
    Ok(())
}

async fn check_users(tx: &mut Transaction, field: &str, users: &[UserRef]) -> Result<()> {
    for user in users {
        if let UserRef::User(id) = user
            && users::store::find(&mut **tx, &id.to_string()).await?.is_none()
        {
            return refuse(&format!("conditions.users.{field}: there is no user {id}"));
        }
    }
    Ok(())
}

async fn check_groups(tx: &mut Transaction, field: &str, groups: &[GroupId]) -> Result<()> {
    for id in groups {
        if groups::store::get(&mut **tx, *id).await?.is_none() {
            return refuse(&format!("conditions.users.{field}: there is no group {id}"));
        }
    }
    Ok(())
}

fn check_roles(field: &str, roles: &[RoleId]) -> Result<()> {
    let known = |id: &RoleId| AdministratorRole::ALL.iter().any(|role| role.template() == *id);
    let Some(id) = roles.iter().find(|id| !known(id)) else {
        return Ok(());
    };
    let roles: Vec<String> = AdministratorRole::ALL
        .iter()
        .map(|role| format!("{} ({})", role.template(), role.as_str()))
        .collect();
    refuse(&format!(
        "conditions.users.{field}: there is no role {id}; there are {}",
        roles.join(", ")
    ))
}

async fn check_locations(tx: &mut Transaction, field: &str, locations: &[LocationRef]) -> Result<()> {
    for location in locations {
        if let LocationRef::Location(id) = location
            && policies::store::get(&mut **tx, Kind::NamedLocation, PolicyId(id.0))
                .await?
                .is_none()
        {
            return refuse(&format!(
                "conditions.locations.{field}: there is no named location {id}"
            ));
        }
    }
    Ok(())
}

fn refuse(text: &str) -> Result<()> {
    Err(Error::invalid("BadRequest", text))
}
