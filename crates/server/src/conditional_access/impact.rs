//! `POST /admin/conditional-access/impact`: which devices a draft would let in or keep out, before it is stored.

use std::{net::IpAddr, time::Instant};

use axum::{Json, extract::State};
use moat_model::{
    PolicyId,
    conditional_access::{ApplicationId, ClientAppType, ConditionalAccessPolicy, CountryCode, PolicyState},
};
use moat_policy::{
    English, Message, Reason,
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
    let most = request.first.unwrap_or(FIRST);
    if most > MOST {
        return Err(Error::invalid("BadRequest", format!("first: at most {MOST}")).into());
    }
    let question = Question {
        assumed: assumed(&request)?,
        draft: request
            .policy
            .as_ref()
            .map(|fields| super::graph::read(fields.clone()))
            .transpose()?,
        replaces: request.replaces,
        application: request.application_id,
        most,
    };
    let found = compare(&app, &caller, question).await?;
    let applications: Vec<Value> = found
        .applications
        .iter()
        .map(|(id, impact)| render(*id, impact))
        .collect();
    Ok(Json(json!({
        "devices": found.devices, "milliseconds": found.milliseconds, "moatNotes": super::notes::english(&found.notes), "applications": applications,
    })))
}

/// A draft, and what is assumed of requests.
pub struct Question {
    /// Judged as if it were enabled. None: without the policy that is replaced.
    pub draft: Option<ConditionalAccessPolicy>,
    pub replaces: Option<PolicyId>,
    /// None: all that gateways protect.
    pub application: Option<ApplicationId>,
    pub assumed: Assumed,
    /// Devices named each way.
    pub most: usize,
}

/// What the draft would change.
pub struct Found {
    pub devices: usize,
    pub milliseconds: f64,
    /// What keeps the draft from doing at gateways what it says.
    pub notes: Vec<Message>,
    pub applications: Vec<(ApplicationId, Impact)>,
}

/// Compares what devices may do now with what they might do by the draft; stores nothing.
pub async fn compare(app: &App, caller: &Caller, question: Question) -> Result<Found> {
    caller.require_any(READ)?;
    let Question { assumed, most, .. } = question;
    let draft = question.draft.map(enabled).transpose()?;
    let notes = draft.as_ref().map(|draft| app.access.notes(draft)).unwrap_or_default();
    let after = changed(app, draft, question.replaces).await?;
    let applications = match question.application {
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
    Ok(Found {
        devices,
        milliseconds: start.elapsed().as_secs_f64() * 1e3,
        notes,
        applications: found,
    })
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

fn enabled(mut policy: ConditionalAccessPolicy) -> Result<ConditionalAccessPolicy> {
    policy.state = PolicyState::Enabled;
    validate(&policy).map_err(Error::from)?;
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
    let told = |reason: &Reason| Explained::of(reason, &English);
    let reasons = |reasons: &[Reason]| reasons.iter().map(told).collect::<Vec<_>>();
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
