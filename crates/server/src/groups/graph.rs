//! `/groups` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::GroupId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Change, GroupRow};
use crate::{
    App,
    caller::Caller,
    directory,
    error::{Error, Result},
    graph::{self, Graph, required, text},
    json::{ApiResult, Body, time},
};

const SET: &str = "groups";
const EXPAND: &[&str] = &["members", "memberOf"];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let query = graph.searching()?;
    query.check_expand(EXPAND)?;
    let page = super::list(&app, &caller, &query).await?;
    let mut value: Vec<Value> = page.rows.iter().map(render).collect();
    directory::graph::expand(&app, &caller, &query, &mut value).await?;
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let page = super::list(&app, &caller, &graph.searching()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(EXPAND)?;
    let mut value = [render(&super::get(&app, &caller, parse(&id)?).await?)];
    directory::graph::expand(&app, &caller, &query, &mut value).await?;
    let [value] = value;
    Ok(graph.entity(SET, value))
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
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = change_of(&graph::object(body)?)?;
    super::update(&app, &caller, parse(&id)?, &graph.expected, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
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
    Ok(Change {
        display_name: text(fields, "displayName")?,
        description: text(fields, "description")?,
        mail_nickname: text(fields, "mailNickname")?.filter(|name| !name.is_empty()),
        members: graph::bound(fields, "members@odata.bind")?,
    })
}

pub fn parse(id: &str) -> Result<GroupId> {
    id.parse()
        .map_err(|_| Error::not_found("group", id.chars().take(80).collect::<String>()))
}

pub fn render(group: &GroupRow) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.group",
        "@odata.etag": graph::etag(group.updated_at),
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
