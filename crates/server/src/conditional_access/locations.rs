//! Named locations: networks and countries that conditional access policies refer to.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::{PolicyId, conditional_access::NamedLocation};
use moat_policy::conditional_access::validate_location;
use serde_json::{Map, Value, json};

use super::{READ, WRITE, compile};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph},
    json::{ApiResult, Body, time},
    policies::{self, Kind, PolicyRow},
    users::checked,
};

const SET: &str = "identity/conditionalAccess/namedLocations";

pub fn location_of(row: &PolicyRow) -> Result<NamedLocation> {
    serde_json::from_str(&row.body).map_err(Error::internal)
}

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
    caller.require_any(READ)?;
    let row = policies::get(&app, Kind::NamedLocation, parse(&id)?).await?;
    Ok(graph.entity(SET, render(&row)?))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    caller.require_any(WRITE)?;
    let (name, text) = read(graph::object(body)?)?;
    let row = PolicyRow::new(Kind::NamedLocation, name, None, text);
    let mut tx = app.db.begin().await?;
    policies::create(&mut tx, &caller, &row).await?;
    app.commit_policy(tx).await?;
    Ok(graph.created(SET, render(&row)?))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let id = parse(&id)?;
    let change = graph::object(body)?;
    let mut tx = app.db.begin().await?;
    let before = policies::store::get(&mut *tx, Kind::NamedLocation, id).await?;
    let before = before.ok_or_else(|| policies::unknown(Kind::NamedLocation, id))?;
    graph.expected.check(before.updated_at)?;
    let mut fields = graph::object(json!(location_of(&before)?))?;
    if change
        .get("@odata.type")
        .is_some_and(|kind| Some(kind) != fields.get("@odata.type"))
    {
        return Err(Error::invalid(
            "BadRequest",
            "@odata.type: a location cannot become one of another kind",
        )
        .into());
    }
    fields.extend(change);
    let mut after = before.clone();
    (after.display_name, after.body) = read(fields)?;
    policies::update(&mut tx, &caller, &before, after).await?;
    compile(&mut tx).await?;
    app.commit_policy(tx).await?;
    let row = policies::get(&app, Kind::NamedLocation, id).await?;
    Ok(graph.entity(SET, render(&row)?))
}

/// Deletes a location that no active policy names.
pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    caller.require_any(WRITE)?;
    policies::delete(&app, &caller, Kind::NamedLocation, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn read(mut fields: Map<String, Value>) -> Result<(String, String)> {
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
    let location: NamedLocation = serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::invalid("BadRequest", format!("the location is not understood: {error}")))?;
    validate_location(&location).map_err(|invalid| Error::invalid("BadRequest", invalid))?;
    let name = checked("displayName", location.display_name(), 256)?;
    Ok((name, super::text(&location)?))
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
