//! Everything that is known of one device.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use moat_model::Assessment;
use serde::Deserialize;

use super::super::{
    self as devices, DeviceRow,
    admin::parse_id,
    commands::{self, CommandRow, ORDER},
    managed,
    search::{self, EventRow},
};
use crate::{
    App,
    access::{Decision, Explained},
    accounts::{Session, session::Fields},
    alerts::triage::{self, AlertRow},
    app_protection::{self, registrations::RegistrationRow},
    caller::{Caller, Role},
    compliance::{self, store::DeviceStateRow},
    console::{ConsoleError, Frame, Html, Wrong, words},
    error::{Error, Result},
    odata, users,
};

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    device: DeviceRow,
    user: Option<users::UserRow>,
    connected: bool,
    /// Whether it has the newest bundle.
    up_to_date: bool,
    tags: Vec<String>,
    posture: Option<Assessment>,
    decision: Standing,
    /// Why it is not compliant; empty when it is.
    compliance: Vec<Explained>,
    policies: Vec<PolicyState>,
    apps: Vec<RegistrationRow>,
    alerts: Vec<AlertRow>,
    timeline: Vec<(i64, String)>,
    orders: Vec<CommandRow>,
    /// What a policy would do to it once somebody agrees: retire or wipe.
    retire: Option<String>,
    may: Rights,
    wrong: Wrong,
    /// What stands in the field of its user.
    typed_user: String,
}

impl DevicePage {
    fn characters(&self, count: &u32) -> String {
        self.frame.n("device-characters", i64::from(*count))
    }

    /// By which rules it was judged, and how many of them could be answered.
    fn rules(&self, posture: &Assessment) -> String {
        let variables = [
            ("version", posture.rules_version.as_str()),
            ("score", &format!("{:.2}", posture.score)),
            ("answered", &posture.answered.to_string()),
            ("unanswered", &posture.unanswered.to_string()),
        ];
        self.frame.with("device-rules", variables)
    }
}

/// What the person who looks may do here.
struct Rights {
    check: bool,
    sync: bool,
    order: bool,
    assign: bool,
    remove: bool,
}

impl Rights {
    fn of(caller: &Caller) -> Self {
        let any = |roles: &[Role]| caller.require_any(roles).is_ok();
        Self {
            check: any(&[Role::MoatAdministrate, Role::MachineReadWriteAll]),
            sync: any(managed::ACT),
            order: any(ORDER),
            assign: any(managed::WRITE),
            remove: any(&[Role::MoatAdministrate]),
        }
    }
}

/// What one policy says of the device.
struct PolicyState {
    id: String,
    name: String,
    status: String,
    settings: Vec<SettingState>,
}

#[derive(Deserialize)]
struct SettingState {
    setting: String,
    status: String,
    reason: Option<moat_policy::Reason>,
}

impl SettingState {
    fn explained(&self, frame: &Frame) -> Option<Explained> {
        let told = |reason| Explained::of(reason, &*frame.language);
        self.reason.as_ref().map(told)
    }
}

impl PolicyState {
    fn of(row: DeviceStateRow) -> Self {
        Self {
            settings: serde_json::from_str(&row.settings).unwrap_or_default(),
            id: row.policy_id,
            name: row.display_name,
            status: row.status,
        }
    }
}

/// Whether the device may reach corporate applications, for the page.
struct Standing {
    allowed: bool,
    reasons: Vec<Explained>,
}

impl Standing {
    fn of(decision: Decision, frame: &Frame) -> Self {
        Self {
            allowed: decision.allowed,
            reasons: decision.explained(&*frame.language),
        }
    }
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, Wrong::default(), &Fields::default()).await
}

pub(super) async fn render(
    app: &App,
    session: &Session,
    id: &str,
    wrong: Wrong,
    typed: &Fields,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, "/devices"));
    caller.require_any(&[Role::MachineReadAll, Role::MachineReadWriteAll])?;
    let id = parse_id(id)?;
    let device = devices::get(app, id).await?;
    let user = match &device.user_id {
        Some(user) => users::store::find(app.db.read(), user).await?,
        None => None,
    };
    let known = user.as_ref().map(|user| user.user_principal_name.clone());
    let newest = *app.hub.revision().borrow();
    let page = DevicePage {
        connected: app.hub.is_connected(id),
        up_to_date: device.bundle_version.cast_unsigned() >= newest,
        tags: search::tags(&app.db, &device.id).await?,
        posture: posture(&device)?,
        decision: Standing::of(app.access.standing(id), &frame),
        compliance: not_compliant(&device, &frame)?,
        policies: policies(app, &device.id).await?,
        apps: apps(app, &caller, &device.id).await?,
        alerts: alerts(app, &caller, &device.id).await?,
        timeline: timeline(app, &frame, &device.id).await?,
        orders: commands::store::list(&app.db, id).await?,
        retire: crate::retire_list::store::of_device(&app.db, id).await?,
        may: Rights::of(&caller),
        typed_user: match wrong.is_on("user") {
            true => typed.get("user").to_string(),
            false => known.unwrap_or_default(),
        },
        frame,
        user,
        device,
        wrong,
    };
    Html(page).respond()
}

fn posture(device: &DeviceRow) -> Result<Option<Assessment>> {
    let posture = device.posture.as_deref().map(serde_json::from_str).transpose();
    posture.map_err(Error::internal)
}

fn not_compliant(device: &DeviceRow, frame: &Frame) -> Result<Vec<Explained>> {
    let reasons: Vec<moat_policy::Reason> =
        serde_json::from_str(&device.compliance_reasons).map_err(Error::internal)?;
    let told = |reason| Explained::of(reason, &*frame.language);
    Ok(reasons.iter().map(told).collect())
}

async fn policies(app: &App, device: &str) -> Result<Vec<PolicyState>> {
    let rows = compliance::store::of_device(&app.db, device).await?;
    Ok(rows.into_iter().map(PolicyState::of).collect())
}

/// Apps with work data, for those who may see them.
async fn apps(app: &App, caller: &Caller, device: &str) -> Result<Vec<RegistrationRow>> {
    if caller.require_any(app_protection::READ).is_err() {
        return Ok(Vec::new());
    }
    let query = odata::Query::parse(Some(&format!("$top=100&$filter=managedDeviceId eq '{device}'")))?;
    Ok(app_protection::registrations::page(&app.db, &query).await?.rows)
}

/// Its alerts, for those who may see them.
async fn alerts(app: &App, caller: &Caller, device: &str) -> Result<Vec<AlertRow>> {
    if caller.require_any(triage::READ).is_err() {
        return Ok(Vec::new());
    }
    let query = odata::Query::parse(Some("$top=50"))?;
    Ok(triage::list(app, caller, &query, Some(device)).await?.rows)
}

async fn timeline(app: &App, frame: &Frame, device: &str) -> Result<Vec<(i64, String)>> {
    let events = search::timeline(&app.db, device).await?;
    Ok(events.iter().map(|event| (event.time, line(frame, event))).collect())
}

/// An event in words.
fn line(frame: &Frame, event: &EventRow) -> String {
    let body: serde_json::Value = serde_json::from_str(&event.body).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
    let (site, indicator) = (text(&body["site"]["value"]), body["indicator"].to_string());
    let about = [("site", site.as_str()), ("indicator", &indicator)];
    match event.kind.as_str() {
        "webThreat" => match body["action"].as_str().unwrap_or_default() {
            "Warn" => frame.with("event-warned", about),
            "Audit" | "Alert" => frame.with("event-seen", about),
            "Allowed" => frame.with("event-allowed", about),
            _ => frame.with("event-blocked", about),
        },
        "warningBypassed" => frame.with("event-bypassed", about),
        "jailbreak" => {
            let level = frame.t(words::jailbreak(&text(&body["level"])).word);
            frame.with("event-jailbreak", [("level", &level)])
        }
        "jailbreakCleared" => frame.t("event-clean"),
        "webProtectionChanged" => {
            let state = frame.t(words::protection(&text(&body["state"])).word);
            frame.with("event-protection", [("state", &state)])
        }
        "siteReported" => frame.with("event-reported", [("site", &text(&body["url"]))]),
        "bundleRefused" => frame.with("event-bundle-refused", [("why", &text(&body["reason"]))]),
        "orderDone" => {
            let why = text(&body["detail"]);
            match text(&body["outcome"]).as_str() {
                "done" => frame.t("event-order-done"),
                "notSupported" => frame.with("event-order-not-supported", [("why", &why)]),
                _ => frame.with("event-order-failed", [("why", &why)]),
            }
        }
        other => other.to_string(),
    }
}
