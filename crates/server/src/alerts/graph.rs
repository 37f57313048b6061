//! `/security/alerts_v2` in Graph's shape: the alerts of the Defender face in Graph's words.

use axum::extract::{Path, State};
use moat_model::{AlertStatus, Classification, Determination, Evidence};
use serde_json::{Map, Value, json};

use super::triage::{self, AlertRow, Change, EvidenceRow, HistoryRow};
use crate::{
    App,
    caller::{Caller, Role},
    error::{Error, Result},
    graph::{self, Graph, object, text},
    json::{ApiResult, Body, time, time_or_null},
};

pub const READ: &[Role] = &[Role::SecurityAlertReadAll, Role::SecurityAlertReadWriteAll];
pub const WRITE: &[Role] = &[Role::SecurityAlertReadWriteAll];

const SET: &str = "security/alerts_v2";

/// Moat's words and Graph's; where several of ours are one of Graph's, the first is what Graph's means.
const DETERMINATIONS: &[(Determination, &str)] = &[
    (Determination::MultiStagedAttack, "multiStagedAttack"),
    (Determination::MaliciousUserActivity, "maliciousUserActivity"),
    (Determination::CompromisedUser, "compromisedAccount"),
    (Determination::Malware, "malware"),
    (Determination::Phishing, "phishing"),
    (Determination::UnwantedSoftware, "unwantedSoftware"),
    (Determination::SecurityTesting, "securityTesting"),
    (Determination::LineOfBusinessApplication, "lineOfBusinessApplication"),
    (Determination::ConfirmedActivity, "confirmedActivity"),
    (Determination::ConfirmedUserActivity, "confirmedActivity"),
    (Determination::NotMalicious, "notMalicious"),
    (Determination::Clean, "notMalicious"),
    (Determination::InsufficientData, "notEnoughDataToValidate"),
    (Determination::Other, "other"),
];

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let query = graph.query()?;
    let page = super::search::graph_page(&app.db, &query).await?;
    let ids: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
    let mut evidence = triage::evidence_of(&app.db, &ids).await?;
    let mut comments = triage::comments_of(&app.db, &ids).await?;
    let value = page.rows.iter().map(|row| {
        let evidence = evidence.remove(&row.id).unwrap_or_default();
        let comments = comments.remove(&row.id).unwrap_or_default();
        render(&app, row, &evidence, &comments)
    });
    let value = value.collect();
    Ok(graph.page(SET, SET, &page, value, &query))
}

pub async fn count(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    caller.require_any(READ)?;
    let page = super::search::graph_page(&app.db, &graph.query()?.counting()).await?;
    Ok(graph::count(page.count.unwrap_or_default()))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    caller.require_any(READ)?;
    entity(&app, &graph, &id).await
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let change = change_of(&object(body)?)?;
    let writer = Caller::new(caller.actor, vec![Role::AlertReadWriteAll]);
    triage::update(&app, &writer, std::slice::from_ref(&id), &change).await?;
    entity(&app, &graph, &id).await
}

/// `POST …/comments` with `{"comment": "…"}`, which the SDKs put into a list; answers all comments.
pub async fn comment(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    caller.require_any(WRITE)?;
    let body = match body {
        Value::Array(comments) => match <[Value; 1]>::try_from(comments) {
            Ok([comment]) => comment,
            Err(_) => return Err(Error::invalid("BadRequest", "send one comment at a time").into()),
        },
        body => body,
    };
    let change = Change {
        comment: Some(graph::required(&object(body)?, "comment")?),
        ..Change::default()
    };
    let writer = Caller::new(caller.actor, vec![Role::AlertReadWriteAll]);
    triage::update(&app, &writer, std::slice::from_ref(&id), &change).await?;
    let history = triage::history(&app.db, &id).await?;
    Ok(graph.whole("Collection(microsoft.graph.security.alertComment)", comments(&history)))
}

async fn entity(app: &App, graph: &Graph, id: &str) -> ApiResult {
    let row = super::search::get(app.db.read(), id).await?;
    let row = row.ok_or_else(|| Error::not_found("alert", id.chars().take(80).collect::<String>()))?;
    let evidence = triage::evidence(&app.db, id).await?;
    let history = triage::history(&app.db, id).await?;
    Ok(graph.entity(SET, render(app, &row, &evidence, &history)))
}

fn change_of(fields: &Map<String, Value>) -> Result<Change> {
    let wrong = |name: &str, value: &str, words: &str| {
        let shown: String = value.chars().take(80).collect();
        Error::invalid("BadRequest", format!("{name}: {shown:?} is not one of {words}"))
    };
    let status = match text(fields, "status")?.as_deref() {
        None => None,
        Some("new") => Some(AlertStatus::New),
        Some("inProgress") => Some(AlertStatus::InProgress),
        Some("resolved") => Some(AlertStatus::Resolved),
        Some(other) => return Err(wrong("status", other, "new, inProgress, resolved")),
    };
    let classification = match text(fields, "classification")?.as_deref() {
        None | Some("unknown") => None,
        Some("truePositive") => Some(Classification::TruePositive),
        Some("falsePositive") => Some(Classification::FalsePositive),
        Some("informationalExpectedActivity") => Some(Classification::InformationalExpectedActivity),
        Some(other) => {
            let words = "truePositive, falsePositive, informationalExpectedActivity";
            return Err(wrong("classification", other, words));
        }
    };
    let determination = match text(fields, "determination")?.as_deref() {
        None | Some("unknown") => None,
        Some(word) => match DETERMINATIONS.iter().find(|(_, theirs)| *theirs == word) {
            Some((ours, _)) => Some(*ours),
            None => {
                let words: Vec<_> = DETERMINATIONS.iter().map(|(_, theirs)| *theirs).collect();
                return Err(wrong("determination", word, &words.join(", ")));
            }
        },
    };
    let change = Change {
        status,
        assigned_to: text(fields, "assignedTo")?,
        classification,
        determination,
        comment: None,
    };
    let known = ["status", "assignedTo", "classification", "determination"];
    if !fields.keys().any(|name| known.contains(&name.as_str())) {
        let text = format!("the body changes nothing; known are {}", known.join(", "));
        return Err(Error::invalid("BadRequest", text));
    }
    Ok(change)
}

fn render(app: &App, row: &AlertRow, evidence: &[EvidenceRow], history: &[HistoryRow]) -> Value {
    let determination = row.determination.as_deref().and_then(|word| word.parse().ok());
    let determination = DETERMINATIONS.iter().find(|(ours, _)| Some(*ours) == determination);
    json!({
        "@odata.type": "#microsoft.graph.security.alert",
        "id": row.id,
        "providerAlertId": row.id,
        "incidentId": null,
        "tenantId": app.tenant,
        "title": row.title,
        "description": row.description,
        "recommendedActions": row.recommended_action,
        "category": row.category,
        "severity": lower_first(&row.severity),
        "status": lower_first(&row.status),
        "classification": row.classification.as_deref().map_or_else(|| "unknown".into(), lower_first),
        "determination": determination.map_or("unknown", |(_, theirs)| theirs),
        "serviceSource": "microsoftDefenderForEndpoint",
        "detectionSource": if row.indicator_id.is_some() { "customTi" } else { "microsoftDefenderForEndpoint" },
        "detectorId": row.kind,
        "productName": "Moat",
        "assignedTo": row.assigned_to,
        "alertWebUrl": format!("{}/alerts/{}", app.base_url(), row.id),
        "createdDateTime": time(row.created_at),
        "lastUpdateDateTime": time(row.updated_at),
        "firstActivityDateTime": time(row.first_event_at),
        "lastActivityDateTime": time(row.last_event_at),
        "resolvedDateTime": time_or_null(row.resolved_at),
        "mitreTechniques": [],
        "systemTags": [],
        "comments": comments(history),
        "evidence": all_evidence(row, evidence),
    })
}

fn comments(history: &[HistoryRow]) -> Vec<Value> {
    let comments = history.iter().filter(|line| line.kind == "comment");
    comments
        .map(|line| json!({"comment": line.text, "createdByDisplayName": line.actor, "createdDateTime": time(line.at)}))
        .collect()
}

/// The device first, then what was seen.
fn all_evidence(row: &AlertRow, evidence: &[EvidenceRow]) -> Vec<Value> {
    let mut all = vec![json!({
        "@odata.type": "#microsoft.graph.security.deviceEvidence",
        "createdDateTime": time(row.created_at),
        "verdict": "suspicious",
        "remediationStatus": "none",
        "roles": if row.kind == "Jailbreak" { json!(["compromised"]) } else { json!([]) },
        "tags": [],
        "mdeDeviceId": row.device_id,
        "azureAdDeviceId": row.device_id,
        "deviceDnsName": row.device_name,
        "rbacGroupName": row.device_group,
    })];
    all.extend(evidence.iter().filter_map(|row| {
        let mut item = json!({"createdDateTime": time(row.created_at), "verdict": "suspicious", "remediationStatus": "none", "roles": [], "tags": []});
        match serde_json::from_str::<Evidence>(&row.body).ok()? {
            Evidence::Site { value, seen_in, .. } if seen_in == "ip" => {
                item["@odata.type"] = "#microsoft.graph.security.ipEvidence".into();
                item["ipAddress"] = value.into();
            }
            Evidence::Site { value, .. } => {
                item["@odata.type"] = "#microsoft.graph.security.urlEvidence".into();
                item["url"] = value.into();
            }
            Evidence::Rule { detail, rule, .. } => {
                item["@odata.type"] = "#microsoft.graph.security.fileEvidence".into();
                item["fileDetails"] = json!({"fileName": detail});
                item["detailedRoles"] = json!([rule]);
            }
            Evidence::Note { .. } => return None,
        }
        Some(item)
    }));
    all
}

/// `InProgress` → `inProgress`.
fn lower_first(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_ascii_lowercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_compares_the_words_that_are_answered() {
        for (ours, theirs) in DETERMINATIONS {
            let case = format!("WHEN '{}' THEN '{theirs}'", ours.as_str());
            assert!(super::super::search::GRAPH_DETERMINATION.contains(&case), "{case}");
        }
    }
}
