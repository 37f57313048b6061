//! `/deviceManagement/managedDevices` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::DeviceId;
use serde_json::{Value, json};

use super::{
    commands::{self, CommandRow},
    managed::{self, ManagedDeviceRow, READ},
};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph},
    json::{ApiResult, Body, time, time_or_null},
    odata::Query,
    users,
};

const SET: &str = "deviceManagement/managedDevices";

/// Fields that v1.0 does not have.
const BETA_ONLY: &[&str] = &["ownerType", "managementState", "moatReasons"];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    query.check_expand(&["users"])?;
    let page = managed::page(&app.db, &query, None).await?;
    let value = expanded(&app, &graph, &page.rows, &query).await?;
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let page = managed::page(&app.db, &graph.query()?.counting(), None).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

pub async fn of_user(State(app): State<App>, caller: Caller, graph: Graph, Path(key): Path<String>) -> ApiResult {
    caller.require_any(READ)?;
    let user = users::find(&app, &key).await?;
    let query = graph.query()?;
    let page = managed::page(&app.db, &query, Some(&user.id)).await?;
    let value = expanded(&app, &graph, &page.rows, &query).await?;
    let path = format!("users/{}/managedDevices", user.id);
    Ok(graph.page(SET, &path, &page, value, &query))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    caller.require_any(READ)?;
    let row = managed::get(&app.db, &parse(&id)?.to_string()).await?;
    let row = row.ok_or_else(|| Error::not_found("managed device", id))?;
    let shown = expanded(&app, &graph, &[row], &graph.query()?).await?;
    Ok(graph.entity(SET, shown.into_iter().next().unwrap_or_default()))
}

pub async fn detected_apps(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    caller.require_any(READ)?;
    let row = managed::get(&app.db, &parse(&id)?.to_string()).await?;
    let device = row.ok_or_else(|| Error::not_found("managed device", &id))?.device;
    let platform = device.os_platform.to_ascii_lowercase();
    let told = device.apps().unwrap_or_default();
    let shown = told.apps.into_iter().map(|app| {
        json!({
            "@odata.type": "#microsoft.graph.detectedApp",
            "id": app.bundle_id,
            "displayName": app.name,
            "version": app.version,
            "platform": platform,
            "moatManaged": app.managed,
        })
    });
    let path = format!("deviceManagement/managedDevices('{id}')/detectedApps");
    Ok(graph.whole(&path, shown.collect()))
}

/// Says whose device it is: `{"@odata.id": "https://HOST/beta/users/ID"}`.
pub async fn set_user(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let user = graph::reference(body)?.to_string();
    super::set_user(&app, &caller, parse(&id)?, Some(&user)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Asks the device to check in now.
pub async fn sync(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult {
    super::request_sync(&app, &caller, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub fn parse(id: &str) -> Result<DeviceId> {
    id.parse()
        .map_err(|_| Error::not_found("managed device", id.chars().take(80).collect::<String>()))
}

/// With `$expand=users` the user is there as an entity too.
async fn expanded(app: &App, graph: &Graph, rows: &[ManagedDeviceRow], query: &Query) -> Result<Vec<Value>> {
    let ids: Vec<_> = rows.iter().map(|row| row.device.id.as_str()).collect();
    let orders = commands::store::newest(&app.db, &ids).await?;
    let with_user = query.expand.iter().any(|name| name.eq_ignore_ascii_case("users"));
    let shown = rows.iter().map(|row| {
        let orders = orders.get(&row.device.id).map_or(&[][..], Vec::as_slice);
        let mut value = render(graph, row, orders);
        if with_user {
            value["users"] = user(row).into_iter().collect();
        }
        value
    });
    Ok(shown.collect())
}

fn user(row: &ManagedDeviceRow) -> Option<Value> {
    row.device.user_id.as_ref().map(|id| {
        json!({
            "id": id,
            "userPrincipalName": row.user_principal_name,
            "displayName": row.user_display_name,
            "mail": row.user_mail,
        })
    })
}

fn render(graph: &Graph, row: &ManagedDeviceRow, orders: &[CommandRow]) -> Value {
    let device = &row.device;
    let managed = device.management == "managed";
    let owner = if managed { "company" } else { "personal" };
    let mut value = json!({
        "@odata.type": "#microsoft.graph.managedDevice",
        "id": device.id,
        "deviceName": device.name,
        "managedDeviceName": device.name,
        "managedDeviceOwnerType": owner,
        "ownerType": owner,
        "managementState": commands::management_state(orders),
        "deviceActionResults": commands::graph::results(orders),
        "managementAgent": if managed { "mdm" } else { "unknown" },
        "deviceRegistrationState": "registered",
        "deviceEnrollmentType": if managed { "deviceEnrollmentManager" } else { "userEnrollment" },
        "deviceCategoryDisplayName": device.device_group,
        "operatingSystem": device.os_platform,
        "osVersion": device.os_version,
        "model": device.model,
        "manufacturer": null,
        "serialNumber": null,
        "azureADDeviceId": device.id,
        "azureADRegistered": true,
        "isSupervised": false,
        "isEncrypted": false,
        "enrolledDateTime": time(device.enrolled_at),
        "lastSyncDateTime": time(device.last_seen_at),
        "complianceState": device.compliance_state,
        "complianceGracePeriodExpirationDateTime": time_or_null(device.compliance_grace_until),
        "jailBroken": managed::jail_broken(device),
        "partnerReportedThreatState": managed::threat_state(device),
        "userId": device.user_id,
        "userPrincipalName": row.user_principal_name,
        "userDisplayName": row.user_display_name,
        "emailAddress": row.user_mail,
        "moatReasons": serde_json::from_str::<Value>(&device.compliance_reasons).unwrap_or_default(),
    });
    graph.only_beta(&mut value, BETA_ONLY);
    value
}
