//! `/identity/conditionalAccess/namedLocations` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::{PolicyId, conditional_access::NamedLocation};
use serde_json::{Map, Value, json};

use super::location_of;
use crate::{
    App,
    caller::Caller,
    conditional_access::READ,
    error::{Error, Result},
    graph::{self, Graph},
    json::{ApiResult, Body, time},
    policies::{self, Kind, PolicyRow},
};

const SET: &str = "identity/conditionalAccess/namedLocations";

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&[])?;
    let page = policies::store::page(&app.db, Kind::NamedLocation, &query).await?;
    let value = page.rows.iter().map(render).collect::<Result<_>>()?;
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    policies::graph::count(&app, &graph, Kind::NamedLocation).await
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let row = super::get(&app, &caller, parse(&id)?).await?;
    Ok(graph.entity(SET, render(&row)?))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let location = read(graph::object(body)?)?;
    let row = super::create(&app, &caller, policies::new_id(), &location).await?;
    Ok(graph.created(SET, render(&row)?))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = graph::object(body)?;
    let merge = |before: NamedLocation| {
        let mut fields = graph::object(json!(before))?;
        fields.extend(change);
        read(fields)
    };
    let row = super::update(&app, &caller, parse(&id)?, &graph.expected, merge).await?;
    Ok(graph.entity(SET, render(&row)?))
}

/// Deletes a location that no active policy names.
pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn read(mut fields: Map<String, Value>) -> Result<NamedLocation> {
    for read_only in [
        "id",
        "createdDateTime",
        "modifiedDateTime",
        "@odata.context",
        "@odata.etag",
    ] {
        fields.remove(read_only);
    }
    if !fields.contains_key("@odata.type") {
        let text = "@odata.type is missing: #microsoft.graph.ipNamedLocation or #microsoft.graph.countryNamedLocation";
        return Err(Error::invalid("BadRequest", text));
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::invalid("BadRequest", format!("the location is not understood: {error}")))
}

fn render(row: &PolicyRow) -> Result<Value> {
    let mut value = json!(location_of(row)?);
    value["@odata.etag"] = graph::etag(row.updated_at).into();
    value["id"] = row.id.clone().into();
    value["createdDateTime"] = time(row.created_at).into();
    value["modifiedDateTime"] = time(row.updated_at).into();
    Ok(value)
}

fn parse(id: &str) -> Result<PolicyId> {
    id.parse()
        .map_err(|_| Error::not_found("named location", id.chars().take(80).collect::<String>()))
}
