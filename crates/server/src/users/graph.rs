//! `/users` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Change, UserRow};
use crate::{
    App,
    caller::Caller,
    directory,
    error::Result,
    graph::{self, Graph, flag, required, text},
    json::{ApiResult, Body, time},
};

const SET: &str = "users";
const EXPAND: &[&str] = &["memberOf"];

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

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(key): Path<String>) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(EXPAND)?;
    let mut value = [render(&super::get(&app, &caller, &key).await?)];
    directory::graph::expand(&app, &caller, &query, &mut value).await?;
    let [value] = value;
    Ok(graph.entity(SET, value))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let fields = graph::object(body)?;
    for name in ["displayName", "userPrincipalName"] {
        required(&fields, name)?;
    }
    let user = super::create(&app, &caller, change_of(&fields)?).await?;
    Ok(graph.created(SET, render(&user)))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(key): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = change_of(&graph::object(body)?)?;
    super::update(&app, &caller, &key, &graph.expected, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(key): Path<String>) -> ApiResult {
    super::delete(&app, &caller, &key, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Fields of a user that Moat keeps; Graph has many more, which are ignored.
fn change_of(fields: &Map<String, Value>) -> Result<Change> {
    Ok(Change {
        user_principal_name: text(fields, "userPrincipalName")?,
        display_name: text(fields, "displayName")?,
        mail: text(fields, "mail")?,
        preferred_language: language(fields)?,
        account_enabled: flag(fields, "accountEnabled")?,
        break_glass: flag(fields, "moatBreakGlass")?,
    })
}

/// Null takes the language away.
fn language(fields: &Map<String, Value>) -> Result<Option<String>> {
    match fields.get("preferredLanguage") {
        Some(Value::Null) => Ok(Some(String::new())),
        _ => text(fields, "preferredLanguage"),
    }
}

pub fn render(user: &UserRow) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.user",
        "@odata.etag": graph::etag(user.updated_at),
        "id": user.id,
        "userPrincipalName": user.user_principal_name,
        "displayName": user.display_name,
        "mail": user.mail,
        "preferredLanguage": user.preferred_language,
        "accountEnabled": user.account_enabled != 0,
        "createdDateTime": time(user.created_at),
        "moatBreakGlass": user.break_glass != 0,
    })
}
