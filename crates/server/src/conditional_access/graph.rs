//! `/identity/conditionalAccess/policies` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::{PolicyId, conditional_access::ConditionalAccessPolicy};
use moat_policy::conditional_access::unenforced;
use serde_json::{Map, Value, json};

use super::{READ, policy_of};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph},
    json::{ApiResult, Body, time},
    policies::{self, Kind, PolicyRow},
};

const SET: &str = "identity/conditionalAccess/policies";

/// Properties that only the server sets; clients send them back.
const READ_ONLY: &[&str] = &[
    "id",
    "createdDateTime",
    "modifiedDateTime",
    "moatUnenforced",
    "moatResults",
    "moatNotes",
];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&[])?;
    let page = policies::store::page(&app.db, Kind::ConditionalAccess, &query).await?;
    let value = page.rows.iter().map(|row| render(&app, row)).collect::<Result<_>>()?;
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    policies::graph::count(&app, &graph, Kind::ConditionalAccess).await
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let row = super::get(&app, &caller, parse(&id)?).await?;
    Ok(graph.entity(SET, render(&app, &row)?))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let policy = read(graph::object(body)?)?;
    let row = super::create(&app, &caller, policies::new_id(), policy).await?;
    Ok(graph.created(SET, render(&app, &row)?))
}

/// Fields that are given replace the stored ones; `conditions` and `grantControls` are merged property by property.
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = graph::object(body)?;
    let merge = |before: ConditionalAccessPolicy| {
        let mut fields = graph::object(json!(before))?;
        for (name, value) in change {
            match (fields.get_mut(&name), value) {
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
                (_, value) => drop(fields.insert(name, value)),
            }
        }
        read(fields)
    };
    super::update(&app, &caller, parse(&id)?, &graph.expected, merge).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The Python SDK names the type, though there is only one.
pub fn read(mut fields: Map<String, Value>) -> Result<ConditionalAccessPolicy> {
    for name in READ_ONLY {
        fields.remove(*name);
    }
    fields.retain(|name, _| !name.starts_with("@odata"));
    graph::typed(&fields)
}

pub fn render(app: &App, row: &PolicyRow) -> Result<Value> {
    let policy = policy_of(row)?;
    let mut value = json!(policy);
    value["@odata.type"] = "#microsoft.graph.conditionalAccessPolicy".into();
    value["@odata.etag"] = graph::etag(row.updated_at).into();
    value["id"] = row.id.clone().into();
    value["createdDateTime"] = time(row.created_at).into();
    value["modifiedDateTime"] = match row.version {
        1 => Value::Null,
        _ => time(row.updated_at).into(),
    };
    value["moatUnenforced"] = json!(unenforced(&policy));
    value["moatResults"] = app.access.results(&row.id);
    value["moatNotes"] = json!(super::notes::english(&app.access.notes(&policy)));
    Ok(value)
}

fn parse(id: &str) -> Result<PolicyId> {
    id.parse()
        .map_err(|_| Error::not_found("conditional access policy", id.chars().take(80).collect::<String>()))
}
