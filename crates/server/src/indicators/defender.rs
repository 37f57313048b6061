//! `/api/indicators` in the shape of the Defender API.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde_json::{Map, Value, json};

use super::{IndicatorRow, MAX_BATCH, NewIndicator, create_or_update, delete, import, owner_of, store};
use crate::{
    App,
    caller::{Caller, Role},
    error::{Error, Result},
    json::{ApiError, Body, time, time_or_null},
    odata::{self, Column, Options, Property},
};

const CONTEXT: &str = "https://api.securitycenter.microsoft.com/api/$metadata#Indicators";

/// What `$filter` knows.
const PROPERTIES: &[Property] = &[
    Property {
        name: "id",
        column: Column::Text("CAST(id AS TEXT)"),
    },
    Property {
        name: "indicatorValue",
        column: Column::Text("value"),
    },
    Property {
        name: "indicatorType",
        column: Column::Text("type"),
    },
    Property {
        name: "action",
        column: Column::Text("action"),
    },
    Property {
        name: "application",
        column: Column::Text("application"),
    },
    Property {
        name: "title",
        column: Column::Text("title"),
    },
    Property {
        name: "severity",
        column: Column::Text("severity"),
    },
    Property {
        name: "expirationTime",
        column: Column::Time("expires_at"),
    },
    Property {
        name: "generateAlert",
        column: Column::Bool("generate_alert"),
    },
    Property {
        name: "rbacGroupNames",
        column: Column::JsonList("device_groups"),
    },
    Property {
        name: "rbacGroupIds",
        column: Column::JsonList("device_groups"),
    },
    Property {
        name: "creationTimeDateTimeUtc",
        column: Column::Time("created_at"),
    },
    Property {
        name: "lastUpdateTime",
        column: Column::Time("updated_at"),
    },
    Property {
        name: "createdBy",
        column: Column::Text("created_by"),
    },
    Property {
        name: "createdByDisplayName",
        column: Column::Text("created_by_name"),
    },
    Property {
        name: "externalId",
        column: Column::Text("external_id"),
    },
];

pub async fn submit(State(app): State<App>, caller: Caller, Body(body): Body<Value>) -> Result<Json<Value>, ApiError> {
    let row = create_or_update(&app, &caller, submission(&body)?).await?;
    let mut entity = render(&row);
    entity["@odata.context"] = format!("{CONTEXT}/$entity").into();
    Ok(Json(entity))
}

pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    caller.require_any(&[Role::TiReadWrite, Role::TiReadWriteAll])?;
    let options = Options::parse(&query, &["$filter", "$top", "$skip", "$count"])?;
    let condition = odata::compile(options.filter.as_ref(), PROPERTIES)?;
    let owner = if caller.has(Role::TiReadWriteAll) {
        None
    } else {
        Some(owner_of(&caller).unwrap_or_default())
    };
    let rows = store::page(&app.db, condition, owner, options.top, options.skip).await?;
    let mut answer = json!({"@odata.context": CONTEXT, "value": rows.iter().map(render).collect::<Vec<_>>()});
    if options.count {
        answer["@odata.count"] = rows.len().into();
    }
    Ok(Json(answer))
}

pub async fn get(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let mut entity = render(&super::get(&app, &caller, parse_id(&id)?).await?);
    entity["@odata.context"] = format!("{CONTEXT}/$entity").into();
    Ok(Json(entity))
}

pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    delete(&app, &caller, &[parse_id(&id)?]).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn import_many(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Value>,
) -> Result<Json<Value>, ApiError> {
    app.limits.import.take(&caller.actor.to_string())?;
    let list = body
        .get("Indicators")
        .or_else(|| body.get("indicators"))
        .and_then(Value::as_array);
    let list = list.ok_or_else(|| Error::invalid("MissingRequiredParameter", "Indicators is missing or no list"))?;
    check_batch(list.len(), "Indicators")?;
    let value_of = |item: &Value| item["indicatorValue"].as_str().unwrap_or_default().to_string();
    let submissions = list.iter().map(|item| (value_of(item), submission(item))).collect();
    let results: Vec<Value> = import(&app, &caller, submissions)
        .await?
        .into_iter()
        .map(render_imported)
        .collect();
    Ok(Json(
        json!({"@odata.context": "https://api.securitycenter.microsoft.com/api/$metadata#Collection(microsoft.windowsDefenderATP.api.ImportIndicatorResult)", "value": results}),
    ))
}

pub async fn batch_delete(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Value>,
) -> Result<StatusCode, ApiError> {
    app.limits.batch_delete.take(&caller.actor.to_string())?;
    let list = body
        .get("IndicatorIds")
        .or_else(|| body.get("indicatorIds"))
        .and_then(Value::as_array);
    let list = list.ok_or_else(|| Error::invalid("MissingRequiredParameter", "IndicatorIds is missing or no list"))?;
    check_batch(list.len(), "IndicatorIds")?;
    let id = |id: &Value| {
        let id = id
            .as_str()
            .map(str::to_string)
            .or_else(|| id.as_u64().map(|id| id.to_string()));
        let id = id.and_then(|id| id.parse::<i64>().ok());
        id.ok_or_else(|| Error::invalid("InvalidInput", "IndicatorIds must hold ids: digits as text"))
    };
    let ids = list.iter().map(id).collect::<Result<Vec<_>>>()?;
    delete(&app, &caller, &ids).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_batch(len: usize, name: &str) -> Result<()> {
    match len {
        0 => Err(Error::invalid("InvalidInput", format!("{name} is empty"))),
        len if len > MAX_BATCH => Err(Error::invalid(
            "MaximumBatchSizeExceeded",
            format!("{name} has {len} entries; at most {MAX_BATCH} go at once"),
        )),
        _ => Ok(()),
    }
}

fn parse_id(id: &str) -> Result<i64> {
    id.parse()
        .map_err(|_| Error::not_found("indicator", id.chars().take(40).collect::<String>()))
}

pub fn render_imported(imported: super::Imported) -> Value {
    match imported.outcome {
        Ok(id) => json!({"id": id.to_string(), "indicator": imported.value, "isFailed": false, "failureReason": null}),
        Err(error) => {
            json!({"id": null, "indicator": imported.value, "isFailed": true, "failureReason": error.to_string()})
        }
    }
}

/// Reads a submission. Names of fields are case-sensitive, as Defender documents; unknown ones are ignored, as it does.
pub fn submission(body: &Value) -> Result<NewIndicator> {
    let fields = Fields(
        body.as_object()
            .ok_or_else(|| Error::invalid("InvalidRequestBody", "an indicator must be a JSON object"))?,
    );
    let kind = fields.word("indicatorType")?;
    let action = fields.word("action")?;
    let value = fields.required("indicatorValue")?;
    let title = fields.required("title")?;
    let description = fields.required("description")?;
    Ok(NewIndicator {
        application: fields.text("application")?,
        title,
        description,
        recommended_actions: fields.text("recommendedActions")?,
        severity: if fields.is_set("severity") {
            fields.word("severity")?
        } else {
            moat_model::Severity::Informational
        },
        category: fields.category(),
        mitre_techniques: fields.list("mitreTechniques")?,
        expires: fields.time("expirationTime")?,
        generate_alert: fields.truth("generateAlert")?.unwrap_or(false),
        educate_url: fields.text("educateUrl")?,
        bypass_hours: fields.number("bypassDurationHours")?,
        external_id: fields.text("externalId")?.or(fields.text("externalID")?),
        device_groups: fields.list("rbacGroupNames")?,
        ..NewIndicator::new(kind, &value, action)
    })
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn is_set(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::invalid("InvalidInput", format!("{name} must be text"))),
        }
    }

    fn required(&self, name: &str) -> Result<String> {
        self.text(name)?
            .ok_or_else(|| Error::invalid("MissingRequiredParameter", format!("{name} is missing")))
    }

    fn word<T: std::str::FromStr<Err = moat_model::UnknownWord>>(&self, name: &str) -> Result<T> {
        self.required(name)?
            .parse()
            .map_err(|e| Error::invalid("InvalidInput", format!("{name}: {e}")))
    }

    fn time(&self, name: &str) -> Result<Option<moat_model::Timestamp>> {
        let text = self.text(name)?.filter(|text| !text.trim().is_empty());
        text.map(|text| {
            text.parse()
                .map_err(|e| Error::invalid("InvalidInput", format!("{name}: {e}")))
        })
        .transpose()
    }

    fn truth(&self, name: &str) -> Result<Option<bool>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(*yes)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Error::invalid("InvalidInput", format!("{name} must be true or false"))),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u32>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value
                    .as_u64()
                    .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
                let number = number.and_then(|number| u32::try_from(number).ok());
                number
                    .map(Some)
                    .ok_or_else(|| Error::invalid("InvalidInput", format!("{name} must be a number")))
            }
        }
    }

    /// A list, or text with commas: the documentation has both.
    fn list(&self, name: &str) -> Result<Vec<String>> {
        let wrong = || Error::invalid("InvalidInput", format!("{name} must be a list of texts"));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(split_list(text)),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(String::from).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// Text or, as live tenants give it, a number.
    fn category(&self) -> Option<String> {
        match self.0.get("category") {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        }
    }
}

pub fn split_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(String::from)
        .collect()
}

/// An indicator as the API gives it.
pub fn render(row: &IndicatorRow) -> Value {
    let list = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| json!([]));
    let enforced = row
        .kind
        .parse::<moat_model::IndicatorType>()
        .is_ok_and(|kind| kind.is_enforced());
    let note = if enforced {
        Value::Null
    } else {
        "Stored and returned; devices do not enforce this type.".into()
    };
    json!({
        "id": row.id.to_string(),
        "indicatorValue": row.value,
        "indicatorType": row.kind,
        "action": row.action,
        "application": row.application,
        "title": row.title,
        "description": row.description,
        "recommendedActions": row.recommended_actions,
        "severity": row.severity,
        "category": row.category,
        "mitreTechniques": list(&row.mitre_techniques),
        "expirationTime": time_or_null(row.expires_at),
        "generateAlert": row.generate_alert != 0,
        "educateUrl": row.educate_url,
        "bypassDurationHours": row.bypass_hours,
        "externalId": row.external_id,
        "externalID": row.external_id,
        "rbacGroupNames": list(&row.device_groups),
        "rbacGroupIds": [],
        "sourceType": row.source_type,
        "source": row.created_by_name,
        "createdBy": row.created_by,
        "createdByDisplayName": row.created_by_name,
        "createdBySource": if row.source_type == "AadApp" { "PublicApi" } else { "Portal" },
        "lastUpdatedBy": row.updated_by,
        "creationTimeDateTimeUtc": time(row.created_at),
        "lastUpdateTime": time(row.updated_at),
        "historicalDetection": false,
        "lookBackPeriod": null,
        "notificationId": null,
        "notificationBody": null,
        "version": null,
        "additionalInfo": note,
    })
}
