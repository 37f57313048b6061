use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use moat_model::DeviceId;
use moat_policy::Reason;
use serde_json::{Value, json};

use crate::{
    App,
    caller::{Caller, Role},
    error::{Error, Result},
    json::{ApiError, time_or_null},
};

pub async fn revoke(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    super::revoke(&app, &caller, parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn request_posture(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let delivered = super::request_posture(&app, &caller, parse_id(&id)?).await?;
    Ok(Json(json!({"delivered": delivered})))
}

/// Why a device is judged as it is, from the evidence to the decision, and what would change it.
pub async fn why(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    caller.require_any(&[Role::MoatAdministrate, Role::MachineReadAll, Role::MachineReadWriteAll])?;
    let device = super::defender::find(&app, &id).await?;
    let decision = app.access.standing(device.device_id()?);
    let compliance: Vec<Reason> = serde_json::from_str(&device.compliance_reasons).map_err(Error::internal)?;
    let english = |reasons: &[Reason]| reasons.iter().map(Reason::english).collect::<Vec<_>>();
    Ok(Json(json!({
        "deviceId": device.id,
        "deviceName": device.name,
        "risk": device.risk,
        "complianceState": device.compliance_state,
        "complianceReasons": english(&compliance),
        "gracePeriodEnds": time_or_null(device.compliance_grace_until),
        "access": if decision.allowed { "allowed" } else { "denied" },
        "accessReasons": english(&decision.reasons),
    })))
}

/// What is no id cannot be a device's.
pub fn parse_id(id: &str) -> Result<DeviceId> {
    id.parse()
        .map_err(|_| Error::not_found("device", id.chars().take(80).collect::<String>()))
}
