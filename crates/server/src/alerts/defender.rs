//! `/api/alerts` in the shape of the Defender API.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::StatusCode,
};
use moat_model::{Evidence, Severity};
use serde_json::{Value, json};

use super::triage::{self, AlertRow, Change, EvidenceRow, HistoryRow, Reference};
use crate::{
    App,
    caller::{Caller, Role},
    devices,
    error::{Error, Result},
    json::{ApiError, ApiResult, Body, Origin, check_case, context, list_answer, time, time_or_null},
    odata::Query,
};

const MAX_BATCH: usize = 500;

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Origin(origin): Origin,
    RawQuery(raw): RawQuery,
) -> ApiResult<Json<Value>> {
    page(&app, &caller, raw.as_deref(), None, &format!("{origin}/api/alerts")).await
}

/// Alerts of one machine.
pub async fn of_machine(
    State(app): State<App>,
    caller: Caller,
    Origin(origin): Origin,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> ApiResult<Json<Value>> {
    let device = devices::defender::find(&app, &id).await?;
    let address = format!("{origin}/api/machines/{}/alerts", device.id);
    page(&app, &caller, raw.as_deref(), Some(&device.id), &address).await
}

async fn page(
    app: &App,
    caller: &Caller,
    raw: Option<&str>,
    device: Option<&str>,
    address: &str,
) -> ApiResult<Json<Value>> {
    let query = Query::parse(raw)?;
    query.check_expand(&["evidence"])?;
    let page = triage::list(app, caller, &query, device).await?;
    let ids: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
    let mut evidence = match query.expand.is_empty() {
        true => HashMap::new(),
        false => triage::evidence_of(&app.db, &ids).await?,
    };
    let mut comments = triage::comments_of(&app.db, &ids).await?;
    let render = |row: &AlertRow| {
        let evidence = evidence.remove(&row.id).unwrap_or_default();
        let comments = comments.remove(&row.id).unwrap_or_default();
        render(&app.tenant, row, &evidence, &comments)
    };
    let value = page.rows.iter().map(render).collect();
    Ok(Json(list_answer(
        &context(app, "Alerts"),
        &page,
        value,
        &query,
        address,
    )))
}

pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(entity(&app, &caller, &id).await?))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    triage::update(&app, &caller, std::slice::from_ref(&id), &change_of(&body)?).await?;
    Ok(Json(entity(&app, &reader(caller), &id).await?))
}

pub async fn batch_update(State(app): State<App>, caller: Caller, Body(body): Body<Value>) -> ApiResult<StatusCode> {
    let ids = body["alertIds"]
        .as_array()
        .ok_or_else(|| Error::invalid("MissingRequiredParameter", "alertIds is missing or no array"))?;
    if ids.is_empty() {
        return Err(Error::invalid("MissingRequiredParameter", "alertIds has no items").into());
    }
    if ids.len() > MAX_BATCH {
        let text = format!("alertIds has {} items; at most {MAX_BATCH} go into one call", ids.len());
        return Err(Error::invalid("MaximumBatchSizeExceeded", text).into());
    }
    let id = |id: &Value| {
        id.as_str()
            .map(String::from)
            .ok_or_else(|| Error::invalid("InvalidInput", "alertIds must hold texts"))
    };
    let ids = ids.iter().map(id).collect::<Result<Vec<_>>>()?;
    triage::update(&app, &caller, &ids, &change_of(&body)?).await?;
    Ok(StatusCode::OK)
}

pub async fn create_by_reference(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Value>,
) -> ApiResult<Json<Value>> {
    let id = triage::create(&app, &caller, reference(&body)?).await?;
    Ok(Json(entity(&app, &reader(caller), &id).await?))
}

/// The machine of an alert.
pub async fn machine(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let row = triage::get(&app, &caller, &id).await?;
    caller.require_any(&[Role::MachineReadAll, Role::MachineReadWriteAll])?;
    let device = devices::defender::find(&app, &row.device_id).await?;
    Ok(Json(devices::defender::entity(&app, &device).await?))
}

/// Names of the sites in an alert's evidence.
pub async fn domains(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let hosts = sites(&app, &caller, &id).await?.into_iter().filter_map(|(value, _)| {
        let url = moat_indicators::UrlPattern::parse(&value).ok()?;
        url.host().parse::<IpAddr>().is_err().then(|| url.host().to_string())
    });
    let hosts: BTreeSet<String> = hosts.collect();
    let value: Vec<Value> = hosts.iter().map(|host| json!({"host": host})).collect();
    Ok(Json(
        json!({"@odata.context": context(&app, "Domains"), "value": value}),
    ))
}

/// Addresses in an alert's evidence.
pub async fn ips(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let found = sites(&app, &caller, &id).await?;
    let named = found.iter().filter_map(|(value, _)| value.parse().ok());
    let ips: BTreeSet<IpAddr> = named.chain(found.iter().filter_map(|(_, ip)| *ip)).collect();
    let value: Vec<Value> = ips.iter().map(|ip| json!({"id": ip.to_string()})).collect();
    Ok(Json(json!({"@odata.context": context(&app, "Ips"), "value": value})))
}

/// Files of an alert: Moat looks at none.
pub async fn files(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    triage::get(&app, &caller, &id).await?;
    Ok(Json(json!({"@odata.context": context(&app, "Files"), "value": []})))
}

/// The user of an alert: devices have none.
pub async fn user(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    triage::get(&app, &caller, &id).await?;
    Err(Error::NotFound("there is no user of this alert: Moat knows devices, not who uses them".into()).into())
}

/// Sites and remote addresses in an alert's evidence.
async fn sites(app: &App, caller: &Caller, id: &str) -> Result<Vec<(String, Option<IpAddr>)>> {
    triage::get(app, caller, id).await?;
    let rows = triage::evidence(&app.db, id).await?;
    let site = |row: &EvidenceRow| match serde_json::from_str::<Evidence>(&row.body) {
        Ok(Evidence::Site { value, remote_ip, .. }) => Some((value, remote_ip.and_then(|ip| ip.parse().ok()))),
        _ => None,
    };
    Ok(rows.iter().filter_map(site).collect())
}

/// Who may change an alert is answered with it.
fn reader(caller: Caller) -> Caller {
    Caller::new(caller.actor, vec![Role::AlertReadAll])
}

const CATEGORIES: [&str; 16] = [
    "General",
    "CommandAndControl",
    "Collection",
    "CredentialAccess",
    "DefenseEvasion",
    "Discovery",
    "Exfiltration",
    "Exploit",
    "Execution",
    "InitialAccess",
    "LateralMovement",
    "Malware",
    "Persistence",
    "PrivilegeEscalation",
    "Ransomware",
    "SuspiciousActivity",
];

fn reference(body: &Value) -> Result<Reference> {
    let text = |name: &'static str| match &body[name] {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Error::invalid("MissingRequiredParameter", format!("{name} is missing"))),
    };
    let wrong = |name: &str, rule: &str| Error::invalid("InvalidInput", format!("{name} {rule}"));
    let severity = match text("severity")?.parse() {
        Ok(severity @ (Severity::Low | Severity::Medium | Severity::High)) => severity,
        _ => return Err(wrong("severity", "must be Low, Medium or High")),
    };
    let category = text("category")?;
    let category = CATEGORIES.iter().find(|c| c.eq_ignore_ascii_case(&category));
    let category = category.ok_or_else(|| wrong("category", &format!("must be one of {}", CATEGORIES.join(", "))))?;
    let event_time = text("eventTime")?;
    let event = text("reportId")?;
    Ok(Reference {
        device: devices::admin::parse_id(&text("machineId")?)?,
        event: event
            .parse()
            .map_err(|_| wrong("reportId", "must be the number of an event"))?,
        event_time: event_time
            .parse()
            .map_err(|error| wrong("eventTime:", &format!("{error}")))?,
        title: text("title")?,
        description: text("description")?,
        recommended_action: text("recommendedAction")?,
        severity,
        category: (*category).to_string(),
    })
}

async fn entity(app: &App, caller: &Caller, id: &str) -> Result<Value> {
    let row = triage::get(app, caller, id).await?;
    let (evidence, history) = (
        triage::evidence(&app.db, id).await?,
        triage::history(&app.db, id).await?,
    );
    let mut entity = render(&app.tenant, &row, &evidence, &history);
    entity["@odata.context"] = context(app, "Alerts/$entity").into();
    Ok(entity)
}

fn change_of(body: &Value) -> Result<Change> {
    let body = body
        .as_object()
        .ok_or_else(|| Error::invalid("InvalidRequestBody", "the body must be a JSON object"))?;
    check_case(
        body,
        &[
            "alertIds",
            "status",
            "assignedTo",
            "classification",
            "determination",
            "comment",
        ],
    )?;
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::invalid("InvalidInput", format!("{name} must be text"))),
    };
    fn word<T: std::str::FromStr<Err = moat_model::UnknownWord>>(
        name: &str,
        text: Option<String>,
    ) -> Result<Option<T>> {
        text.map(|text| {
            text.parse()
                .map_err(|e| Error::invalid("InvalidInput", format!("{name}: {e}")))
        })
        .transpose()
    }
    let change = Change {
        status: word("status", text("status")?)?,
        assigned_to: text("assignedTo")?,
        classification: word("classification", text("classification")?)?,
        determination: word("determination", text("determination")?)?,
        comment: text("comment")?,
    };
    let known = ["status", "assignedTo", "classification", "determination", "comment"];
    if !body
        .iter()
        .any(|(key, value)| known.contains(&key.as_str()) && !value.is_null())
    {
        return Err(Error::invalid(
            "InvalidRequestBody",
            format!("the body changes nothing; known are {}", known.join(", ")),
        ));
    }
    Ok(change)
}

fn render(tenant: &str, row: &AlertRow, evidence: &[EvidenceRow], history: &[HistoryRow]) -> Value {
    let comments = history.iter().filter(|line| line.kind == "comment");
    let comments =
        comments.map(|line| json!({"comment": line.text, "createdBy": line.actor, "createdTime": time(line.at)}));
    let changes = history
        .iter()
        .map(|line| json!({"time": time(line.at), "actor": line.actor, "kind": line.kind, "text": line.text}));
    json!({
        "id": row.id,
        "incidentId": null,
        "investigationId": null,
        "assignedTo": row.assigned_to,
        "severity": row.severity,
        "status": row.status,
        "classification": row.classification,
        "determination": row.determination,
        "investigationState": if row.suppressed_by.is_some() { "SuppressedAlert" } else { "UnsupportedAlertType" },
        "detectionSource": row.detection_source,
        "detectorId": row.kind,
        "category": row.category,
        "threatFamilyName": null,
        "threatName": null,
        "title": row.title,
        "description": row.description,
        "recommendedAction": row.recommended_action,
        "alertCreationTime": time(row.created_at),
        "firstEventTime": time(row.first_event_at),
        "lastEventTime": time(row.last_event_at),
        "lastUpdateTime": time(row.updated_at),
        "resolvedTime": time_or_null(row.resolved_at),
        "machineId": row.device_id,
        "computerDnsName": row.device_name,
        "rbacGroupName": row.device_group,
        "aadTenantId": tenant,
        "relatedUser": null,
        "mitreTechniques": [],
        "comments": comments.collect::<Vec<_>>(),
        "evidence": evidence.iter().map(render_evidence).collect::<Vec<_>>(),
        "moatKind": row.kind,
        "moatCount": row.count,
        "moatIndicatorId": row.indicator_id.map(|id| id.to_string()),
        "moatSuppressedBy": row.suppressed_by,
        "moatHistory": changes.collect::<Vec<_>>(),
    })
}

/// One flat item, nulls kept. What has no field of its own there stands in `moatDetail`.
fn render_evidence(row: &EvidenceRow) -> Value {
    let mut item = json!({
        "entityType": null, "evidenceCreationTime": time(row.created_at), "sha1": null, "sha256": null, "fileName": null,
        "filePath": null, "processId": null, "processCommandLine": null, "processCreationTime": null, "parentProcessId": null,
        "parentProcessCreationTime": null, "parentProcessFileName": null, "parentProcessFilePath": null, "ipAddress": null,
        "url": null, "registryKey": null, "registryHive": null, "registryValueType": null, "registryValue": null,
        "accountName": null, "domainName": null, "userSid": null, "aadUserId": null, "userPrincipalName": null,
        "detectionStatus": "Detected", "moatDetail": null,
    });
    match serde_json::from_str::<Evidence>(&row.body) {
        Ok(Evidence::Site {
            value,
            seen_in,
            remote_ip,
        }) => {
            item["entityType"] = if seen_in == "ip" { "Ip" } else { "Url" }.into();
            item["ipAddress"] = remote_ip.or_else(|| (seen_in == "ip").then(|| value.clone())).into();
            item["url"] = if seen_in == "ip" { Value::Null } else { value.into() };
            item["moatDetail"] = format!("seen in {seen_in}").into();
        }
        Ok(Evidence::Rule {
            rule,
            group,
            detail,
            weight,
        }) => {
            item["entityType"] = "File".into();
            item["filePath"] = detail.clone().into();
            item["moatDetail"] = format!("rule {rule}, group {group}, weight {weight}: {detail}").into();
        }
        Ok(Evidence::Note { text }) => item["moatDetail"] = text.into(),
        Err(_) => item["moatDetail"] = row.body.clone().into(),
    }
    item
}
