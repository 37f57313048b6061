//! `/api/indicators`, as the Defender API has it.

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    response::IntoResponse,
};
use http::StatusCode;
use moat_indicators::{Prefix, UrlPattern, is_https};
use moat_model::{Action, IndicatorId, IndicatorType};
use serde_json::{Map, Value, json};

use super::{Imported, Indicator, Submission, draft::at_commas};
use crate::{
    App, Caller,
    error::{Error, Result},
    json::{ApiResult, Body, Origin, check_case, context, list_answer},
    odata::Query,
};

pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    let indicator = super::create_or_update(&app, &caller, submission(&body)?).await?;
    Ok(Json(with_context(&app, &indicator)))
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Origin(origin): Origin,
    RawQuery(raw): RawQuery,
) -> ApiResult<Json<Value>> {
    let query = Query::parse(raw.as_deref())?;
    query.check_expand(&[])?;
    let page = super::list(&app, &caller, &query).await?;
    let context = context(&app, "Indicators");
    let value = page.rows.iter().map(entity).collect();
    let address = format!("{origin}/api/indicators");
    Ok(Json(list_answer(&context, &page, value, &query, &address)))
}

pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let indicator = super::get(&app, &caller, parse_id(&id)?).await?;
    Ok(Json(with_context(&app, &indicator)))
}

pub async fn delete(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> ApiResult<StatusCode> {
    super::delete(&app, &caller, parse_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn import(State(app): State<App>, caller: Caller, Body(body): Body<Map<String, Value>>) -> ApiResult {
    let items = array(&body, "Indicators")?;
    if items.len() > super::MAX_BATCH {
        let message = format!(
            "Indicators has {} items; at most {} go into one import",
            items.len(),
            super::MAX_BATCH
        );
        return Err(Error::invalid("MaximumBatchSizeExceeded", message).into());
    }
    // What is not even an object is answered in its place, like every other bad item.
    let parsed: Vec<Result<Submission>> = items
        .iter()
        .map(|item| match item {
            Value::Object(fields) => submission(fields),
            _ => Err(Error::invalid("InvalidInput", "this item is not an object")),
        })
        .collect();
    let (mut failed, mut good) = (Vec::new(), Vec::new());
    for (n, item) in parsed.into_iter().enumerate() {
        match item {
            Ok(submission) => good.push((n, submission)),
            Err(error) => failed.push((n, error)),
        }
    }
    let (places, submissions): (Vec<_>, Vec<_>) = good.into_iter().unzip();
    let mut results: Vec<(usize, Value)> = Vec::with_capacity(items.len());
    if !submissions.is_empty() || failed.is_empty() {
        let imported = super::import(&app, &caller, submissions).await?;
        results.extend(places.into_iter().zip(imported.iter().map(result)));
    } else {
        caller.require_any(&[crate::Role::TiReadWriteAll, crate::Role::TiReadWrite])?;
    }
    for (n, error) in failed {
        let value = items[n].get("indicatorValue").cloned().unwrap_or(Value::Null);
        let item = json!({"id": null, "indicator": value, "isFailed": true, "failureReason": reason(&error)});
        results.push((n, item));
    }
    results.sort_by_key(|(n, _)| *n);
    let value: Vec<Value> = results.into_iter().map(|(_, item)| item).collect();
    let context = context(
        &app,
        "Collection(microsoft.windowsDefenderATP.api.ImportIndicatorResult)",
    );
    Ok(Json(json!({"@odata.context": context, "value": value})).into_response())
}

pub async fn batch_delete(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Map<String, Value>>,
) -> ApiResult<StatusCode> {
    let items = array(&body, "IndicatorIds")?;
    let ids = items
        .iter()
        .map(|item| match item {
            Value::String(id) => parse_batch_id(id),
            Value::Number(id) => parse_batch_id(&id.to_string()),
            other => parse_batch_id(&other.to_string()),
        })
        .collect::<Result<Vec<_>>>()?;
    super::delete_batch(&app, &caller, &ids).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An item of an import's answer.
fn result(imported: &Imported) -> Value {
    match &imported.result {
        Ok(id) => json!({
            "id": id.to_string(), "indicator": imported.value, "isFailed": false, "failureReason": null,
        }),
        Err(error) => json!({
            "id": null, "indicator": imported.value, "isFailed": true, "failureReason": reason(error),
        }),
    }
}

pub(super) fn reason(error: &Error) -> String {
    format!("{}: {error}", error.code())
}

fn with_context(app: &App, indicator: &Indicator) -> Value {
    let mut answer = json!({"@odata.context": context(app, "Indicators/$entity")});
    if let (Value::Object(answer), Value::Object(fields)) = (&mut answer, entity(indicator)) {
        answer.extend(fields);
    }
    answer
}

/// The entity, with every field that Defender's has.
pub fn entity(i: &Indicator) -> Value {
    json!({
        "id": i.id.to_string(),
        "indicatorValue": i.value,
        "indicatorType": i.kind,
        "action": i.action,
        "application": i.application,
        "source": i.created_by_name,
        "sourceType": i.source.as_str(),
        "title": i.title,
        "description": i.description,
        "recommendedActions": i.recommended_actions,
        "severity": i.severity,
        "category": i.category,
        "mitreTechniques": i.mitre_techniques,
        "expirationTime": i.expires.map(|t| t.to_string()),
        "generateAlert": i.generate_alert,
        "educateUrl": i.educate_url,
        "bypassDurationHours": i.bypass_hours,
        "rbacGroupNames": i.device_groups,
        "rbacGroupIds": i.device_groups,
        "externalID": i.external_id,
        "externalId": i.external_id,
        "createdBy": i.created_by,
        "createdByDisplayName": i.created_by_name,
        "createdBySource": if i.source == super::Source::AadApp { "PublicApi" } else { "Portal" },
        "creationTimeDateTimeUtc": i.created_at.to_string(),
        "lastUpdateTime": i.updated_at.to_string(),
        "lastUpdatedBy": i.updated_by,
        "historicalDetection": false,
        "lookBackPeriod": null,
        "notificationId": null,
        "notificationBody": null,
        "certificateInfo": null,
        "version": null,
        "additionalInfo": note(i),
    })
}

/// What the submitter should know and Defender would not say.
fn note(i: &Indicator) -> Option<&'static str> {
    let has_path = || UrlPattern::parse(&i.canonical).is_ok_and(|url| !url.path().is_empty());
    match i.kind {
        IndicatorType::Url if is_https(&i.value) && has_path() => {
            Some("A path is seen only over plain HTTP; over HTTPS only a host can be matched.")
        }
        IndicatorType::IpAddress if i.canonical.parse::<Prefix>().is_ok_and(|p| p.is_internal()) => Some(
            "This is an internal address; Defender would refuse it. Make sure that you mean to cut off your own network.",
        ),
        kind if !kind.is_enforced() => {
            Some("Stored and returned, but not enforced: devices act on IpAddress, DomainName and Url.")
        }
        _ if i.action == Action::AlertAndBlock => Some("AlertAndBlock is a legacy action: it is enforced as Block."),
        _ if i.action == Action::Alert => Some("Alert is a legacy action: it is enforced as Audit."),
        _ => None,
    }
}

fn parse_id(id: &str) -> Result<IndicatorId> {
    parse_batch_id(id).map_err(|_| Error::not_found("indicator", id.chars().take(40).collect::<String>()))
}

fn parse_batch_id(id: &str) -> Result<IndicatorId> {
    let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| id.parse().ok())
        .flatten()
        .map(IndicatorId)
        .ok_or_else(|| {
            let shown: String = id.chars().take(40).collect();
            Error::invalid(
                "InvalidInput",
                format!("IndicatorIds: {shown:?} is not the id of an indicator"),
            )
        })
}

fn array<'a>(body: &'a Map<String, Value>, name: &'static str) -> Result<&'a Vec<Value>> {
    check_case(body, &[name])?;
    match body.get(name) {
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Error::invalid("InvalidRequestBody", format!("{name} must be an array"))),
        None => Err(Error::invalid("MissingRequiredParameter", format!("{name} is missing"))),
    }
}

const FIELDS: [&str; 19] = [
    "id",
    "indicatorValue",
    "indicatorType",
    "action",
    "application",
    "title",
    "description",
    "recommendedActions",
    "severity",
    "category",
    "mitreTechniques",
    "expirationTime",
    "generateAlert",
    "educateUrl",
    "bypassDurationHours",
    "externalId",
    "externalID",
    "rbacGroupNames",
    "rbacGroupIds",
];

fn submission(body: &Map<String, Value>) -> Result<Submission> {
    check_case(body, &FIELDS)?;
    let text = |name: &str| text(body, name);
    // An answer that is sent back with an empty list still carries what it was under the other name.
    let given = body.get("rbacGroupNames").is_some_and(|names| !names.is_null());
    let device_groups = texts(body, if given { "rbacGroupNames" } else { "rbacGroupIds" })?;
    Ok(Submission {
        id: text("id")?,
        value: text("indicatorValue")?,
        kind: text("indicatorType")?,
        action: text("action")?,
        application: text("application")?,
        title: text("title")?,
        description: text("description")?,
        recommended_actions: text("recommendedActions")?,
        severity: text("severity")?,
        category: text("category")?,
        mitre_techniques: texts(body, "mitreTechniques")?,
        expires: text("expirationTime")?,
        generate_alert: text("generateAlert")?,
        educate_url: text("educateUrl")?,
        bypass_hours: text("bypassDurationHours")?,
        external_id: text("externalId")?.or(text("externalID")?),
        device_groups,
    })
}

/// Text, or what Defender itself answers as a number or truth value.
fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(Error::invalid("InvalidRequestBody", format!("{name} must be text"))),
    }
}

/// An array of texts, or one text with commas: the documentation shows both.
fn texts(body: &Map<String, Value>, name: &str) -> Result<Vec<String>> {
    let wrong = || {
        Error::invalid(
            "InvalidRequestBody",
            format!("{name} must be an array of texts or one text with commas"),
        )
    };
    match body.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(at_commas(text)),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(String::from).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}
