//! What the Graph faces of policies share: names and assignments.

use moat_model::PolicyId;
use serde_json::{Map, Value, json};

use super::{Kind, PolicyRow, assign, store, targets};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph, text},
    json::ApiResult,
};

/// `/$count` of the policies of a kind.
pub async fn count(app: &App, graph: &Graph, kind: Kind) -> ApiResult {
    let page = store::page(&app.db, kind, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

/// `displayName` and `description` of a body, on top of what is stored already.
pub fn names(fields: &Map<String, Value>, before: Option<&PolicyRow>) -> Result<(String, Option<String>)> {
    let display_name = match (text(fields, "displayName")?, before) {
        (Some(name), _) => name,
        (None, Some(row)) => row.display_name.clone(),
        (None, None) => return Err(Error::invalid("BadRequest", "displayName is missing")),
    };
    let description = match fields.contains_key("description") {
        true => text(fields, "description")?,
        false => before.and_then(|row| row.description.clone()),
    };
    Ok((display_name, description))
}

/// A policy's assignments. `kind` is their `@odata.type`.
pub async fn assignments(app: &App, policy: PolicyId, kind: &str) -> Result<Vec<Value>> {
    let targets = targets::with_ids(app.db.read(), policy).await?;
    let render = |(id, target)| json!({"@odata.type": kind, "id": format!("{policy}_{id}"), "target": target});
    Ok(targets.into_iter().map(render).collect())
}

/// Adds the assignment of a body to those that are there; gives it as it is answered.
pub async fn assign_also(
    app: &App,
    caller: &Caller,
    of: Kind,
    policy: PolicyId,
    body: Value,
    kind: &str,
) -> Result<Value> {
    let added = graph::target(body)?;
    let mut all = targets::of_policy(app.db.read(), policy).await?;
    all.push(added);
    assign(app, caller, of, policy, &all).await?;
    Ok(assignments(app, policy, kind).await?.pop().unwrap_or_default())
}
