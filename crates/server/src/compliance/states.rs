//! What policies say of devices and of their users, in Graph's shape: what dashboards read.

use axum::extract::{Path, State};
use moat_policy::{Reason, Told};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{
    READ,
    graph::{SET, parse},
    store,
};
use crate::{
    App,
    caller::Caller,
    devices::{self, managed},
    error::{Error, Result},
    graph::{self, Graph, Version},
    json::{ApiResult, time, time_or_null},
    policies::PolicyRow,
};

const DEVICES: &str = "deviceManagement/managedDevices";

/// What the policy says of each device.
pub async fn device_statuses(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let query = graph.query()?;
    let page = store::statuses(&app.db, &policy.id, &query).await?;
    let value = page.rows.iter().map(|row| render_status(&policy, row)).collect();
    let path = format!("{SET}/{}/deviceStatuses", policy.id);
    let set = format!("{SET}('{}')/deviceStatuses", policy.id);
    Ok(graph.page(&set, &path, &page, value, &query))
}

/// `/$count` of the devices that the policy says something of.
pub async fn count_device_statuses(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let page = store::statuses(&app.db, &policy.id, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

/// How many devices are in which state.
pub async fn device_status_overview(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let counts = store::overview(&app.db, &policy.id).await?;
    let set = format!("{SET}('{}')/deviceStatusOverview", policy.id);
    Ok(graph.entity(&set, render_overview(&policy, &counts)))
}

/// The worst that the policy says of any device of each user.
pub async fn user_statuses(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let query = graph.query()?;
    let page = store::user_statuses(&app.db, &policy.id, &query).await?;
    let value = page.rows.iter().map(|row| render_user_status(&policy, row)).collect();
    let path = format!("{SET}/{}/userStatuses", policy.id);
    let set = format!("{SET}('{}')/userStatuses", policy.id);
    Ok(graph.page(&set, &path, &page, value, &query))
}

/// How many users are in which state.
pub async fn user_status_overview(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let counts = store::user_overview(&app.db, &policy.id).await?;
    let set = format!("{SET}('{}')/userStatusOverview", policy.id);
    Ok(graph.entity(&set, render_overview(&policy, &counts)))
}

/// How many devices are in which state of each setting of the policy.
pub async fn setting_summaries(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
) -> ApiResult {
    let policy = super::get(&app, &caller, parse(&id)?).await?;
    let settings = store::setting_counts(&app.db, &policy.id).await?;
    let value = settings.iter().map(|(setting, counts)| {
        let mut value = device_counts(counts);
        value["id"] = format!("{}_{setting}", policy.id).into();
        value["settingName"] = setting.as_str().into();
        value["instancePath"] = format!("iosCompliancePolicy/{setting}").into();
        value
    });
    let value = value.collect();
    Ok(graph.whole(&format!("{SET}('{}')/deviceSettingStateSummaries", policy.id), value))
}

/// How many devices are in which state, by all that holds for them.
pub async fn device_summary(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let counts = store::device_states(&app.db).await?;
    let count = |state: &str| of(&counts, state);
    let mut value = device_counts(&counts);
    value["id"] = app.tenant.clone().into();
    // A device's own state is spelled in small letters, that of a policy is not.
    value["nonCompliantDeviceCount"] = count("noncompliant").into();
    value["inGracePeriodCount"] = count("inGracePeriod").into();
    value["configManagerCount"] = count("configManager").into();
    Ok(graph.entity("deviceManagement/deviceCompliancePolicyDeviceStateSummary", value))
}

/// How many devices there are, by system.
pub async fn managed_device_overview(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(managed::READ)?;
    let rows = managed::overview(&app.db).await?;
    let count = |fits: &dyn Fn(&managed::SystemCount) -> bool| -> i64 {
        rows.iter().filter(|row| fits(row)).map(|row| row.devices).sum()
    };
    let system = |names: &'static [&'static str]| count(&|row| names.contains(&row.system.as_str()));
    let (ios, android, mac, windows, linux) = (
        system(&["ios", "ipados"]),
        system(&["android"]),
        system(&["macos"]),
        system(&["windows"]),
        system(&["linux"]),
    );
    let all = count(&|_| true);
    let mut overview = json!({
        "id": app.tenant,
        "enrolledDeviceCount": all,
        "mdmEnrolledCount": count(&|row| row.management == "managed"),
        "dualEnrolledDeviceCount": 0,
        "deviceOperatingSystemSummary": {
            "androidCount": android,
            "iosCount": ios,
            "macOSCount": mac,
            "windowsCount": windows,
            "windowsMobileCount": 0,
            "linuxCount": linux,
            "unknownCount": all - ios - android - mac - windows - linux,
        },
        // Nobody tells Moat about Exchange.
        "deviceExchangeAccessStateSummary": {
            "allowedDeviceCount": 0,
            "blockedDeviceCount": 0,
            "quarantinedDeviceCount": 0,
            "unavailableDeviceCount": 0,
            "unknownDeviceCount": all,
        },
    });
    if graph.version == Version::V1 {
        // v1.0 has no word for them.
        let systems = &mut overview["deviceOperatingSystemSummary"];
        graph.only_beta(systems, &["linuxCount"]);
        systems["unknownCount"] = (all - ios - android - mac - windows).into();
    }
    Ok(graph.entity("deviceManagement/managedDeviceOverview", overview))
}

/// What each policy says of a device, setting by setting.
pub async fn of_device(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let (device, rows) = states_of(&app, &caller, &id).await?;
    let value = rows.iter().map(|row| render_state(&device, row)).collect();
    Ok(graph.whole(
        &format!("{DEVICES}('{}')/deviceCompliancePolicyStates", device.device.id),
        value,
    ))
}

/// The same of one policy, by its id or the state's.
pub async fn one_of_device(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path((id, policy)): Path<(String, String)>,
) -> ApiResult {
    let (device, rows) = states_of(&app, &caller, &id).await?;
    let policy_id = policy.split('_').next().unwrap_or_default();
    let row = rows.iter().find(|row| row.policy_id.eq_ignore_ascii_case(policy_id));
    let row = row.ok_or_else(|| Error::not_found("policy state", policy.chars().take(80).collect::<String>()))?;
    let set = format!("{DEVICES}('{}')/deviceCompliancePolicyStates", device.device.id);
    Ok(graph.entity(&set, render_state(&device, row)))
}

async fn states_of(
    app: &App,
    caller: &Caller,
    id: &str,
) -> Result<(managed::ManagedDeviceRow, Vec<store::DeviceStateRow>)> {
    caller.require_any(managed::READ)?;
    let id = devices::graph::parse(id)?.to_string();
    let device = managed::get(&app.db, &id).await?;
    let device = device.ok_or_else(|| Error::not_found("managed device", &id))?;
    let rows = store::of_device(&app.db, &id).await?;
    Ok((device, rows))
}

fn of(counts: &[(String, i64)], status: &str) -> i64 {
    counts.iter().find(|(s, _)| s == status).map_or(0, |(_, n)| *n)
}

fn device_counts(counts: &[(String, i64)]) -> Value {
    json!({
        "unknownDeviceCount": of(counts, "unknown"),
        "notApplicableDeviceCount": of(counts, "notApplicable"),
        "compliantDeviceCount": of(counts, "compliant"),
        "remediatedDeviceCount": of(counts, "remediated"),
        "nonCompliantDeviceCount": of(counts, "nonCompliant"),
        "errorDeviceCount": of(counts, "error"),
        "conflictDeviceCount": of(counts, "conflict"),
    })
}

fn render_overview(policy: &PolicyRow, counts: &[(String, i64)]) -> Value {
    json!({
        "id": policy.id,
        "pendingCount": of(counts, "unknown"),
        "notApplicableCount": of(counts, "notApplicable"),
        "successCount": of(counts, "compliant"),
        "errorCount": of(counts, "error"),
        "failedCount": of(counts, "nonCompliant"),
        "lastUpdateDateTime": time(policy.updated_at),
        "configurationVersion": policy.version,
    })
}

fn render_status(policy: &PolicyRow, row: &store::StatusRow) -> Value {
    json!({
        "id": format!("{}_{}", policy.id, row.device_id),
        "deviceDisplayName": row.device_name,
        "userName": row.user_name,
        "userPrincipalName": row.user_principal_name,
        "deviceModel": row.model,
        "platform": 0,
        "complianceGracePeriodExpirationDateTime": time_or_null(row.grace_until),
        "status": row.status,
        "lastReportedDateTime": time(row.updated_at),
        "moatSettings": serde_json::from_str::<Value>(&row.settings).unwrap_or_default(),
    })
}

fn render_user_status(policy: &PolicyRow, row: &store::UserStatusRow) -> Value {
    json!({
        "id": format!("{}_{}", policy.id, row.user_id),
        "userDisplayName": row.display_name,
        "userPrincipalName": row.user_principal_name,
        "devicesCount": row.devices,
        "status": row.status,
        "lastReportedDateTime": time(row.updated_at),
    })
}

/// Why a setting is as it is, in English.
fn reason(stored: &Value) -> Option<Told> {
    let reason = Reason::deserialize(stored).ok()?;
    Some(reason.english())
}

fn render_state(device: &managed::ManagedDeviceRow, row: &store::DeviceStateRow) -> Value {
    let settings: Vec<Value> = serde_json::from_str(&row.settings).unwrap_or_default();
    let render = |setting: &Value| {
        json!({
            "setting": setting["setting"],
            "settingName": setting["setting"],
            "instanceDisplayName": null,
            "state": setting["status"],
            "errorCode": 0,
            "errorDescription": null,
            "userId": device.device.user_id,
            "userName": device.user_display_name,
            "userEmail": device.user_mail,
            "userPrincipalName": device.user_principal_name,
            "currentValue": null,
            "sources": [{"id": row.policy_id, "displayName": row.display_name, "sourceType": "deviceConfiguration"}],
            "moatReason": reason(&setting["reason"]),
        })
    };
    json!({
        "@odata.type": "#microsoft.graph.deviceCompliancePolicyState",
        "id": format!("{}_{}", row.policy_id, device.device.id),
        "displayName": row.display_name,
        "version": row.version,
        "platformType": "iOS",
        "state": row.status,
        "settingCount": settings.len(),
        "settingStates": settings.iter().map(render).collect::<Vec<_>>(),
    })
}
