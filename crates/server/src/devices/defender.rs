//! `/api/machines` in the shape of the Defender API.

use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use serde_json::{Value, json};

use super::{DeviceRow, admin::parse_id, search};
use crate::{
    App,
    caller::{Caller, Role},
    error::{Error, Result},
    json::{ApiError, ApiResult, Body, Origin, check_case, context, list_answer, time},
    odata::{Comparison, Filter, Literal, Operand, Query, TextTest, decode_pairs},
};

const READ: &[Role] = &[Role::MachineReadAll, Role::MachineReadWriteAll];
const MAX_BATCH: usize = 500;

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Origin(origin): Origin,
    RawQuery(raw): RawQuery,
) -> ApiResult<Json<Value>> {
    caller.require_any(READ)?;
    let query = Query::parse(raw.as_deref())?;
    query.check_expand(&[])?;
    let page = search::page_by_id(&app.db, &query).await?;
    if page.rows.is_empty() && query.filter.is_none() && query.skip == 0 && query.page() > 0 {
        return Err(Error::NotFound("there are no machines yet".into()).into());
    }
    let value = render_all(&app, &page.rows).await?;
    let address = format!("{origin}/api/machines");
    Ok(Json(list_answer(
        &context(&app, "Machines"),
        &page,
        value,
        &query,
        &address,
    )))
}

pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    caller.require_any(READ)?;
    Ok(Json(entity(&app, &find(&app, &id).await?).await?))
}

pub async fn find_by_tag(State(app): State<App>, caller: Caller, RawQuery(raw): RawQuery) -> ApiResult<Json<Value>> {
    caller.require_any(READ)?;
    let options = decode_pairs(raw.as_deref().unwrap_or_default())
        .ok_or_else(|| Error::invalid("BadRequest", "the query is not UTF-8 with %-escapes"))?;
    let option = |wanted: &str| {
        let found = options.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let tag = option("tag")
        .ok_or_else(|| Error::invalid("MissingRequiredParameter", "the query parameter tag is missing"))?;
    let prefix = match option("useStartsWithFilter")
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "false" => false,
        "true" => true,
        _ => return Err(Error::invalid("InvalidInput", "useStartsWithFilter must be true or false").into()),
    };
    let test = match prefix {
        true => Filter::Text {
            test: TextTest::StartsWith,
            operand: Operand::Element,
            text: tag,
        },
        false => Filter::Compare {
            operand: Operand::Element,
            comparison: Comparison::Eq,
            literal: Literal::Text(tag),
        },
    };
    let query = Query::with_filter(Filter::Any {
        collection: Operand::Property {
            name: "machineTags".into(),
            position: 0,
        },
        test: Some(Box::new(test)),
    });
    let page = search::page_by_id(&app.db, &query).await?;
    Ok(Json(
        json!({"@odata.context": context(&app, "Machines"), "value": render_all(&app, &page.rows).await?}),
    ))
}

pub async fn tag(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    caller.require_any(&[Role::MachineReadWriteAll])?;
    let (value, add) = tag_of(&body)?;
    let id = find(&app, &id).await?.device_id()?;
    super::tag(&app, &caller, &[id], &value, add).await?;
    Ok(Json(entity(&app, &super::get(&app, id).await?).await?))
}

pub async fn tag_many(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let (value, add) = tag_of(&body)?;
    let ids = body["MachineIds"]
        .as_array()
        .ok_or_else(|| Error::invalid("MissingRequiredParameter", "MachineIds is missing or no list"))?;
    if ids.is_empty() {
        return Err(Error::invalid("MissingRequiredParameter", "MachineIds has no items").into());
    }
    if ids.len() > MAX_BATCH {
        return Err(Error::invalid(
            "MaximumBatchSizeExceeded",
            format!("MachineIds has more than {MAX_BATCH} entries"),
        )
        .into());
    }
    let ids = ids
        .iter()
        .map(|id| parse_id(id.as_str().unwrap_or_default()))
        .collect::<Result<Vec<_>>>()?;
    super::tag(&app, &caller, &ids, &value, add).await?;
    Ok(Json(json!({})))
}

fn tag_of(body: &Value) -> Result<(String, bool)> {
    if let Some(fields) = body.as_object() {
        check_case(fields, &["Value", "Action", "MachineIds"])?;
    }
    let value = body["Value"]
        .as_str()
        .ok_or_else(|| Error::invalid("MissingRequiredParameter", "Value is missing"))?;
    match body["Action"].as_str() {
        Some("Add") => Ok((value.to_string(), true)),
        Some("Remove") => Ok((value.to_string(), false)),
        _ => Err(Error::invalid("InvalidInput", "Action must be Add or Remove")),
    }
}

/// A machine by id or name.
pub async fn find(app: &App, id: &str) -> Result<DeviceRow> {
    if let Ok(id) = parse_id(id) {
        return super::get(app, id).await;
    }
    let row = search::find_by_name(&app.db, id).await?;
    row.ok_or_else(|| Error::not_found("machine", id.chars().take(80).collect::<String>()))
}

async fn render_all(app: &App, rows: &[DeviceRow]) -> Result<Vec<Value>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let tags = search::tags_of(&app.db, &ids).await?;
    let none = Vec::new();
    Ok(rows
        .iter()
        .map(|row| render(app, row, tags.get(&row.id).unwrap_or(&none)))
        .collect())
}

pub async fn entity(app: &App, row: &DeviceRow) -> Result<Value> {
    let mut entity = render(app, row, &search::tags(&app.db, &row.id).await?);
    entity["@odata.context"] = context(app, "Machines/$entity").into();
    Ok(entity)
}

fn render(app: &App, row: &DeviceRow, tags: &[String]) -> Value {
    let connected = row.device_id().is_ok_and(|id| app.hub.is_connected(id));
    json!({
        "id": row.id,
        "computerDnsName": row.name,
        "firstSeen": time(row.enrolled_at),
        "lastSeen": time(row.last_seen_at),
        "osPlatform": row.os_platform,
        "version": row.os_version,
        "osProcessor": null,
        "osArchitecture": "64-bit",
        "osBuild": null,
        "lastIpAddress": row.last_ip,
        "lastExternalIpAddress": row.last_external_ip,
        "healthStatus": row.health(),
        "onboardingStatus": if row.revoked_at.is_none() { "onboarded" } else { "CanBeOnboarded" },
        "deviceValue": "Normal",
        "rbacGroupId": null,
        "rbacGroupName": row.device_group,
        "riskScore": row.risk,
        "exposureLevel": null,
        "isAadJoined": false,
        "aadDeviceId": null,
        "machineTags": tags,
        "ipAddresses": addresses(row),
        "agentVersion": row.agent_version,
        "moatRiskAlertId": row.risk_alert_id,
        "moatManagement": row.management,
        "moatWebProtection": row.web_protection,
        "moatOtherVpn": row.other_vpn,
        "moatJailbreak": row.jailbreak_level,
        "moatConnected": connected,
        "moatBundleVersion": row.bundle_version,
        "moatDroppedEvents": row.dropped_events,
        "moatProblems": row.problems(),
    })
}

fn addresses(row: &DeviceRow) -> Value {
    match row.last_ip.is_empty() {
        true => json!([]),
        false => json!([{"ipAddress": row.last_ip, "macAddress": null, "operationalStatus": "Up"}]),
    }
}
