//! Whom policies are assigned to.

use moat_model::{GroupId, PolicyId, Target};
use sqlx::{Any, Executor};

use crate::{
    db::Transaction,
    error::{Error, Result},
};

/// The targets of a policy with their ids, in the order in which they were given.
pub async fn with_ids(executor: impl Executor<'_, Database = Any>, policy: PolicyId) -> Result<Vec<(String, Target)>> {
    let query = "SELECT id, kind, group_id FROM policy_targets WHERE policy_id = $1 ORDER BY id";
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(query)
        .bind(policy.to_string())
        .fetch_all(executor)
        .await?;
    rows.into_iter()
        .map(|(id, kind, group)| Ok((id, target(&kind, group.as_deref())?)))
        .collect()
}

pub async fn of_policy(executor: impl Executor<'_, Database = Any>, policy: PolicyId) -> Result<Vec<Target>> {
    let targets = with_ids(executor, policy).await?;
    Ok(targets.into_iter().map(|(_, target)| target).collect())
}

/// Every target of every policy: policy, target.
pub async fn all(executor: impl Executor<'_, Database = Any>) -> Result<Vec<(String, Target)>> {
    let query = "SELECT policy_id, kind, group_id FROM policy_targets ORDER BY id";
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(query).fetch_all(executor).await?;
    rows.into_iter()
        .map(|(policy, kind, group)| Ok((policy, target(&kind, group.as_deref())?)))
        .collect()
}

pub async fn replace(tx: &mut Transaction, policy: PolicyId, targets: &[Target]) -> Result<()> {
    sqlx::query("DELETE FROM policy_targets WHERE policy_id = $1")
        .bind(policy.to_string())
        .execute(&mut **tx)
        .await?;
    for target in targets {
        let (kind, group) = columns(*target);
        let query = sqlx::query("INSERT INTO policy_targets (id, policy_id, kind, group_id) VALUES ($1, $2, $3, $4)");
        let query = query
            .bind(uuid::Uuid::now_v7().to_string())
            .bind(policy.to_string())
            .bind(kind)
            .bind(group.map(|id| id.to_string()));
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

const fn columns(target: Target) -> (&'static str, Option<GroupId>) {
    match target {
        Target::AllUsers => ("allUsers", None),
        Target::AllDevices => ("allDevices", None),
        Target::Group { group_id } => ("group", Some(group_id)),
        Target::ExcludedGroup { group_id } => ("excludedGroup", Some(group_id)),
    }
}

fn target(kind: &str, group: Option<&str>) -> Result<Target> {
    let group = || -> Result<GroupId> { group.unwrap_or_default().parse().map_err(Error::internal) };
    match kind {
        "allUsers" => Ok(Target::AllUsers),
        "allDevices" => Ok(Target::AllDevices),
        "group" => Ok(Target::Group { group_id: group()? }),
        "excludedGroup" => Ok(Target::ExcludedGroup { group_id: group()? }),
        other => Err(Error::internal(anyhow::anyhow!(
            "a target of the kind {other:?} is stored"
        ))),
    }
}
