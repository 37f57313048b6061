//! `/api/alerts` in the shape of the Defender API.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use moat_model::Evidence;
use serde_json::{Value, json};

use super::triage::{self, AlertRow, Change, EvidenceRow, HistoryRow};
use crate::{
    App,
    caller::{Caller, Role},
    devices,
    error::{Error, Result},
    json::{ApiError, Body, time, time_or_null},
    odata::{self, Column, Options, Property},
};

const CONTEXT: &str = "https://api.securitycenter.microsoft.com/api/$metadata#Alerts";
const MAX_BATCH: usize = 500;

/// What `$filter` knows, with the documented misspelling.
const PROPERTIES: &[Property] = &[
    Property {
        name: "id",
        column: Column::Text("a.id"),
    },
    Property {
        name: "incidentId",
        column: Column::Number("NULL"),
    },
    Property {
        name: "investigationId",
        column: Column::Number("NULL"),
    },
    Property {
        name: "assignedTo",
        column: Column::Text("a.assigned_to"),
    },
    Property {
        name: "asssignedTo",
        column: Column::Text("a.assigned_to"),
    },
    Property {
        name: "detectionSource",
        column: Column::Text("a.detection_source"),
    },
    Property {
        name: "severity",
        column: Column::Text("a.severity"),
    },
    Property {
        name: "status",
        column: Column::Text("a.status"),
    },
    Property {
        name: "category",
        column: Column::Text("a.category"),
    },
    Property {
        name: "title",
        column: Column::Text("a.title"),
    },
    Property {
        name: "machineId",
        column: Column::Text("a.device_id"),
    },
    Property {
        name: "alertCreationTime",
        column: Column::Time("a.created_at"),
    },
    Property {
        name: "lastUpdateTime",
        column: Column::Time("a.updated_at"),
    },
    Property {
        name: "firstEventTime",
        column: Column::Time("a.first_event_at"),
    },
    Property {
        name: "lastEventTime",
        column: Column::Time("a.last_event_at"),
    },
];

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    let options = Options::parse(&query, &["$filter", "$top", "$skip", "$expand", "$count"])?;
    let condition = odata::compile(options.filter.as_ref(), PROPERTIES)?;
    let rows = triage::list(&app, &caller, condition, options.top, options.skip).await?;
    Ok(Json(
        json!({"@odata.context": CONTEXT, "value": render_all(&app, rows, with_evidence(&options)?).await?}),
    ))
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
    Ok(Json(
        entity(&app, &Caller::new(caller.actor, vec![Role::AlertReadAll]), &id).await?,
    ))
}

pub async fn batch_update(State(app): State<App>, caller: Caller, Body(body): Body<Value>) -> Result<(), ApiError> {
    app.limits.batch_update.take(&caller.actor.to_string())?;
    let ids = body["alertIds"]
        .as_array()
        .ok_or_else(|| Error::invalid("MissingRequiredParameter", "alertIds is missing or no list"))?;
    if ids.is_empty() || ids.len() > MAX_BATCH {
        return Err(Error::invalid(
            "MaximumBatchSizeExceeded",
            format!("alertIds must have 1 to {MAX_BATCH} entries"),
        )
        .into());
    }
    let id = |id: &Value| {
        id.as_str()
            .map(String::from)
            .ok_or_else(|| Error::invalid("InvalidInput", "alertIds must hold texts"))
    };
    let ids = ids.iter().map(id).collect::<Result<Vec<_>>>()?;
    Ok(triage::update(&app, &caller, &ids, &change_of(&body)?).await?)
}

/// Alerts of one machine.
pub async fn of_machine(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let device = devices::get(&app, devices::admin::parse_id(&id)?).await?;
    let mut condition = odata::Condition::default();
    condition.sql = format!("a.device_id = {}", condition.bind(odata::Value::Text(device.id)));
    let rows = triage::list(&app, &caller, condition, odata::MAX_TOP, 0).await?;
    Ok(Json(
        json!({"@odata.context": CONTEXT, "value": render_all(&app, rows, false).await?}),
    ))
}

async fn entity(app: &App, caller: &Caller, id: &str) -> Result<Value> {
    let row = triage::get(app, caller, id).await?;
    let (evidence, history) = (
        triage::evidence(&app.db, id).await?,
        triage::history(&app.db, id).await?,
    );
    let mut entity = render(&app.tenant, &row, &evidence, &history);
    entity["@odata.context"] = format!("{CONTEXT}/$entity").into();
    Ok(entity)
}

async fn render_all(app: &App, rows: Vec<AlertRow>, with_evidence: bool) -> Result<Vec<Value>> {
    let mut alerts = Vec::with_capacity(rows.len());
    for row in rows {
        let evidence = if with_evidence {
            triage::evidence(&app.db, &row.id).await?
        } else {
            Vec::new()
        };
        alerts.push(render(&app.tenant, &row, &evidence, &[]));
    }
    Ok(alerts)
}

fn with_evidence(options: &Options) -> Result<bool> {
    match options.expand.iter().find(|name| *name != "evidence") {
        Some(other) => Err(odata::odata_error(format!("$expand knows evidence, not {other}"))),
        None => Ok(!options.expand.is_empty()),
    }
}

fn change_of(body: &Value) -> Result<Change> {
    let body = body
        .as_object()
        .ok_or_else(|| Error::invalid("InvalidRequestBody", "the body must be a JSON object"))?;
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
    if !body.keys().any(|key| known.contains(&key.as_str())) {
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
        "investigationState": "UnsupportedAlertType",
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
