//! `/deviceAppManagement` in Graph's shape: app protection policies and the apps that registered.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::{
    PolicyId,
    app_protection::{AppIdentifier, BETA_ONLY, IosAppProtectionSettings},
};
use serde_json::{Map, Value, json};

use super::{
    Body, Draft, READ, WRITE, lease,
    registrations::{self, RegistrationRow},
};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph},
    groups,
    json::{self, ApiResult, time, time_or_null},
    policies::{
        self, Kind, PolicyRow,
        graph::{assign_also, names},
    },
};

const SET: &str = "deviceAppManagement/iosManagedAppProtections";
const REGISTRATIONS: &str = "deviceAppManagement/managedAppRegistrations";
const TYPE: &str = "#microsoft.graph.iosManagedAppProtection";
const ASSIGNMENT: &str = "#microsoft.graph.targetedManagedAppPolicyAssignment";

/// Properties of the base types, besides those of the settings.
const BASE: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "displayName",
    "description",
    "version",
    "roleScopeTagIds",
    "isAssigned",
    "deployedAppCount",
    "deploymentSummary",
    "apps",
    "assignments",
    "appGroupType",
    "targetedAppManagementLevels",
];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&["apps", "assignments"])?;
    let page = policies::store::page(&app.db, Kind::AppProtection, &query).await?;
    let mut value = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        value.push(render(&app, &graph, row, &query.expand).await?);
    }
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    policies::graph::count(&app, &graph, Kind::AppProtection).await
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&["apps", "assignments"])?;
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    Ok(graph.entity(SET, render(&app, &graph, &policy, &query.expand).await?))
}

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let draft = draft(&graph::object(body)?, None)?;
    let policy = super::create(&app, &caller, policies::new_id(), draft).await?;
    Ok(graph.created(SET, render(&app, &graph, &policy, &[]).await?))
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
    Ok(graph.entity(SET, render(&app, &graph, &policy, &[]).await?))
}

pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Replaces the apps: `{"apps": [{"mobileAppIdentifier": {…}}], "appGroupType": "selectedPublicApps"}`.
pub async fn target_apps(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let fields = graph::object(body)?;
    let change = |row: &PolicyRow, mut body: Body| {
        body.apps = apps(fields.get("apps").unwrap_or(&Value::Null))?;
        if let Some(group) = fields.get("appGroupType").filter(|group| !group.is_null()) {
            body.app_group_type = field("appGroupType", group)?;
        }
        Ok(Draft {
            display_name: row.display_name.clone(),
            description: row.description.clone(),
            body,
            targets: None,
        })
    };
    super::update(&app, &caller, parse(&id)?, &graph.expected, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn policy_apps(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let apps = render_apps(&policy, &Body::of(&policy)?);
    Ok(graph.whole(&format!("{SET}('{}')/apps", policy.id), apps))
}

pub async fn count_apps(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    Ok(graph::count(
        i64::try_from(Body::of(&policy)?.apps.len()).unwrap_or(i64::MAX),
    ))
}

/// Replaces all assignments. App protection is for users: targets are groups of users, or all users.
pub async fn assign(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let targets = graph::targets(body)?;
    if targets.contains(&moat_model::Target::AllDevices) {
        return Err(Error::invalid(
            "BadRequest",
            "assignments: app protection is assigned to users, not to devices",
        )
        .into());
    }
    policies::assign(&app, &caller, Kind::AppProtection, parse(&id)?, &targets).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn assignments(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let value = policies::graph::assignments(&app, parse(&policy.id)?, ASSIGNMENT).await?;
    Ok(graph.whole(&format!("{SET}('{}')/assignments", policy.id), value))
}

pub async fn add_assignment(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let id = parse(&id)?;
    let added = assign_also(&app, &caller, Kind::AppProtection, id, body, ASSIGNMENT).await?;
    Ok(graph.created(&format!("{SET}('{id}')/assignments"), added))
}

pub async fn registrations(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    let page = registrations::page(&app.db, &query).await?;
    let value = page.rows.iter().map(render_registration).collect();
    Ok(graph.page(REGISTRATIONS, REGISTRATIONS, &page, value, &query))
}

pub async fn count_registrations(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let page = registrations::page(&app.db, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

pub async fn registration(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let row = registrations::get(&app, &caller, &id).await?;
    Ok(graph.entity(REGISTRATIONS, render_registration(&row)))
}

/// Policies that are for this app; what it follows since its last check-in, and what it will follow after the next.
pub async fn policies_of(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let row = registrations::get(&app, &caller, &id).await?;
    let mut value = Vec::new();
    if let Some(user) = &row.user_id {
        let groups = groups::store::ids_of(app.db.read(), user).await?;
        let groups = groups
            .iter()
            .map(|id| id.parse())
            .collect::<Result<Vec<_>, _>>()
            .map_err(Error::internal)?;
        let mut connection = app.db.read().acquire().await.map_err(Error::from)?;
        let applying = lease::applying(&mut connection, &groups, &row.bundle_id, row.management == "managed").await?;
        for policy in applying {
            let policy = policies::get(&app, Kind::AppProtection, policy.id).await?;
            value.push(render(&app, &graph, &policy, &[]).await?);
        }
    }
    Ok(graph.whole("Collection(microsoft.graph.managedAppPolicy)", value))
}

pub async fn flagged(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let users = registrations::flagged_users(&app, &caller).await?;
    Ok(graph.whole("Collection(Edm.String)", users.into_iter().map(Value::from).collect()))
}

/// `POST /users/{id}/wipeManagedAppRegistrationsByDeviceTag` with `{"deviceTag": "…"}`.
pub async fn wipe(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<String>,
    json::Body(body): json::Body<Value>,
) -> ApiResult {
    let tag = graph::required(&graph::object(body)?, "deviceTag")?;
    registrations::wipe(&app, &caller, &user, &tag).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A draft from a body, on top of what is stored already.
fn draft(fields: &Map<String, Value>, before: Option<(&PolicyRow, Body)>) -> Result<Draft> {
    if let Some(other) = fields
        .get("@odata.type")
        .and_then(Value::as_str)
        .filter(|kind| *kind != TYPE)
    {
        let shown: String = other.chars().take(80).collect();
        return Err(Error::invalid(
            "BadRequest",
            format!("@odata.type {shown} is not supported: {TYPE}"),
        ));
    }
    let own = graph::object(json!(IosAppProtectionSettings::default()))?;
    let own: Vec<&str> = own.keys().map(String::as_str).collect();
    graph::only_known(fields, &[BASE, &own].concat())?;
    let (display_name, description) = names(fields, before.as_ref().map(|(row, _)| *row))?;
    let mut body = before.map(|(_, body)| body).unwrap_or_default();
    let settings = fields.iter().filter(|(name, _)| own.contains(&name.as_str()));
    let settings = settings.map(|(name, value)| (name.clone(), value.clone())).collect();
    body.settings = graph::merged(&body.settings, &settings)?;
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    if let Some(list) = given("apps") {
        body.apps = apps(list)?;
    }
    if let Some(group) = given("appGroupType") {
        body.app_group_type = field("appGroupType", group)?;
    }
    if let Some(levels) = given("targetedAppManagementLevels") {
        body.targeted_app_management_levels = field("targetedAppManagementLevels", levels)?;
    }
    Ok(Draft {
        display_name,
        description,
        body,
        targets: None,
    })
}

fn field<T: serde::de::DeserializeOwned>(name: &str, value: &Value) -> Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| Error::invalid("BadRequest", format!("{name}: {error}")))
}

/// The bundle ids in a list of `managedMobileApp`.
fn apps(list: &Value) -> Result<Vec<AppIdentifier>> {
    let wrong = || {
        Error::invalid(
            "BadRequest",
            "apps must be a list of objects with a mobileAppIdentifier",
        )
    };
    let list = list.as_array().ok_or_else(wrong)?;
    list.iter()
        .map(|app| {
            let identifier = app.get("mobileAppIdentifier").ok_or_else(wrong)?;
            field("apps: mobileAppIdentifier", identifier)
        })
        .collect()
}

async fn render(app: &App, graph: &Graph, policy: &PolicyRow, expand: &[String]) -> Result<Value> {
    let body = Body::of(policy)?;
    let assignments = policies::graph::assignments(app, parse(&policy.id)?, ASSIGNMENT).await?;
    let mut entity = json!({
        "@odata.type": TYPE,
        "@odata.etag": graph::etag(policy.updated_at),
        "id": format!("T_{}", policy.id),
        "displayName": policy.display_name,
        "description": policy.description,
        "version": format!("\"{}\"", policy.version),
        "createdDateTime": time(policy.created_at),
        "lastModifiedDateTime": time(policy.updated_at),
        "isAssigned": !assignments.is_empty(),
        "deployedAppCount": body.apps.len(),
        "appGroupType": body.app_group_type,
        "targetedAppManagementLevels": body.targeted_app_management_levels,
        "roleScopeTagIds": ["0"],
    });
    if let (Some(fields), Value::Object(settings)) = (entity.as_object_mut(), json!(body.settings)) {
        fields.extend(settings);
    }
    graph.only_beta(&mut entity, BETA_ONLY);
    for name in expand {
        if name.eq_ignore_ascii_case("apps") {
            entity["apps"] = render_apps(policy, &body).into();
        } else {
            entity["assignments"] = assignments.clone().into();
        }
    }
    Ok(entity)
}

/// What Graph takes to make the same policy again.
pub fn portable(policy: &PolicyRow, targets: &[moat_model::Target]) -> Result<Value> {
    let body = Body::of(policy)?;
    let mut value = json!({
        "@odata.type": TYPE,
        "displayName": policy.display_name,
        "description": policy.description,
        "apps": body.apps.iter().map(|app| json!({"mobileAppIdentifier": app})).collect::<Vec<_>>(),
        "appGroupType": body.app_group_type,
        "targetedAppManagementLevels": body.targeted_app_management_levels,
        "assignments": targets.iter().map(|target| json!({"target": target})).collect::<Vec<_>>(),
    });
    if let (Some(fields), Value::Object(settings)) = (value.as_object_mut(), json!(body.settings)) {
        fields.extend(settings);
    }
    Ok(value)
}

fn render_apps(policy: &PolicyRow, body: &Body) -> Vec<Value> {
    let render = |app: &AppIdentifier| {
        json!({
            "id": format!("{}.ios", app.bundle_id.to_ascii_lowercase()),
            "version": policy.version.to_string(),
            "mobileAppIdentifier": app,
        })
    };
    body.apps.iter().map(render).collect()
}

fn render_registration(row: &RegistrationRow) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.iosManagedAppRegistration",
        "id": row.id,
        "userId": row.user_id,
        "deviceName": row.device_name,
        "deviceType": row.device_model,
        "deviceModel": row.device_model,
        "deviceTag": row.device_tag,
        "managedDeviceId": row.device_id,
        "azureADDeviceId": row.device_id,
        "platformVersion": row.os_version,
        "applicationVersion": row.app_version,
        "managementSdkVersion": row.sdk_version,
        "appIdentifier": {"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": row.bundle_id},
        "flaggedReasons": [if row.flagged == 0 { "none" } else { "rootedDevice" }],
        "createdDateTime": time(row.created_at),
        "lastSyncDateTime": time(row.last_sync_at),
        "moatWipedDateTime": time_or_null(row.wiped_at),
        "moatWipeReason": row.wipe_reason,
    })
}

/// Ids look like `T_` and a GUID.
fn parse(id: &str) -> Result<PolicyId> {
    id.strip_prefix("T_")
        .unwrap_or(id)
        .parse()
        .map_err(|_| Error::not_found("app protection policy", id.chars().take(80).collect::<String>()))
}
