//! `/deviceManagement/deviceCompliancePolicies` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::{
    PolicyId,
    compliance::{ComplianceTenantSettings, IosComplianceSettings, NoncomplianceAction},
};
use serde_json::{Map, Value, json};

use super::{Body, Draft, READ, WRITE, tenant};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph},
    json::{self, ApiResult, time},
    policies::{
        self, Kind, PolicyRow,
        graph::{assign_also, names},
    },
};

pub const SET: &str = "deviceManagement/deviceCompliancePolicies";
const TYPE: &str = "#microsoft.graph.iosCompliancePolicy";
const ASSIGNMENT: &str = "#microsoft.graph.deviceCompliancePolicyAssignment";

/// Properties of the base type, besides those of the settings.
const BASE: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "displayName",
    "description",
    "version",
    "roleScopeTagIds",
    "scheduledActionsForRule",
    "assignments",
];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&["assignments", "scheduledActionsForRule"])?;
    let page = policies::store::page(&app.db, Kind::Compliance, &query).await?;
    let mut value = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        value.push(expanded(&app, &graph, row, &query.expand).await?);
    }
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    policies::graph::count(&app, &graph, Kind::Compliance).await
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&["assignments", "scheduledActionsForRule"])?;
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let entity = expanded(&app, &graph, &policy, &query.expand).await?;
    Ok(graph.entity(SET, entity))
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let fields = graph::object(body)?;
    let draft = draft(&fields, None)?;
    let policy = super::create(&app, &caller, policies::new_id(), draft).await?;
    Ok(graph.created(SET, render(&graph, &policy)?))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let fields = graph::object(body)?;
    let change = |row: &PolicyRow, before: Body| draft(&fields, Some((row, before)));
    let policy = super::update(&app, &caller, parse(&id)?, &graph.expected, change).await?;
    Ok(graph.entity(SET, render(&graph, &policy)?))
}

pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Replaces all assignments; answers them.
pub async fn assign(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let id = parse(&id)?;
    policies::assign(&app, &caller, Kind::Compliance, id, &graph::targets(body)?).await?;
    let value = policies::graph::assignments(&app, id, ASSIGNMENT).await?;
    Ok(graph.whole("Collection(microsoft.graph.deviceCompliancePolicyAssignment)", value))
}

pub async fn assignments(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let value = policies::graph::assignments(&app, parse(&policy.id)?, ASSIGNMENT).await?;
    Ok(graph.whole(&format!("{SET}('{}')/assignments", policy.id), value))
}

/// Adds one assignment.
pub async fn add_assignment(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let id = parse(&id)?;
    let added = assign_also(&app, &caller, Kind::Compliance, id, body, ASSIGNMENT).await?;
    Ok(graph.created(&format!("{SET}('{id}')/assignments"), added))
}

/// Replaces the actions for noncompliance.
pub async fn schedule_actions(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let mut fields = graph::object(body)?;
    let rules = fields
        .remove("deviceComplianceScheduledActionForRules")
        .ok_or_else(|| Error::invalid("BadRequest", "deviceComplianceScheduledActionForRules is missing"))?;
    let actions = actions(&rules)?;
    let change = |row: &PolicyRow, before: Body| {
        Ok(Draft {
            display_name: row.display_name.clone(),
            description: row.description.clone(),
            body: Body { actions, ..before },
            targets: None,
        })
    };
    super::update(&app, &caller, parse(&id)?, &graph.expected, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn scheduled_actions(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let value = vec![rule(&policy, &Body::of(&policy)?)];
    Ok(graph.whole(&format!("{SET}('{}')/scheduledActionsForRule", policy.id), value))
}

/// `GET /deviceManagement`: settings that hold for every device.
pub async fn device_management(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let settings = tenant::get(app.db.read()).await?;
    Ok(graph.entity("deviceManagement", render_tenant(&app, &graph, settings)))
}

/// `PATCH /deviceManagement` with `{"settings": {…}}`.
pub async fn set_device_management(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let mut fields = graph::object(body)?;
    let change = graph::object(fields.remove("settings").unwrap_or_default())
        .map_err(|_| Error::invalid("BadRequest", "settings is missing or no object"))?;
    let known = serde_json::to_value(ComplianceTenantSettings::default()).map_err(Error::internal)?;
    let known: Vec<&str> = known
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    graph::only_known(&change, &known)?;
    let settings = tenant::update(&app, &caller, |before| graph::merged(&before, &change)).await?;
    Ok(graph.entity("deviceManagement", render_tenant(&app, &graph, settings)))
}

fn render_tenant(app: &App, graph: &Graph, settings: ComplianceTenantSettings) -> Value {
    let mut settings = json!(settings);
    graph.only_beta(&mut settings, &["enhancedJailBreak"]);
    json!({"id": app.tenant, "settings": settings})
}

/// A draft from a body, on top of what is stored already.
fn draft(fields: &Map<String, Value>, before: Option<(&PolicyRow, Body)>) -> Result<Draft> {
    match fields.get("@odata.type").and_then(Value::as_str) {
        Some(TYPE) => {}
        None if before.is_some() => {}
        None => return Err(Error::invalid("BadRequest", format!("@odata.type is missing: {TYPE}"))),
        Some(other) => {
            let shown: String = other.chars().take(80).collect();
            return Err(Error::invalid(
                "BadRequest",
                format!("@odata.type {shown} is not supported: {TYPE}"),
            ));
        }
    }
    let own = serde_json::to_value(IosComplianceSettings::default()).map_err(Error::internal)?;
    let own: Vec<&str> = own
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    graph::only_known(fields, &[BASE, &own].concat())?;
    let settings: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| own.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let stored = before
        .as_ref()
        .map_or_else(IosComplianceSettings::default, |(_, body)| body.settings.clone());
    let settings = graph::merged(&stored, &settings)?;
    let actions = match (fields.get("scheduledActionsForRule"), &before) {
        (Some(rules), _) => actions(rules)?,
        (None, Some((_, body))) => body.actions.clone(),
        (None, None) => {
            let text = "scheduledActionsForRule is missing: one rule with exactly one action of the type block";
            return Err(Error::invalid("BadRequest", text));
        }
    };
    let (display_name, description) = names(fields, before.as_ref().map(|(row, _)| *row))?;
    Ok(Draft {
        display_name,
        description,
        body: Body { settings, actions },
        targets: None,
    })
}

/// The actions of the one rule that Graph has. `ruleName` is always PasswordRequired there and says nothing.
fn actions(rules: &Value) -> Result<Vec<NoncomplianceAction>> {
    let wrong = |why: &dyn std::fmt::Display| Error::invalid("BadRequest", format!("scheduledActionsForRule: {why}"));
    let rules = rules.as_array().ok_or_else(|| wrong(&"it must be a list"))?;
    let mut actions = Vec::new();
    for rule in rules {
        let configurations = rule["scheduledActionConfigurations"].as_array();
        for item in configurations.ok_or_else(|| wrong(&"scheduledActionConfigurations is missing"))? {
            let mut item = graph::object(item.clone())?;
            // SDKs send null for what is not set.
            item.retain(|_, value| !value.is_null());
            let action = serde_json::from_value(Value::Object(item));
            actions.push(action.map_err(|error| wrong(&format!("scheduledActionConfigurations: {error}")))?);
        }
    }
    Ok(actions)
}

async fn expanded(app: &App, graph: &Graph, policy: &PolicyRow, expand: &[String]) -> Result<Value> {
    let mut entity = render(graph, policy)?;
    for name in expand {
        if name.eq_ignore_ascii_case("assignments") {
            entity["assignments"] = policies::graph::assignments(app, parse(&policy.id)?, ASSIGNMENT)
                .await?
                .into();
        } else {
            entity["scheduledActionsForRule"] = vec![rule(policy, &Body::of(policy)?)].into();
        }
    }
    Ok(entity)
}

fn render(graph: &Graph, policy: &PolicyRow) -> Result<Value> {
    let mut entity = json!({
        "@odata.type": TYPE,
        "@odata.etag": graph::etag(policy.updated_at),
        "id": policy.id,
        "displayName": policy.display_name,
        "description": policy.description,
        "version": policy.version,
        "createdDateTime": time(policy.created_at),
        "lastModifiedDateTime": time(policy.updated_at),
        "roleScopeTagIds": ["0"],
    });
    if let (Some(fields), Value::Object(settings)) = (entity.as_object_mut(), json!(Body::of(policy)?.settings)) {
        fields.extend(settings);
    }
    graph.only_beta(&mut entity, IosComplianceSettings::BETA_ONLY);
    graph.only_beta(&mut entity, &["roleScopeTagIds"]);
    Ok(entity)
}

/// What Graph takes to make the same policy again.
pub fn portable(policy: &PolicyRow, targets: &[moat_model::Target]) -> Result<Value> {
    let mut body = Body::of(policy)?;
    for action in &mut body.actions {
        action.id.clear();
    }
    let mut value = json!({
        "@odata.type": TYPE,
        "displayName": policy.display_name,
        "description": policy.description,
        "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": body.actions}],
        "assignments": targets.iter().map(|target| json!({"target": target})).collect::<Vec<_>>(),
    });
    if let (Some(fields), Value::Object(settings)) = (value.as_object_mut(), json!(body.settings)) {
        fields.extend(settings);
    }
    Ok(value)
}

fn rule(policy: &PolicyRow, body: &Body) -> Value {
    json!({
        "id": policy.id,
        "ruleName": "PasswordRequired",
        "scheduledActionConfigurations": body.actions,
    })
}

pub fn parse(id: &str) -> Result<PolicyId> {
    id.parse()
        .map_err(|_| Error::not_found("policy", id.chars().take(80).collect::<String>()))
}
