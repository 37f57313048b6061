//! The pages of connectors to threat-defence partners.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::{Connector, ConnectorId, PartnerState, compliance::PartnerUnresponsive};
use moat_policy::connector as rules;

use super::{Named, OWN, current};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    app::now,
    caller::{Caller, Role},
    clients, compliance,
    console::{Clash, ConsoleError, Frame, Html, Inputs, Shown, Wrong, version, words},
    edition::Expected,
    error::{Error, Result},
    policies::{self, Kind},
};

const LIST: &str = "/connectors";
/// Policies whose rule for a silent partner is shown.
const SHOWN: u32 = 100;

const INPUTS: Inputs = &[
    ("displayName", "displayName", "display-name"),
    ("partnerUnresponsivenessThresholdInDays", "days", "connector-days"),
    ("iosEnabled", "iosEnabled", "connector-compliance"),
    ("iosMobileApplicationManagementEnabled", "apps", "connector-apps"),
    ("iosDeviceBlockedOnMissingPartnerData", "missing", "connector-missing"),
    (
        "partnerUnsupportedOsVersionBlocked",
        "unsupported",
        "connector-unsupported",
    ),
    (
        "allowPartnerToCollectIOSApplicationMetadata",
        "appSync",
        "connector-app-sync",
    ),
    (
        "allowPartnerToCollectIOSPersonalApplicationMetadata",
        "personalAppSync",
        "connector-personal-app-sync",
    ),
];

#[derive(Template)]
#[template(path = "connectors.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Named>,
    may_change: bool,
    typed: Fields,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "connector.html")]
struct Page {
    frame: Frame,
    named: Named,
    fields: Fields,
    clashes: Vec<Clash>,
    /// Compliance policies and what they say of a partner that went silent.
    rules: Vec<(String, PartnerUnresponsive)>,
    may_change: bool,
    may_make_clients: bool,
    /// A client that was just made for the partner.
    shown: Option<Shown>,
    url: String,
    tenant: String,
    wrong: Wrong,
}

impl Named {
    fn is_own(&self) -> bool {
        self.connector.id == OWN
    }

    fn state(&self) -> PartnerState {
        rules::evaluate(&super::heard(self.connector.clone()), now()).state
    }

    /// Class and shape of its state, and the message that names it.
    fn mark(&self) -> (&'static str, &'static str, &'static str) {
        match self.state() {
            PartnerState::Enabled => ("good", "✓", "connector-enabled"),
            PartnerState::Available => ("quiet", "○", "connector-available"),
            PartnerState::NotSetUp => ("medium", "◆", "connector-not-set-up"),
            PartnerState::Unresponsive => ("high", "▲", "connector-unresponsive"),
            PartnerState::Error => ("high", "▲", "connector-error"),
            PartnerState::Unavailable => ("high", "▲", "connector-unavailable"),
        }
    }

    /// The message that says what its state means.
    fn meaning(&self) -> &'static str {
        match self.state() {
            PartnerState::Enabled => "connector-enabled-means",
            PartnerState::Available => "connector-available-means",
            PartnerState::NotSetUp => "connector-not-set-up-means",
            PartnerState::Unresponsive => "connector-unresponsive-means",
            PartnerState::Error => "connector-error-means",
            PartnerState::Unavailable => "connector-unavailable-means",
        }
    }

    fn is_silent(&self) -> bool {
        self.state() == PartnerState::Unresponsive
    }

    fn heartbeat(&self) -> Option<i64> {
        current(&self.connector)
            .last_heartbeat_date_time
            .map(|at| at.as_micros())
    }
}

impl Page {
    /// The message that says what a policy makes of a silent partner.
    fn rule_words(&self, rule: &PartnerUnresponsive) -> &'static str {
        match rule {
            PartnerUnresponsive::KeepLastKnown => "connector-rule-keep",
            PartnerUnresponsive::Ignore => "connector-rule-ignore",
            PartnerUnresponsive::Block => "connector-rule-block",
        }
    }
}

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render_list(&app, &session, Fields::default(), Wrong::default()).await
}

/// Sets a partner up, with its API client when the caller may make one.
pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let connector = Connector {
        ios_enabled: form.fields.get("iosEnabled") == "on",
        ..Connector::default()
    };
    match super::create(&app, &caller, form.fields.get("displayName"), connector).await {
        Ok(named) => {
            // Without a client the page of the connector says how to make one.
            if let Ok(shown) = client_of(&app, &caller, &named).await {
                app.shown_once.put(&form.session, LIST, shown);
            }
            Ok(Redirect::to(&format!("{LIST}/{}", named.connector.id)).into_response())
        }
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "add", error, INPUTS)?;
            render_list(&app, &form.session, form.fields, wrong).await
        }
    }
}

async fn render_list(app: &App, session: &Session, typed: Fields, wrong: Wrong) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    Html(ListPage {
        frame: Frame::new(session, LIST),
        rows: super::list(app, &caller).await?,
        may_change: caller.require_any(super::WRITE).is_ok(),
        typed,
        wrong,
    })
    .respond()
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, None).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let frame = Frame::new(&form.session, LIST);
    let mut wrong = Wrong::new("switches");
    let days = wrong.number(&frame, "days", "connector-days", form.fields.get("days"), 1..=365);
    if wrong.is_empty() {
        let (caller, fields) = (form.session.caller(), &form.fields);
        let expected = version(fields);
        let change = |before: &Connector| Ok(switched(before, fields, days));
        match super::update(&app, &caller, parse(&id)?, &expected, change).await {
            Ok(_) => return Ok(Redirect::to(&format!("{LIST}/{id}")).into_response()),
            Err(error) => wrong = Wrong::said(&frame, "switches", error, INPUTS)?,
        }
    }
    render(&app, &form.session, &id, Some((form.fields, wrong))).await
}

fn switched(before: &Connector, fields: &Fields, days: u32) -> Connector {
    let on = |name: &str| fields.get(name) == "on";
    Connector {
        ios_enabled: on("iosEnabled"),
        ios_mobile_application_management_enabled: on("apps"),
        ios_device_blocked_on_missing_partner_data: on("missing"),
        partner_unsupported_os_version_blocked: on("unsupported"),
        allow_partner_to_collect_ios_application_metadata: on("appSync"),
        allow_partner_to_collect_ios_personal_application_metadata: on("personalAppSync"),
        partner_unresponsiveness_threshold_in_days: i32::try_from(days).unwrap_or(i32::MAX),
        ..before.clone()
    }
}

fn stored(named: &Named) -> Fields {
    let ticked = |on: bool| if on { "on".to_string() } else { String::new() };
    let connector = &named.connector;
    Fields::from([
        ("displayName", named.display_name.clone()),
        ("iosEnabled", ticked(connector.ios_enabled)),
        ("apps", ticked(connector.ios_mobile_application_management_enabled)),
        ("missing", ticked(connector.ios_device_blocked_on_missing_partner_data)),
        ("unsupported", ticked(connector.partner_unsupported_os_version_blocked)),
        (
            "appSync",
            ticked(connector.allow_partner_to_collect_ios_application_metadata),
        ),
        (
            "personalAppSync",
            ticked(connector.allow_partner_to_collect_ios_personal_application_metadata),
        ),
        ("days", connector.partner_unresponsiveness_threshold_in_days.to_string()),
    ])
}

pub async fn make_client(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let named = super::get(&app, &caller, parse(&id)?).await?;
    match client_of(&app, &caller, &named).await {
        Ok(shown) => {
            app.shown_once.put(&form.session, LIST, shown);
            Ok(Redirect::to(&format!("{LIST}/{id}")).into_response())
        }
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "client", error, INPUTS)?;
            render(&app, &form.session, &id, Some((form.fields, wrong))).await
        }
    }
}

async fn client_of(app: &App, caller: &Caller, named: &Named) -> Result<Shown> {
    let name = format!("partner {}", named.display_name);
    let client = clients::create(app, caller, &name, vec![Role::PartnerReport]).await?;
    Ok(Shown {
        what: name,
        lines: vec![
            ("client-tenant", client.tenant),
            ("client-id", client.client_id),
            ("client-secret", client.client_secret),
        ],
    })
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let (caller, frame) = (form.session.caller(), Frame::new(&form.session, LIST));
    let named = super::get(&app, &caller, parse(&id)?).await?;
    let mut wrong = Wrong::new("delete");
    if form.fields.get("confirm").trim() == named.display_name {
        match super::delete(&app, &caller, named.connector.id, &Expected::Any).await {
            Ok(()) => return Ok(Redirect::to(LIST).into_response()),
            // Its page has no such form.
            Err(error) if named.is_own() => return Err(error.into()),
            Err(error) => wrong = Wrong::said(&frame, "delete", error, INPUTS)?,
        }
    } else {
        wrong.add(
            "confirm",
            frame.with("type-to-confirm", [("name", &named.display_name)]),
        );
    }
    render(&app, &form.session, &id, Some((form.fields, wrong))).await
}

async fn render(
    app: &App,
    session: &Session,
    id: &str,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, LIST));
    let named = super::get(app, &caller, parse(id)?).await?;
    let (typed, wrong) = refused.unwrap_or_default();
    let kept = stored(&named);
    let changed = wrong.is_on("switches") && !version(&typed).includes(named.updated_at);
    let clashes = match changed {
        true => Clash::between(&frame, INPUTS, &kept, &typed),
        false => Vec::new(),
    };
    Html(Page {
        fields: if wrong.is_on("switches") { typed } else { kept },
        clashes,
        rules: fail_rules(app, &caller).await?,
        may_change: caller.require_any(super::WRITE).is_ok(),
        may_make_clients: caller.has(Role::MoatAdministrate),
        shown: app.shown_once.take(session, LIST),
        url: app.base_url(),
        tenant: app.tenant.clone(),
        frame,
        named,
        wrong,
    })
    .respond()
}

/// What compliance policies say of silent partners, where the caller may read them.
async fn fail_rules(app: &App, caller: &Caller) -> Result<Vec<(String, PartnerUnresponsive)>> {
    if caller.require_any(compliance::READ).is_err() {
        return Ok(Vec::new());
    }
    let query = crate::odata::Query::parse(Some(&format!("$top={SHOWN}")))?;
    let page = policies::store::page(&app.db, Kind::Compliance, &query).await?;
    let rule = |policy: policies::PolicyRow| {
        let rule = compliance::Body::of(&policy)?.settings.moat_partner_unresponsive;
        Ok((policy.display_name, rule))
    };
    page.rows.into_iter().map(rule).collect()
}

fn parse(id: &str) -> Result<ConnectorId> {
    id.parse()
        .map_err(|_| Error::not_found("connector", id.chars().take(80).collect::<String>()))
}
