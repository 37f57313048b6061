//! `/groups` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::GroupId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Change, GroupRow, Member};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph, required, text},
    json::{ApiResult, Body, time},
};

const SET: &str = "groups";

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&[])?;
    let page = super::list(&app, &caller, &query).await?;
    let value = page.rows.iter().map(render).collect();
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let page = super::list(&app, &caller, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let group = super::get(&app, &caller, parse(&id)?).await?;
    Ok(graph.entity(SET, render(&group)))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let fields = graph::object(body)?;
    required(&fields, "displayName")?;
    let group = super::create(&app, &caller, change_of(&fields)?).await?;
    Ok(graph.created(SET, render(&group)))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = change_of(&graph::object(body)?)?;
    super::update(&app, &caller, parse(&id)?, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn members(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let members = super::members(&app, &caller, parse(&id)?).await?;
    Ok(graph.whole("directoryObjects", members.iter().map(render_member).collect()))
}

pub async fn transitive_members(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let members = super::transitive_members(&app, &caller, parse(&id)?).await?;
    Ok(graph.whole("directoryObjects", members.iter().map(render_member).collect()))
}

pub async fn add_member(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    super::add_member(&app, &caller, parse(&id)?, graph::reference(body)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn remove_member(
    State(app): State<App>,
    caller: Caller,
    Path((id, member)): Path<(String, String)>,
) -> ApiResult {
    let member: Uuid = member.parse().map_err(|_| Error::not_found("member", "with that id"))?;
    super::remove_member(&app, &caller, parse(&id)?, member).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn change_of(fields: &Map<String, Value>) -> Result<Change> {
    if fields.contains_key("members@odata.bind") {
        let text = "members@odata.bind is not supported: POST each member to members/$ref";
        return Err(Error::invalid("BadRequest", text));
    }
    Ok(Change {
        display_name: text(fields, "displayName")?,
        description: text(fields, "description")?,
        mail_nickname: text(fields, "mailNickname")?.filter(|name| !name.is_empty()),
    })
}

fn parse(id: &str) -> Result<GroupId> {
    id.parse()
        .map_err(|_| Error::not_found("group", id.chars().take(80).collect::<String>()))
}

pub fn render(group: &GroupRow) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.group",
        "id": group.id,
        "displayName": group.display_name,
        "description": group.description,
        "mailNickname": group.mail_nickname,
        "mailEnabled": false,
        "securityEnabled": true,
        "groupTypes": [],
        "createdDateTime": time(group.created_at),
    })
}

fn render_member(member: &Member) -> Value {
    let mut value = json!({
        "@odata.type": format!("#microsoft.graph.{}", member.kind),
        "id": member.id,
        "displayName": member.display_name,
    });
    if let Some(name) = &member.principal {
        value["userPrincipalName"] = name.clone().into();
    }
    value
}
