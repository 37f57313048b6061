//! `/api/machines` in the shape of the Defender API.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{DeviceRow, admin::parse_id};
use crate::{
    App,
    caller::{Caller, Role},
    db::Db,
    error::{Error, Result},
    json::{ApiError, Body, time},
    odata::{self, Column, Condition, Options, Property},
};

const CONTEXT: &str = "https://api.securitycenter.microsoft.com/api/$metadata#Machines";
const READ: &[Role] = &[Role::MachineReadAll, Role::MachineReadWriteAll];
const MAX_BATCH: usize = 500;

const HEALTH: &str = "CASE WHEN d.revoked_at IS NOT NULL OR d.silent_since IS NOT NULL THEN 'Inactive' \
                      WHEN d.web_protection = 'on' THEN 'Active' ELSE 'ImpairedCommunication' END";

/// What `$filter` knows.
const PROPERTIES: &[Property] = &[
    Property {
        name: "id",
        column: Column::Text("d.id"),
    },
    Property {
        name: "computerDnsName",
        column: Column::Text("d.name"),
    },
    Property {
        name: "osPlatform",
        column: Column::Text("d.os_platform"),
    },
    Property {
        name: "version",
        column: Column::Text("d.os_version"),
    },
    Property {
        name: "riskScore",
        column: Column::Text("d.risk"),
    },
    Property {
        name: "healthStatus",
        column: Column::Text(HEALTH),
    },
    Property {
        name: "lastSeen",
        column: Column::Time("d.last_seen_at"),
    },
    Property {
        name: "firstSeen",
        column: Column::Time("d.enrolled_at"),
    },
    Property {
        name: "lastIpAddress",
        column: Column::Text("d.last_ip"),
    },
    Property {
        name: "lastExternalIpAddress",
        column: Column::Text("d.last_external_ip"),
    },
    Property {
        name: "rbacGroupName",
        column: Column::Text("d.device_group"),
    },
    Property {
        name: "rbacGroupId",
        column: Column::Text("d.device_group"),
    },
    Property {
        name: "onboardingStatus",
        column: Column::Text("CASE WHEN d.revoked_at IS NULL THEN 'onboarded' ELSE 'CanBeOnboarded' END"),
    },
    Property {
        name: "exposureLevel",
        column: Column::Text("NULL"),
    },
    Property {
        name: "deviceValue",
        column: Column::Text("'Normal'"),
    },
    Property {
        name: "aadDeviceId",
        column: Column::Text("NULL"),
    },
    Property {
        name: "machineTags",
        column: Column::Rows {
            from: "device_tags t WHERE t.device_id = d.id",
            element: "t.tag",
        },
    },
];

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    caller.require_any(READ)?;
    let options = Options::parse(&query, &["$filter", "$top", "$skip", "$count"])?;
    let condition = odata::compile(options.filter.as_ref(), PROPERTIES)?;
    let rows = page(&app.db, condition, options.top, options.skip).await?;
    if rows.is_empty() && options.filter.is_none() && options.skip == 0 && options.top > 0 {
        return Err(Error::NotFound("there are no machines yet".into()).into());
    }
    Ok(Json(
        json!({"@odata.context": CONTEXT, "value": render_all(&app, rows).await?}),
    ))
}

pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    caller.require_any(READ)?;
    Ok(Json(entity(&app, &find(&app, &id).await?).await?))
}

pub async fn find_by_tag(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    caller.require_any(READ)?;
    let tag = query.get("tag").filter(|tag| !tag.is_empty());
    let tag = tag
        .ok_or_else(|| Error::invalid("MissingRequiredParameter", "the query parameter tag is missing"))?
        .clone();
    let prefix = query
        .get("useStartsWithFilter")
        .is_some_and(|yes| yes.eq_ignore_ascii_case("true"));
    let property = "machineTags".to_string();
    let inner = match prefix {
        true => odata::Expression::StartsWith {
            property: "t".into(),
            text: tag,
        },
        false => odata::Expression::Compare {
            property: "t".into(),
            operator: odata::Operator::Eq,
            value: odata::Literal::Text(tag),
        },
    };
    let filter = odata::Expression::Any {
        property,
        variable: "t".into(),
        condition: Box::new(inner),
    };
    let rows = page(&app.db, odata::compile(Some(&filter), PROPERTIES)?, odata::MAX_TOP, 0).await?;
    Ok(Json(
        json!({"@odata.context": CONTEXT, "value": render_all(&app, rows).await?}),
    ))
}

pub async fn tag(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    let (value, add) = tag_of(&body)?;
    let id = parse_id(&id)?;
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
async fn find(app: &App, id: &str) -> Result<DeviceRow> {
    if let Ok(id) = parse_id(id) {
        return super::get(app, id).await;
    }
    let query = "SELECT d.* FROM devices d WHERE d.name = $1 ORDER BY d.last_seen_at DESC LIMIT 1";
    let row = sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(app.db.read())
        .await?;
    row.ok_or_else(|| Error::not_found("machine", id.chars().take(80).collect::<String>()))
}

/// A page of devices, newest first.
pub async fn page(db: &Db, mut condition: Condition, top: i64, skip: i64) -> Result<Vec<DeviceRow>> {
    let (top, skip) = (
        condition.bind(odata::Value::Number(top)),
        condition.bind(odata::Value::Number(skip)),
    );
    let sql = format!(
        "SELECT d.* FROM devices d WHERE {} ORDER BY d.last_seen_at DESC, d.id LIMIT {top} OFFSET {skip}",
        condition.sql
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for value in condition.values {
        query = match value {
            odata::Value::Text(text) => query.bind(text),
            odata::Value::Number(number) => query.bind(number),
        };
    }
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn tags(db: &Db, id: &str) -> Result<Vec<String>> {
    let query =
        sqlx::query_scalar("SELECT tag FROM device_tags WHERE device_id = $1 ORDER BY tag").bind(id.to_string());
    Ok(query.fetch_all(db.read()).await?)
}

async fn render_all(app: &App, rows: Vec<DeviceRow>) -> Result<Vec<Value>> {
    let mut machines = Vec::with_capacity(rows.len());
    for row in rows {
        let tags = tags(&app.db, &row.id).await?;
        machines.push(render(app, &row, &tags));
    }
    Ok(machines)
}

async fn entity(app: &App, row: &DeviceRow) -> Result<Value> {
    let mut entity = render(app, row, &tags(&app.db, &row.id).await?);
    entity["@odata.context"] = format!("{CONTEXT}/$entity").into();
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
        "ipAddresses": [],
        "agentVersion": row.agent_version,
        "moatRiskAlertId": row.risk_alert_id,
        "moatManagement": row.management,
        "moatWebProtection": row.web_protection,
        "moatOtherVpn": row.other_vpn,
        "moatJailbreak": row.jailbreak_level,
        "moatConnected": connected,
        "moatBundleVersion": row.bundle_version,
        "moatDroppedEvents": row.dropped_events,
    })
}
