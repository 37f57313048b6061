//! The retire list in Graph's shape: a function and an action of `deviceCompliancePolicies`, both beta.

use axum::{extract::State, response::IntoResponse as _};
use http::StatusCode;
use moat_model::DeviceId;
use serde_json::{Map, Value, json};

use super::{Decision, ScheduledRow, Which};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph, flag, required},
    json::{ApiResult, Body, time},
};

const PATH: &str = "deviceManagement/deviceCompliancePolicies/getDevicesScheduledToRetire";
const TYPE: &str = "microsoft.graph.retireScheduledManagedDevice";

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let query = graph.query()?;
    query.check_expand(&[])?;
    let page = super::list(&app, &caller, &query).await?;
    let value = page.rows.iter().map(render).collect();
    Ok(graph.page(&format!("Collection({TYPE})"), PATH, &page, value, &query))
}

pub async fn decide(State(app): State<App>, caller: Caller, Body(body): Body<Value>) -> ApiResult {
    let (decision, which) = read(&graph::object(body)?)?;
    super::decide(&app, &caller, decision, which).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `{"state": "confirmRetire", "scopedToAllDevices": false, "managedDeviceIds": […]}`
pub fn read(fields: &Map<String, Value>) -> Result<(Decision, Which)> {
    graph::only_known(fields, &["state", "scopedToAllDevices", "managedDeviceIds"])?;
    let decision = match required(fields, "state")?.as_str() {
        "confirmRetire" => Decision::Confirm,
        "cancelRetire" => Decision::Cancel,
        _ => {
            return Err(Error::invalid(
                "BadRequest",
                "state must be confirmRetire or cancelRetire",
            ));
        }
    };
    let devices = match fields.get("managedDeviceIds") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => serde_json::from_value::<Vec<DeviceId>>(list.clone())
            .map_err(|error| Error::invalid("BadRequest", format!("managedDeviceIds: {error}")))?,
    };
    match (flag(fields, "scopedToAllDevices")? == Some(true), devices.is_empty()) {
        (true, true) => Ok((decision, Which::All)),
        (false, false) => Ok((decision, Which::These(devices))),
        (true, false) => {
            let text = "scopedToAllDevices is true and managedDeviceIds names devices: say one of the two";
            Err(Error::invalid("BadRequest", text))
        }
        (false, true) => {
            let text = "managedDeviceIds is missing or empty, and scopedToAllDevices is not true";
            Err(Error::invalid("BadRequest", text))
        }
    }
}

fn render(row: &ScheduledRow) -> Value {
    json!({
        "@odata.type": format!("#{TYPE}"),
        "id": row.device_id,
        "managedDeviceId": row.device_id,
        "managedDeviceName": row.device_name,
        "deviceType": match row.os_platform.as_str() {
            "iOS" => "iPhone",
            "Linux" => "linux",
            _ => "unknown",
        },
        "complianceState": row.status.as_deref().unwrap_or("unknown"),
        "retireAfterDateTime": time(row.due_at),
        "managementAgent": "mdm",
        "ownerType": if row.management == "managed" { "company" } else { "personal" },
        "deviceCompliancePolicyId": row.policy_id,
        "deviceCompliancePolicyName": row.policy_name,
        "roleScopeTagIds": ["0"],
        "moatAction": row.kind,
    })
}
