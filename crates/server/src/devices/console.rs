//! The pages of devices.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
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
    accounts::{
        Session,
        session::{Fields, Form},
    },
    alerts::triage::{self, AlertRow},
    console::{Chip, ConsoleError, Frame, Html, Pager, Wrong, address, escape, here, words},
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
    chips: Vec<Chip>,
    pager: Pager,
}

const ENROLLED: &str = "onboardingStatus eq 'onboarded'";

/// Filters that are links: name in the address, label, OData. Removed devices stand in a list of their own.
const FILTERS: [(&str, &str, &str); 7] = [
    ("high", "High risk", "riskScore eq 'High'"),
    ("medium", "Medium risk", "riskScore eq 'Medium'"),
    ("jailbroken", "Jailbroken or suspected", "moatJailbreak ne 'none'"),
    (
        "impaired",
        "Web protection off",
        "healthStatus eq 'ImpairedCommunication'",
    ),
    ("silent", "Silent", "healthStatus eq 'Inactive'"),
    ("healthy", "Healthy", "healthStatus eq 'Active' and riskScore eq 'None'"),
    ("removed", "Removed", "onboardingStatus ne 'onboarded'"),
];

/// The filters as links, and what is searched for, each to be switched off by itself.
fn chips(frame: &Frame, search: &str, filter: &str) -> Vec<Chip> {
    let link = |search: &str, filter: &str| address("/devices", &[("q", search), ("filter", filter)]);
    let mut chips = Vec::new();
    if !search.is_empty() {
        chips.push(Chip {
            label: frame.with("name-has", [("text", search)]),
            link: link("", filter),
            on: true,
            removable: true,
        });
    }
    for (name, label, _) in FILTERS {
        let on = name == filter;
        chips.push(Chip {
            label: label.into(),
            link: link(search, if on { "" } else { name }),
            on,
            removable: true,
        });
    }
    if !filter.is_empty() && !FILTERS.iter().any(|(name, ..)| *name == filter) {
        chips.push(Chip::unknown(filter, link(search, "")));
    }
    chips
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let query = Fields::of_address(&here(&uri));
    let text = |name: &str| query.text(name).unwrap_or_default();
    let (search, filter) = (text("q"), text("filter"));
    let skip: u64 = text("skip").parse().unwrap_or(0);
    let mut conditions = Vec::new();
    if !search.is_empty() {
        conditions.push(format!("contains(computerDnsName,'{}')", search.replace('\'', "''")));
    }
    let known = FILTERS.iter().find(|(name, ..)| *name == filter);
    conditions.extend(known.map(|(_, _, condition)| (*condition).to_string()));
    if filter != "removed" {
        conditions.push(ENROLLED.into());
    }
    let odata = format!("$top={PAGE}&$skip={skip}&$filter={}", escape(&conditions.join(" and ")));
    let page = search::page(&app.db, &odata::Query::parse(Some(&odata))?).await?;
    let parameters = [("q", search.as_str()), ("filter", filter.as_str())];
    let pager = Pager::new("/devices", &parameters, skip, PAGE, page.has_more);
    let connected = |row: &DeviceRow| row.device_id().is_ok_and(|id| app.hub.is_connected(id));
    let rows = page.rows.into_iter().map(|row| {
        let on = connected(&row);
        (row, on)
    });
    let frame = Frame::new(&session, "/devices");
    Html(ListPage {
        rows: rows.collect(),
        chips: chips(&frame, &search, &filter),
        frame,
        search,
        filter,
        pager,
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
    /// Why it is not compliant; empty when it is.
    compliance: Vec<Explained>,
    alerts: Vec<AlertRow>,
    timeline: Vec<EventRow>,
    wrong: Wrong,
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
            "webProtectionChanged" => match body["state"].as_str().unwrap_or_default() {
                "otherVpn" => "Web protection stands aside: another VPN is active".into(),
                state => format!("Web protection {}", words::protection(state).word),
            },
            "siteReported" => format!("Reported {}", text(&body["url"])),
            "bundleRefused" => format!("Refused a policy: {}", text(&body["reason"])),
            "orderDone" => match (text(&body["outcome"]).as_str(), text(&body["detail"])) {
                ("done", _) => "Carried an order out".into(),
                ("notSupported", why) => format!("Cannot carry an order out: {why}"),
                (_, why) => format!("Could not carry an order out: {why}"),
            },
            other => other.to_string(),
        }
    }
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, Wrong::default()).await
}

pub async fn revoke(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let device = super::get(&app, parse_id(&id)?).await?;
    if form.fields.get("confirm").trim() != device.name {
        let mut wrong = Wrong::new("revoke");
        wrong.add(
            "confirm",
            format!("Type the device's name, {}, to remove it.", device.name),
        );
        return render(&app, &form.session, &id, wrong).await;
    }
    super::revoke(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

pub async fn check(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    super::request_posture(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(Redirect::to(&format!("/devices/{id}")).into_response())
}

async fn render(app: &App, session: &Session, id: &str, wrong: Wrong) -> Result<Response, ConsoleError> {
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
        frame: Frame::new(session, "/devices"),
        connected: app.hub.is_connected(id),
        tags: search::tags(&app.db, &device.id).await?,
        posture,
        decision: Standing::of(app.access.standing(id)),
        compliance: not_compliant(&device)?,
        alerts: triage::list(app, &session.caller(), &query, Some(&device.id))
            .await?
            .rows,
        timeline: search::timeline(&app.db, &device.id).await?,
        device,
        wrong,
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

fn not_compliant(device: &DeviceRow) -> Result<Vec<Explained>, Error> {
    let reasons: Vec<moat_policy::Reason> =
        serde_json::from_str(&device.compliance_reasons).map_err(Error::internal)?;
    Ok(reasons.iter().map(Explained::of).collect())
}
