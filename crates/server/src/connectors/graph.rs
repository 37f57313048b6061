//! `/deviceManagement/mobileThreatDefenseConnectors` in Graph's shape.

use axum::{
    extract::{Path, State},
    response::IntoResponse as _,
};
use http::StatusCode;
use moat_model::{Connector, ConnectorId, PartnerState};
use serde_json::{Map, Value, json};

use super::{Named, current};
use crate::{
    App,
    caller::Caller,
    error::{Error, Result},
    graph::{self, Graph, Version, text},
    json::{ApiResult, Body},
};

const SET: &str = "deviceManagement/mobileThreatDefenseConnectors";

pub async fn list(State(app): State<App>, caller: Caller, graph: Graph) -> ApiResult {
    let all = super::list(&app, &caller).await?;
    Ok(graph.whole(SET, all.iter().map(|named| render(&graph, named)).collect()))
}

pub async fn get(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    let named = super::get(&app, &caller, parse(&id)?).await?;
    Ok(graph.entity(SET, render(&graph, &named)))
}

pub async fn create(State(app): State<App>, caller: Caller, graph: Graph, Body(body): Body<Value>) -> ApiResult {
    let fields = graph::object(body)?;
    let name = text(&fields, "displayName")?.unwrap_or_else(|| "Partner".into());
    let connector = merged(&Connector::default(), &fields)?;
    let named = super::create(&app, &caller, &name, connector).await?;
    Ok(graph.created(SET, render(&graph, &named)))
}

pub async fn update(
    State(app): State<App>,
    caller: Caller,
    graph: Graph,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> ApiResult {
    let fields = graph::object(body)?;
    let named = super::update(&app, &caller, parse(&id)?, &graph.expected, |before| {
        merged(before, &fields)
    })
    .await?;
    Ok(graph.entity(SET, render(&graph, &named)))
}

pub async fn delete(State(app): State<App>, caller: Caller, graph: Graph, Path(id): Path<String>) -> ApiResult {
    super::delete(&app, &caller, parse(&id)?, &graph.expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Documented samples send state and heartbeat along; they are read and left alone.
fn merged(before: &Connector, change: &Map<String, Value>) -> Result<Connector> {
    let stored = serde_json::to_value(before).map_err(Error::internal)?;
    let Value::Object(mut fields) = stored else {
        return Err(Error::internal(anyhow::anyhow!("a connector is no object")));
    };
    let mut known: Vec<&str> = fields.keys().map(String::as_str).collect();
    known.push("displayName");
    graph::only_known(change, &known)?;
    for (name, value) in change {
        if fields.contains_key(name) && !value.is_null() && name != "id" {
            fields.insert(name.clone(), value.clone());
        }
    }
    graph::typed(&fields)
}

fn render(graph: &Graph, named: &Named) -> Value {
    let connector = current(&named.connector);
    let mut value = json!(connector);
    // v1.0 does not know these two words.
    if graph.version == Version::V1 {
        match connector.partner_state {
            PartnerState::NotSetUp => value["partnerState"] = json!("unavailable"),
            PartnerState::Error => value["partnerState"] = json!("unresponsive"),
            _ => {}
        }
    }
    graph.only_beta(&mut value, Connector::BETA_ONLY);
    value["@odata.etag"] = graph::etag(named.updated_at).into();
    value["@odata.type"] = "#microsoft.graph.mobileThreatDefenseConnector".into();
    value["displayName"] = named.display_name.clone().into();
    value
}

fn parse(id: &str) -> Result<ConnectorId> {
    id.parse()
        .map_err(|_| Error::not_found("connector", id.chars().take(80).collect::<String>()))
}
