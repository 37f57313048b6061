//! `/deviceManagement/notificationMessageTemplates` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{LocalizedMessage, MessageChange, Template, TemplateChange};
use crate::{
    App,
    caller::Caller,
    edition::Expected,
    error::{Error, Result},
    graph::{self, Graph, flag, required, text},
    json::{ApiResult, Body, time},
};

const SET: &str = "deviceManagement/notificationMessageTemplates";
const MESSAGES: &str = "localizedNotificationMessages";
const READ_ONLY: &[&str] = &["id", "lastModifiedDateTime", "roleScopeTagIds", MESSAGES];
const TEMPLATE: &[&str] = &["displayName", "description", "defaultLocale", "brandingOptions"];
const MESSAGE: &[&str] = &["locale", "subject", "messageTemplate", "isDefault"];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&[MESSAGES])?;
    let page = super::list(&app, &caller, &query).await?;
    let mut value = Vec::with_capacity(page.rows.len());
    for template in &page.rows {
        value.push(expanded(&app, &caller, &graph, template, &query.expand).await?);
    }
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&[MESSAGES])?;
    let template = super::get(&app, &caller, parse(&id)?).await?;
    let entity = expanded(&app, &caller, &graph, &template, &query.expand).await?;
    Ok(graph.entity(SET, entity))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let fields = graph::object(body)?;
    required(&fields, "displayName")?;
    let template = super::create(&app, &caller, template_change(&fields)?).await?;
    Ok(graph.created(SET, render(&graph, &template)))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = template_change(&graph::object(body)?)?;
    let template = super::update(&app, &caller, parse(&id)?, &Expected::Any, change).await?;
    Ok(graph.entity(SET, render(&graph, &template)))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sends the default message to the address that mail comes from.
pub async fn send_test_message(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult {
    super::send_test_message(&app, &caller, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn messages(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let messages = super::messages(&app, &caller, parse(&id)?).await?;
    Ok(graph.whole(&set_of(&id), messages.iter().map(render_message).collect()))
}

pub async fn message(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path((id, message)): Path<(String, String)>,
) -> ApiResult {
    let message = super::message(&app, &caller, parse(&id)?, parse_message(&message)?).await?;
    Ok(graph.entity(&set_of(&id), render_message(&message)))
}

pub async fn add_message(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let fields = graph::object(body)?;
    for name in ["locale", "subject", "messageTemplate"] {
        required(&fields, name)?;
    }
    let message = super::add_message(&app, &caller, parse(&id)?, message_change(&fields)?).await?;
    Ok(graph.created(&set_of(&id), render_message(&message)))
}

pub async fn update_message(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path((id, message)): Path<(String, String)>,
    Body(body): Body<Value>,
) -> ApiResult {
    let change = message_change(&graph::object(body)?)?;
    let message = super::update_message(
        &app,
        &caller,
        parse(&id)?,
        parse_message(&message)?,
        &Expected::Any,
        change,
    )
    .await?;
    Ok(graph.entity(&set_of(&id), render_message(&message)))
}

pub async fn delete_message(
    State(app): State<App>,
    caller: Caller,
    Path((id, message)): Path<(String, String)>,
) -> ApiResult {
    super::delete_message(&app, &caller, parse(&id)?, parse_message(&message)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn template_change(fields: &Map<String, Value>) -> Result<TemplateChange> {
    graph::only_known(fields, &[TEMPLATE, READ_ONLY].concat())?;
    if fields
        .get(MESSAGES)
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty())
    {
        let text = format!("{MESSAGES}: messages are added one by one, under {SET}/ID/{MESSAGES}");
        return Err(Error::invalid("BadRequest", text));
    }
    let description = fields.contains_key("description").then(|| text(fields, "description"));
    Ok(TemplateChange {
        display_name: text(fields, "displayName")?,
        description: description.transpose()?,
        default_locale: text(fields, "defaultLocale")?,
        branding: text(fields, "brandingOptions")?,
    })
}

fn message_change(fields: &Map<String, Value>) -> Result<MessageChange> {
    graph::only_known(fields, &[MESSAGE, READ_ONLY].concat())?;
    Ok(MessageChange {
        locale: text(fields, "locale")?,
        subject: text(fields, "subject")?,
        message: text(fields, "messageTemplate")?,
        is_default: flag(fields, "isDefault")?,
    })
}

async fn expanded(app: &App, caller: &Caller, graph: &Graph, template: &Template, expand: &[String]) -> Result<Value> {
    let mut entity = render(graph, template);
    if !expand.is_empty() {
        let messages = super::messages(app, caller, template.id).await?;
        entity[MESSAGES] = messages.iter().map(render_message).collect();
    }
    Ok(entity)
}

fn render(graph: &Graph, template: &Template) -> Value {
    let mut entity = json!({
        "@odata.type": "#microsoft.graph.notificationMessageTemplate",
        "id": template.id,
        "displayName": template.display_name,
        "description": template.description,
        "defaultLocale": template.default_locale,
        "brandingOptions": template.branding.text(),
        "lastModifiedDateTime": time(template.updated_at),
        "roleScopeTagIds": ["0"],
    });
    graph.only_beta(&mut entity, &["description"]);
    entity
}

fn render_message(message: &LocalizedMessage) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.localizedNotificationMessage",
        "id": message.id,
        "locale": message.locale,
        "subject": message.subject,
        "messageTemplate": message.message,
        "isDefault": message.is_default,
        "lastModifiedDateTime": time(message.updated_at),
    })
}

fn set_of(template: &str) -> String {
    format!("{SET}('{template}')/{MESSAGES}")
}

fn parse(id: &str) -> Result<Uuid> {
    id.parse()
        .map_err(|_| Error::not_found("message template", id.chars().take(80).collect::<String>()))
}

fn parse_message(id: &str) -> Result<Uuid> {
    id.parse()
        .map_err(|_| Error::not_found("message", id.chars().take(80).collect::<String>()))
}
