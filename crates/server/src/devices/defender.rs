//! `/api/machines` in the shape of the Defender API.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{DeviceRow, admin::parse_id};
use crate::{
    App,
    caller::{Caller, Role},
    db::Db,
    error::{Error, Result},
    json::{ApiError, ApiResult, Body, Origin, check_case, time},
    odata::{Clause, Comparison, Filter, Kind, Literal, Operand, Property, Query, Table, TextTest, decode_pairs},
};

const CONTEXT: &str = "https://api.securitycenter.microsoft.com/api/$metadata#Machines";
const READ: &[Role] = &[Role::MachineReadAll, Role::MachineReadWriteAll];
const MAX_BATCH: usize = 500;
/// Ids in one IN list; databases bound the number of values of a statement.
const IDS_PER_QUERY: usize = 500;

const HEALTH: &str = "CASE WHEN d.revoked_at IS NOT NULL OR d.silent_since IS NOT NULL THEN 'Inactive' \
                      WHEN d.web_protection = 'on' THEN 'Active' ELSE 'ImpairedCommunication' END";

/// What `$filter` and `$orderby` know.
const TABLE: Table = Table(&[
    property("id", Kind::Text("d.id")),
    property("computerDnsName", Kind::Text("d.name")),
    property("osPlatform", Kind::Text("d.os_platform")),
    property("version", Kind::Text("d.os_version")),
    property("agentVersion", Kind::Text("d.agent_version")),
    property(
        "riskScore",
        Kind::Word("d.risk", &["None", "Informational", "Low", "Medium", "High"]),
    ),
    property(
        "healthStatus",
        Kind::Word(
            HEALTH,
            &[
                "Active",
                "Inactive",
                "ImpairedCommunication",
                "NoSensorData",
                "NoSensorDataImpairedCommunication",
                "Unknown",
            ],
        ),
    ),
    property(
        "onboardingStatus",
        Kind::Word(
            "CASE WHEN d.revoked_at IS NULL THEN 'onboarded' ELSE 'CanBeOnboarded' END",
            &["onboarded", "CanBeOnboarded", "Unsupported", "InsufficientInfo"],
        ),
    ),
    property("lastSeen", Kind::Time("d.last_seen_at")),
    property("firstSeen", Kind::Time("d.enrolled_at")),
    property("lastIpAddress", Kind::Text("d.last_ip")),
    property("lastExternalIpAddress", Kind::Text("d.last_external_ip")),
    property("rbacGroupName", Kind::Text("d.device_group")),
    property("rbacGroupId", Kind::Text("d.device_group")),
    property("exposureLevel", Kind::AlwaysNull),
    property("deviceValue", Kind::Word("'Normal'", &["Normal", "Low", "High"])),
    property("aadDeviceId", Kind::AlwaysNull),
    property(
        "machineTags",
        Kind::Rows("SELECT 1 FROM device_tags t WHERE t.device_id = d.id", "t.tag"),
    ),
]);

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind }
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Origin(origin): Origin,
    RawQuery(raw): RawQuery,
) -> ApiResult<Json<Value>> {
    caller.require_any(READ)?;
    let query = Query::parse(raw.as_deref())?;
    query.check_expand(&[])?;
    let page = page(&app.db, &query).await?;
    if page.devices.is_empty() && query.filter.is_none() && query.skip == 0 && query.page() > 0 {
        return Err(Error::NotFound("there are no machines yet".into()).into());
    }
    let mut value = render_all(&app, &page.devices).await?;
    value.iter_mut().for_each(|entity| query.select_from(entity));
    let mut answer = json!({"@odata.context": CONTEXT, "value": value});
    if let Some(count) = page.count {
        answer["@odata.count"] = count.into();
    }
    if page.has_more
        && let Some(link) = query.next_link(&format!("{origin}/api/machines"))
    {
        answer["@odata.nextLink"] = link.into();
    }
    Ok(Json(answer))
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
    let page = page(&app.db, &query).await?;
    Ok(Json(
        json!({"@odata.context": CONTEXT, "value": render_all(&app, &page.devices).await?}),
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
    let query = "SELECT d.* FROM devices d WHERE d.name = $1 ORDER BY d.last_seen_at DESC LIMIT 1";
    let row = sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(app.db.read())
        .await?;
    row.ok_or_else(|| Error::not_found("machine", id.chars().take(80).collect::<String>()))
}

/// One page of devices.
pub struct Page {
    pub devices: Vec<DeviceRow>,
    pub has_more: bool,
    /// How many there are without `$top` and `$skip`, when `$count` asked.
    pub count: Option<i64>,
}

/// The devices that a query asks for; the one seen last comes first unless it says otherwise.
pub async fn page(db: &Db, query: &Query) -> Result<Page> {
    let mut clause = Clause::new("SELECT d.* FROM devices d WHERE 1 = 1");
    TABLE.finish(&mut clause, query, "d.last_seen_at DESC, d.id")?;
    let arguments = clause.arguments()?;
    let mut devices: Vec<DeviceRow> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
        .fetch_all(db.read())
        .await?;
    let has_more = devices.len() > query.page() as usize;
    devices.truncate(query.page() as usize);
    let mut count = None;
    if query.count {
        let mut clause = Clause::new("SELECT COUNT(*) FROM devices d WHERE 1 = 1");
        TABLE.restrict(&mut clause, query)?;
        let arguments = clause.arguments()?;
        count = Some(
            sqlx::query_scalar_with(AssertSqlSafe(clause.sql), arguments)
                .fetch_one(db.read())
                .await?,
        );
    }
    Ok(Page {
        devices,
        has_more,
        count,
    })
}

pub async fn tags(db: &Db, id: &str) -> Result<Vec<String>> {
    Ok(tags_of(db, &[id]).await?.remove(id).unwrap_or_default())
}

/// Tags of several devices, by device.
async fn tags_of(db: &Db, ids: &[&str]) -> Result<HashMap<String, Vec<String>>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for some in ids.chunks(IDS_PER_QUERY) {
        let mut clause = Clause::new("SELECT device_id, tag FROM device_tags WHERE device_id IN (");
        for (n, id) in some.iter().enumerate() {
            clause.push(if n == 0 { "" } else { ", " }).bind_text(*id);
        }
        clause.push(") ORDER BY tag");
        let arguments = clause.arguments()?;
        let rows: Vec<(String, String)> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        for (device, tag) in rows {
            found.entry(device).or_default().push(tag);
        }
    }
    Ok(found)
}

async fn render_all(app: &App, rows: &[DeviceRow]) -> Result<Vec<Value>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let tags = tags_of(&app.db, &ids).await?;
    let none = Vec::new();
    Ok(rows
        .iter()
        .map(|row| render(app, row, tags.get(&row.id).unwrap_or(&none)))
        .collect())
}

pub async fn entity(app: &App, row: &DeviceRow) -> Result<Value> {
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
    })
}

fn addresses(row: &DeviceRow) -> Value {
    match row.last_ip.is_empty() {
        true => json!([]),
        false => json!([{"ipAddress": row.last_ip, "macAddress": null, "operationalStatus": "Up"}]),
    }
}
