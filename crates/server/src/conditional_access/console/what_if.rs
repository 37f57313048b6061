//! What If: which policies would apply to a sign-in, and why the others would not.

use askama::Template;
use axum::{extract::State, http::Uri, response::Response};
use moat_model::conditional_access::{
    AnalysisReason, DeviceInfo, SignInConditions, SignInContext, SignInIdentity, WhatIfRequest,
};

use super::{ABOUT, READ, asks, form, form::Offers, mark, word_of};
use crate::{
    App,
    accounts::{Session, session::Fields},
    conditional_access::{policy_of, what_if},
    console::{ConsoleError, Frame, Html, Wrong, here},
    error::{Error, Result},
    language::Language,
    policies::{
        PolicyRow,
        console::form::{Choice, Word, choices, named},
    },
    users,
};

const FORM: &str = "what-if";

#[derive(Template)]
#[template(path = "what_if.html")]
struct Page {
    frame: Frame,
    typed: Fields,
    wrong: Wrong,
    applications: Vec<Choice>,
    platforms: Vec<Choice>,
    clients: Vec<Choice>,
    devices: Vec<Choice>,
    /// None: nothing was asked yet.
    rows: Option<Vec<Row>>,
    applying: usize,
}

struct Row {
    policy: PolicyRow,
    class: &'static str,
    shape: &'static str,
    state: String,
    applies: bool,
    /// What it asks for when it applies, else the first condition that does not hold.
    text: String,
}

pub async fn page(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(READ)?;
    let typed = Fields::of_address(&here(&uri));
    let frame = Frame::new(&session, ABOUT.base);
    let language = &frame.language;
    let offers = Offers::load(&app, &caller).await?;
    let mut wrong = Wrong::new(FORM);
    let application: Vec<String> = typed.text("application").into_iter().filter(|id| id != "-").collect();
    let mut rows = None;
    if typed.text("user").is_some()
        && let Some(request) = request(&app, &typed, &mut wrong, language).await?
    {
        let found = what_if::ask(&app, &caller, &request).await?;
        let told: Result<Vec<Row>> = found
            .into_iter()
            .map(|(row, result)| told(row, result.analysis_reasons, language))
            .collect();
        let mut told = told?;
        told.sort_by_key(|row| !row.applies);
        rows = Some(told);
    }
    Html(Page {
        applications: named(&offers.applications, &application),
        platforms: any(form::PLATFORMS, &typed, "platform", language),
        clients: any(form::CLIENTS, &typed, "client", language),
        devices: any(
            &[
                ("compliant", "policy-compliant"),
                ("noncompliant", "policy-not-compliant"),
            ],
            &typed,
            "device",
            language,
        ),
        applying: rows.iter().flatten().filter(|row| row.applies).count(),
        frame,
        typed,
        wrong,
        rows,
    })
    .respond()
}

fn any(words: &[Word], typed: &Fields, name: &str, language: &Language) -> Vec<Choice> {
    choices(
        &[&[("", "what-if-not-said")], words].concat(),
        &[typed.get(name).to_string()],
        language,
    )
}

/// The request that is typed; none when something of it cannot be.
async fn request(app: &App, typed: &Fields, wrong: &mut Wrong, language: &Language) -> Result<Option<WhatIfRequest>> {
    let user = users::store::find(app.db.read(), typed.get("user").trim()).await?;
    if user.is_none() {
        let name: String = typed.get("user").chars().take(80).collect();
        wrong.add("user", language.with("access-wrong-user", [("name", &name)]));
    }
    let mut conditions = SignInConditions::default();
    if let Some(text) = typed.text("ip") {
        match text.parse() {
            Ok(ip) => conditions.ip_address = Some(ip),
            Err(_) => wrong.add("ip", language.t("what-if-wrong-ip")),
        }
    }
    if let Some(text) = typed.text("country") {
        match text.to_ascii_uppercase().parse() {
            Ok(country) => conditions.country = Some(country),
            Err(_) => wrong.add("country", language.t("what-if-wrong-country")),
        }
    }
    conditions.device_platform = typed.text("platform").and_then(|text| text.parse().ok());
    conditions.client_app_type = typed.text("client").and_then(|text| text.parse().ok());
    conditions.device_info = typed.text("device").map(|state| DeviceInfo {
        is_compliant: state == "compliant",
        ..DeviceInfo::default()
    });
    let (Some(user), true) = (user, wrong.is_empty()) else {
        return Ok(None);
    };
    let application = typed.text("application").and_then(|id| id.parse().ok());
    Ok(Some(WhatIfRequest {
        sign_in_identity: SignInIdentity::User {
            user_id: user.id.parse().map_err(Error::internal)?,
            external_tenant_id: None,
            external_user_type: None,
        },
        sign_in_context: SignInContext::Applications {
            include_applications: application.into_iter().collect(),
        },
        sign_in_conditions: conditions,
        applied_policies_only: false,
    }))
}

fn told(row: PolicyRow, reason: AnalysisReason, language: &Language) -> Result<Row> {
    let policy = policy_of(&row)?;
    let applies = reason == AnalysisReason::NotSet;
    let (class, shape) = mark(policy.state);
    Ok(Row {
        class,
        shape,
        state: language.t(word_of(form::STATES, policy.state.as_str())),
        applies,
        text: match applies {
            true => asks(&policy, language),
            false => language.t(why(reason)),
        },
        policy: row,
    })
}

const fn why(reason: AnalysisReason) -> &'static str {
    match reason {
        AnalysisReason::Users | AnalysisReason::WorkloadIdentities => "what-if-why-users",
        AnalysisReason::Application => "what-if-why-application",
        AnalysisReason::UserActions | AnalysisReason::AuthenticationContext => "what-if-why-action",
        AnalysisReason::DevicePlatform => "what-if-why-platform",
        AnalysisReason::Devices => "what-if-why-devices",
        AnalysisReason::ClientApps => "what-if-why-clients",
        AnalysisReason::Location => "what-if-why-location",
        AnalysisReason::SignInRisk | AnalysisReason::UserRisk | AnalysisReason::InsiderRisk => "what-if-why-risk",
        AnalysisReason::PolicyNotEnabled => "what-if-why-off",
        _ => "what-if-why-other",
    }
}
