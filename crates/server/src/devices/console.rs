//! The pages of devices.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Assessment;

use super::{
    DeviceRow,
    admin::parse_id,
    search::{self, EventRow},
};
use crate::{
    App,
    access::{Decision, Explained},
    accounts::{Session, session::Form},
    alerts::triage::{self, AlertRow},
    console::{ConsoleError, Frame, Html, escape, words},
    error::{Error, Result},
    odata,
};

const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "devices.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<(DeviceRow, bool)>,
    search: String,
    filter: String,
    next: Option<String>,
}

/// Filters that are links: name in the address, label, OData.
const FILTERS: [(&str, &str, &str); 6] = [
    ("high", "High risk", "riskScore eq 'High'"),
    ("medium", "Medium risk", "riskScore eq 'Medium'"),
    (
        "jailbroken",
        "Jailbroken or suspected",
        "moatJailbreak ne 'none' and onboardingStatus eq 'onboarded'",
    ),
    (
        "impaired",
        "Web protection off",
        "healthStatus eq 'ImpairedCommunication'",
    ),
    ("silent", "Silent or removed", "healthStatus eq 'Inactive'"),
    ("healthy", "Healthy", "healthStatus eq 'Active' and riskScore eq 'None'"),
];

impl ListPage {
    fn filters(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> + '_ {
        FILTERS
            .iter()
            .map(|(name, label, _)| (*name, *label, *name == self.filter))
    }
}

pub async fn list(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, ConsoleError> {
    let text = |name: &str| {
        query
            .get(name)
            .map(|value| value.trim().to_string())
            .unwrap_or_default()
    };
    let (search, filter) = (text("q"), text("filter"));
    let skip: u64 = text("skip").parse().unwrap_or(0);
    let mut conditions = Vec::new();
    if !search.is_empty() {
        conditions.push(format!("contains(computerDnsName,'{}')", search.replace('\'', "''")));
    }
    conditions.extend(
        FILTERS
            .iter()
            .find(|(name, ..)| *name == filter)
            .map(|(_, _, condition)| (*condition).to_string()),
    );
    let mut odata = format!("$top={PAGE}&$skip={skip}");
    if !conditions.is_empty() {
        odata += &format!("&$filter={}", escape(&conditions.join(" and ")));
    }
    let page = search::page(&app.db, &odata::Query::parse(Some(&odata))?).await?;
    let next = page
        .has_more
        .then(|| format!("/devices?q={}&filter={filter}&skip={}", escape(&search), skip + PAGE));
    let connected = |row: &DeviceRow| row.device_id().is_ok_and(|id| app.hub.is_connected(id));
    let rows = page
        .rows
        .into_iter()
        .map(|row| {
            let on = connected(&row);
            (row, on)
        })
        .collect();
    Html(ListPage {
        frame: Frame::new(&session, "devices"),
        rows,
        search,
        filter,
        next,
    })
    .respond()
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    device: DeviceRow,
    connected: bool,
    tags: Vec<String>,
    posture: Option<Assessment>,
    decision: Standing,
    alerts: Vec<AlertRow>,
    timeline: Vec<EventRow>,
    error: Option<String>,
}

/// A line of a device's timeline.
impl EventRow {
    /// The event in words.
    fn words(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
        let site = text(&body["site"]["value"]);
        match self.kind.as_str() {
            "webThreat" => format!("{} {site} (indicator {})", text(&body["action"]), body["indicator"]),
            "warningBypassed" => format!("Went on past the warning for {site} (indicator {})", body["indicator"]),
            "jailbreak" => format!("Jailbreak {}", text(&body["level"])),
            "jailbreakCleared" => "Found clean again".into(),
            "webProtectionChanged" => format!(
                "Web protection {}",
                words::protection(body["state"].as_str().unwrap_or_default())
            ),
            "siteReported" => format!("Reported {}", text(&body["url"])),
            "bundleRefused" => format!("Refused a policy: {}", text(&body["reason"])),
            other => other.to_string(),
        }
    }
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, None).await
}

pub async fn revoke(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let device = super::get(&app, parse_id(&id)?).await?;
    if form.fields.get("confirm").trim() != device.name {
        let error = format!("Type the device's name, {}, to remove it.", device.name);
        return render(&app, &form.session, &id, Some(error)).await;
    }
    super::revoke(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

pub async fn check(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    super::request_posture(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

async fn render(app: &App, session: &Session, id: &str, error: Option<String>) -> Result<Response, ConsoleError> {
    let id = parse_id(id)?;
    let device = super::get(app, id).await?;
    let posture = device
        .posture
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(Error::internal)?;
    let query = odata::Query::parse(Some("$top=50"))?;
    let page = DevicePage {
        frame: Frame::new(session, "devices"),
        connected: app.hub.is_connected(id),
        tags: search::tags(&app.db, &device.id).await?,
        posture,
        decision: Standing::of(app.access.standing(id)),
        alerts: triage::list(app, &session.caller(), &query, Some(&device.id))
            .await?
            .rows,
        timeline: search::timeline(&app.db, &device.id).await?,
        device,
        error,
    };
    Html(page).respond()
}

/// Whether the device may reach corporate applications, for the page.
struct Standing {
    allowed: bool,
    reasons: Vec<Explained>,
}

impl Standing {
    fn of(decision: Decision) -> Self {
        Self {
            allowed: decision.allowed,
            reasons: decision.explained(),
        }
    }
}
