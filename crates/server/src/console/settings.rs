//! Settings for devices, API clients and gateways.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::{Settings, conditional_access::OnUnreachable};

use super::{ConsoleError, Frame, Html, Inputs, Shown, Wrong, words};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    clients::{self, Client},
    error::Result,
    gateways::{self, GatewayRow},
    settings,
};

const PAGE: &str = "/settings";

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    /// The form of the settings as it stands: as it was typed, or as they are.
    settings: Fields,
    /// What was typed in another form that was refused.
    typed: Fields,
    wrong: Wrong,
    clients: Vec<Client>,
    gateways: Vec<GatewayRow>,
    roles: Vec<&'static str>,
    /// A secret that was just made.
    shown: Option<Shown>,
}

impl Page {
    fn has_role(&self, role: &str) -> bool {
        self.wrong.is_on("client") && self.typed.all("role").iter().any(|typed| typed == role)
    }
}

const SETTINGS: Inputs = &[
    ("organisation", "organisation", "Organisation"),
    ("helpUrl", "helpUrl", "Help link"),
];
const CLIENT: Inputs = &[("name", "name", "Name"), ("roles", "role", "Roles")];
const GATEWAY: Inputs = &[("name", "name", "Name")];

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render(&app, &session, None).await
}

/// A form that was refused, and why.
type Refused = Option<(Fields, Wrong)>;

pub async fn save(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let mut numbers = Wrong::new("settings");
    let new = typed(&form.fields, &mut numbers);
    let mut wrong = match settings::check(&new) {
        Ok(()) => Wrong::new("settings"),
        Err(error) => Wrong::of("settings", error, SETTINGS)?,
    };
    wrong.add_all(numbers);
    if !wrong.is_empty() {
        return render(&app, &form.session, Some((form.fields, wrong))).await;
    }
    settings::update(&app, &form.session.caller(), new).await?;
    Ok(Redirect::to(PAGE).into_response())
}

fn typed(fields: &Fields, wrong: &mut Wrong) -> Settings {
    let mut number = |name, label: &str, range| wrong.number(name, label, fields.get(name), range);
    Settings {
        organisation: fields.get("organisation").trim().to_string(),
        web_protection: fields.get("webProtection") == "on",
        fail_closed: fields.get("failClosed") == "on",
        exclude_url_in_report: fields.get("excludeUrlInReport") == "on",
        posture_interval_seconds: number("postureIntervalSeconds", "The time between posture runs", 5..=86_400),
        check_in_seconds: number("checkInSeconds", "The time between check-ins", 5..=86_400),
        bypass_duration_hours: number("bypassDurationHours", "The time that bypassed warnings last", 1..=720),
        help_url: fields.get("helpUrl").trim().to_string(),
    }
}

/// The form as the settings are.
fn stored(settings: &Settings) -> Fields {
    let ticked = |on: bool| if on { "on".to_string() } else { String::new() };
    Fields::from([
        ("organisation", settings.organisation.clone()),
        ("helpUrl", settings.help_url.clone()),
        ("checkInSeconds", settings.check_in_seconds.to_string()),
        ("postureIntervalSeconds", settings.posture_interval_seconds.to_string()),
        ("bypassDurationHours", settings.bypass_duration_hours.to_string()),
        ("webProtection", ticked(settings.web_protection)),
        ("excludeUrlInReport", ticked(settings.exclude_url_in_report)),
        ("failClosed", ticked(settings.fail_closed)),
    ])
}

pub async fn create_client(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let name = form.fields.get("name");
    let roles: Result<Vec<Role>> = form.fields.all("role").iter().map(|role| role.parse()).collect();
    let made = clients::create(&app, &form.session.caller(), name, roles?).await;
    let shown = made.map(|client| Shown {
        what: format!("API client {name}"),
        lines: vec![
            ("Tenant", client.tenant),
            ("Client id", client.client_id),
            ("Client secret", client.client_secret),
        ],
    });
    show_once(&app, form, shown, "client", CLIENT).await
}

/// Goes on to the page that shows what was made, or says why it was not.
async fn show_once(
    app: &App,
    form: Form,
    made: Result<Shown>,
    name: &'static str,
    inputs: Inputs,
) -> Result<Response, ConsoleError> {
    match made {
        Ok(shown) => {
            app.shown_once.put(&form.session, PAGE, shown);
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error) => {
            let wrong = Wrong::of(name, error, inputs)?;
            render(app, &form.session, Some((form.fields, wrong))).await
        }
    }
}

pub async fn disable_client(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ConsoleError> {
    clients::disable(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to(PAGE).into_response())
}

pub async fn create_gateway(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let options = gateways::Options {
        on_unreachable: match form.fields.get("onUnreachable") {
            "open" => OnUnreachable::Open,
            _ => OnUnreachable::Closed,
        },
        ..gateways::Options::default()
    };
    let made = gateways::create(&app, &form.session.caller(), form.fields.get("name"), None, options).await;
    let shown = made.map(|gateway| Shown {
        what: format!("Gateway {}", gateway.name),
        lines: vec![("Key", gateway.key)],
    });
    show_once(&app, form, shown, "gateway", GATEWAY).await
}

pub async fn disable_gateway(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ConsoleError> {
    gateways::disable(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn render(app: &App, session: &Session, refused: Refused) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let (typed, wrong) = refused.unwrap_or_default();
    let page = Page {
        frame: Frame::new(session, "/settings"),
        settings: match wrong.is_on("settings") {
            true => typed.clone(),
            false => stored(&settings::get(&app.db).await?),
        },
        typed,
        wrong,
        clients: clients::list(app, &caller).await?,
        gateways: gateways::list(app, &caller).await?,
        roles: Role::ALL.iter().map(|role| role.as_str()).collect(),
        shown: app.shown_once.take(session, PAGE),
    };
    Html(page).respond()
}
