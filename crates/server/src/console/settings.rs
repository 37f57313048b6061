//! Settings for devices, API clients and gateways.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Settings;

use super::{ConsoleError, Frame, Html, Shown, words};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    clients::{self, Client},
    error::{Error, Result},
    gateways::{self, GatewayRow},
    settings,
};

const PAGE: &str = "/settings";

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    settings: Settings,
    clients: Vec<Client>,
    gateways: Vec<GatewayRow>,
    roles: Vec<&'static str>,
    error: Option<String>,
    /// A secret that was just made.
    shown: Option<Shown>,
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render(&app, &session, None, None).await
}

pub async fn save(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let before = settings::get(&app.db).await?;
    let (new, wrong) = typed(&form.fields, before);
    let saved = match wrong {
        Some(message) => Err(Error::invalid("InvalidInput", message)),
        None => settings::update(&app, &form.session.caller(), new.clone()).await,
    };
    match saved {
        Ok(()) => Ok(Redirect::to(PAGE).into_response()),
        Err(Error::Invalid { message, .. }) => render(&app, &form.session, Some(new), Some(message)).await,
        Err(error) => Err(error.into()),
    }
}

/// The settings as typed, and what is no number: that stays as it was.
fn typed(fields: &Fields, before: Settings) -> (Settings, Option<String>) {
    let mut wrong = None;
    let mut number = |name: &str, label: &str, before: u32| {
        fields.get(name).trim().parse().unwrap_or_else(|_| {
            wrong.get_or_insert(format!("{label} must be a whole number."));
            before
        })
    };
    let settings = Settings {
        organisation: fields.get("organisation").trim().to_string(),
        web_protection: fields.get("webProtection") == "on",
        fail_closed: fields.get("failClosed") == "on",
        exclude_url_in_report: fields.get("excludeUrlInReport") == "on",
        posture_interval_seconds: number(
            "postureIntervalSeconds",
            "The time between posture runs",
            before.posture_interval_seconds,
        ),
        check_in_seconds: number("checkInSeconds", "The time between check-ins", before.check_in_seconds),
        bypass_duration_hours: number(
            "bypassDurationHours",
            "How long bypassed warnings last",
            before.bypass_duration_hours,
        ),
        help_url: fields.get("helpUrl").trim().to_string(),
    };
    (settings, wrong)
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
    show_once(&app, &form.session, shown).await
}

/// Goes on to the page that shows what was made, or says why it was not.
async fn show_once(app: &App, session: &Session, made: Result<Shown>) -> Result<Response, ConsoleError> {
    match made {
        Ok(shown) => {
            app.shown_once.put(session, PAGE, shown);
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error @ (Error::Invalid { .. } | Error::Conflict(_))) => {
            render(app, session, None, Some(error.to_string())).await
        }
        Err(error) => Err(error.into()),
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
    let made = gateways::create(&app, &form.session.caller(), form.fields.get("name"), None).await;
    let shown = made.map(|gateway| Shown {
        what: format!("Gateway {}", gateway.name),
        lines: vec![("Key", gateway.key)],
    });
    show_once(&app, &form.session, shown).await
}

pub async fn disable_gateway(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ConsoleError> {
    gateways::disable(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn render(
    app: &App,
    session: &Session,
    typed: Option<Settings>,
    error: Option<String>,
) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let page = Page {
        frame: Frame::new(session, "settings"),
        settings: match typed {
            Some(typed) => typed,
            None => settings::get(&app.db).await?,
        },
        clients: clients::list(app, &caller).await?,
        gateways: gateways::list(app, &caller).await?,
        roles: Role::ALL.iter().map(|role| role.as_str()).collect(),
        error,
        shown: app.shown_once.take(session, PAGE),
    };
    Html(page).respond()
}
