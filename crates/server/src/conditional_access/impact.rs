//! `POST /admin/conditional-access/impact`: which devices a draft would let in or keep out, before it is stored.

use std::{net::IpAddr, time::Instant};

use axum::{Json, extract::State};
use moat_model::{
    PolicyId,
    conditional_access::{ApplicationId, ClientAppType, ConditionalAccessPolicy, CountryCode, PolicyState},
};
use moat_policy::{
    Reason,
    conditional_access::{PolicySet, validate},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{READ, names};
use crate::{
    App, Asked,
    access::{
        Explained,
        impact::{Assumed, Impact, Moved},
    },
    app::now,
    caller::Caller,
    error::{Error, Result},
    json::{ApiResult, Body},
    policies::{self, Kind},
};

/// Devices named each way, unless the request says how many.
const FIRST: usize = 20;
const MOST: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Request {
    /// In Graph's form; judged as if it were enabled, whatever its state. None: without the policy that is replaced.
    #[serde(default)]
    policy: Option<Map<String, Value>>,
    /// Id of the policy in whose place it would stand.
    #[serde(default)]
    replaces: Option<PolicyId>,
    /// One application; none: all that gateways protect.
    #[serde(default)]
    application_id: Option<ApplicationId>,
    #[serde(default)]
    client_app_type: Option<ClientAppType>,
    #[serde(default)]
    ip_address: Option<IpAddr>,
    #[serde(default)]
    country: Option<CountryCode>,
    #[serde(default)]
    mfa: bool,
    #[serde(default)]
    first: Option<usize>,
}

pub async fn impact(State(app): State<App>, caller: Caller, Body(request): Body<Request>) -> ApiResult<Json<Value>> {
    caller.require_any(READ)?;
    let assumed = assumed(&request)?;
    let most = request.first.unwrap_or(FIRST);
    if most > MOST {
        return Err(Error::invalid("BadRequest", format!("first: at most {MOST}")).into());
    }
    let draft = request.policy.as_ref().map(draft).transpose()?;
    let notes = draft.as_ref().map(|draft| app.access.notes(draft)).unwrap_or_default();
    let after = changed(&app, draft, request.replaces).await?;
    let applications = match request.application_id {
        Some(id) => vec![id],
        None => app.access.applications(),
    };
    let snapshot = app.access.snapshot();
    let devices = snapshot.known.iter().filter(|known| !known.revoked).count();
    let start = Instant::now();
    let compare = move || {
        let of = |id: &ApplicationId| (*id, snapshot.compare(&after, *id, &assumed, most));
        applications.iter().map(of).collect::<Vec<_>>()
    };
    let found = tokio::task::spawn_blocking(compare).await.map_err(Error::internal)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let applications: Vec<Value> = found.iter().map(|(id, impact)| render(*id, impact)).collect();
    Ok(Json(json!({
        "devices": devices, "milliseconds": milliseconds, "moatNotes": notes, "applications": applications,
    })))
}

fn assumed(request: &Request) -> Result<Assumed> {
    let from_app = match request.client_app_type {
        None | Some(ClientAppType::Browser) => false,
        Some(ClientAppType::MobileAppsAndDesktopClients) => true,
        Some(_) => {
            let text = "clientAppType: browser or mobileAppsAndDesktopClients, as gateways see them";
            return Err(Error::invalid("BadRequest", text));
        }
    };
    Ok(Assumed {
        asked: Asked {
            ip: request.ip_address,
            mfa: request.mfa,
            country: request.country,
            ..Asked::default()
        },
        from_app,
        now: now(),
    })
}

fn draft(fields: &Map<String, Value>) -> Result<ConditionalAccessPolicy> {
    let mut policy = super::graph::read(fields.clone())?;
    policy.state = PolicyState::Enabled;
    validate(&policy).map_err(|invalid| Error::invalid("BadRequest", invalid))?;
    Ok(policy)
}

/// All policies with the draft in its place.
async fn changed(app: &App, draft: Option<ConditionalAccessPolicy>, replaces: Option<PolicyId>) -> Result<PolicySet> {
    if draft.is_none() && replaces.is_none() {
        let text = "give policy (a draft), or replaces (the id of a policy to do without), or both";
        return Err(Error::invalid("BadRequest", text));
    }
    // Nothing is written: the transaction is dropped.
    let mut tx = app.db.begin().await?;
    let (mut all, locations) = super::stored(&mut tx).await?;
    if let Some(id) = replaces {
        let before = all.len();
        all.retain(|(other, _)| *other != id);
        if all.len() == before {
            return Err(policies::unknown(Kind::ConditionalAccess, id));
        }
    }
    if let Some(draft) = draft {
        names::check(&mut tx, &draft).await?;
        all.push((replaces.unwrap_or(PolicyId(uuid::Uuid::now_v7())), draft));
    }
    super::put_together(&all, &locations)
}

fn render(application: ApplicationId, impact: &Impact) -> Value {
    json!({
        "applicationId": application,
        "allowedBefore": impact.allowed_before,
        "allowedAfter": impact.allowed_after,
        "lose": moved(&impact.lose),
        "gain": moved(&impact.gain),
    })
}

fn moved(moved: &Moved) -> Value {
    let reasons = |reasons: &[Reason]| reasons.iter().map(Explained::of).collect::<Vec<_>>();
    let first: Vec<Value> = moved
        .first
        .iter()
        .map(|(known, against)| {
            json!({
                "deviceId": known.id,
                "deviceName": known.device.attributes.display_name,
                "userId": known.user.as_ref().map(|user| user.id),
                "reasons": reasons(against),
            })
        })
        .collect();
    json!({"count": moved.count, "first": first})
}
