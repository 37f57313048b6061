//! Graph's remote actions of managed devices.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use moat_model::OrderAction;
use serde_json::{Map, Value, json};

use super::{CommandRow, ORDER};
use crate::{
    App,
    caller::Caller,
    devices::{graph::parse, managed},
    error::{Error, Result},
    graph::{self, flag, required, text},
    json::{ApiResult, OptionalBody, time},
};

pub async fn remote_lock(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody,
) -> ApiResult {
    caller.require_any(ORDER)?;
    fields(body, &[])?;
    order(&app, &caller, &id, OrderAction::RemoteLock).await
}

pub async fn retire(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody,
) -> ApiResult {
    caller.require_any(ORDER)?;
    fields(body, &[])?;
    order(&app, &caller, &id, OrderAction::Retire).await
}

/// What Graph's wipe takes.
const WIPE: &[&str] = &[
    "keepEnrollmentData",
    "keepUserData",
    "macOsUnlockCode",
    "obliterationBehavior",
    "persistEsimDataPlan",
    "useProtectedWipe",
];

pub async fn wipe(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody,
) -> ApiResult {
    caller.require_any(ORDER)?;
    let fields = fields(body, WIPE)?;
    // The user's own data and the eSIM plan are never touched, and macOS and Windows are not there: those hold by themselves.
    for name in ["keepUserData", "persistEsimDataPlan", "useProtectedWipe"] {
        flag(&fields, name)?;
    }
    for name in ["macOsUnlockCode", "obliterationBehavior"] {
        text(&fields, name)?;
    }
    if flag(&fields, "keepEnrollmentData")? == Some(true) {
        let rule = " cannot be true: a wiped device leaves the organisation and has to enrol again";
        return Err(Error::invalid_field("BadRequest", "keepEnrollmentData", rule).into());
    }
    order(&app, &caller, &id, OrderAction::Wipe).await
}

/// `POST …/sendCustomNotificationToCompanyPortal`: the agent is what the portal is there.
pub async fn notify(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody,
) -> ApiResult {
    caller.require_any(managed::ACT)?;
    let fields = fields(body, &["notificationTitle", "notificationBody"])?;
    let message = OrderAction::Notify {
        title: required(&fields, "notificationTitle")?,
        body: required(&fields, "notificationBody")?,
    };
    order(&app, &caller, &id, message).await
}

async fn order(app: &App, caller: &Caller, id: &str, action: OrderAction) -> ApiResult<Response> {
    super::request(app, caller, parse(id)?, action).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn fields(body: Option<Value>, known: &[&str]) -> Result<Map<String, Value>> {
    let fields = body.map_or_else(|| Ok(Map::new()), graph::object)?;
    graph::only_known(&fields, known)?;
    Ok(fields)
}

/// A managed device's `deviceActionResults`.
pub fn results(orders: &[CommandRow]) -> Value {
    let result = |row: &CommandRow| {
        let name = match row.action.as_str() {
            "notify" => "sendCustomNotificationToCompanyPortal",
            action => action,
        };
        json!({
            "actionName": name,
            "actionState": row.state,
            "startDateTime": time(row.ordered_at),
            "lastUpdatedDateTime": time(row.updated_at),
            "moatDetail": row.detail,
        })
    };
    orders.iter().map(result).collect()
}
