//! Settings for devices, API clients and gateways.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Settings;

use super::{ConsoleError, Frame, Html, words};
use crate::{
    App,
    accounts::{Session, session::Form},
    caller::Role,
    clients::{self, Client},
    error::{Error, Result},
    gateways::{self, GatewayRow},
    settings,
};

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    settings: Settings,
    clients: Vec<Client>,
    gateways: Vec<GatewayRow>,
    roles: Vec<&'static str>,
    error: Option<String>,
    /// A secret that was just made, shown once: what it is, and its lines.
    shown: Option<(String, Vec<(String, String)>)>,
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render(&app, &session, None, None, None).await
}

pub async fn save(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let number = |name: &str| form.fields.get(name).trim().parse::<u32>().unwrap_or(0);
    let new = Settings {
        organisation: form.fields.get("organisation").trim().to_string(),
        web_protection: form.fields.get("webProtection") == "on",
        fail_closed: form.fields.get("failClosed") == "on",
        exclude_url_in_report: form.fields.get("excludeUrlInReport") == "on",
        posture_interval_seconds: number("postureIntervalSeconds"),
        check_in_seconds: number("checkInSeconds"),
        bypass_duration_hours: number("bypassDurationHours"),
        help_url: form.fields.get("helpUrl").trim().to_string(),
    };
    match settings::update(&app, &form.session.caller(), new.clone()).await {
        Ok(()) => Ok(Redirect::to("/settings").into_response()),
        Err(Error::Invalid { message, .. }) => render(&app, &form.session, Some(new), Some(message), None).await,
        Err(error) => Err(error.into()),
    }
}

pub async fn create_client(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let name = form.fields.get("name");
    let roles: Result<Vec<Role>> = form.fields.all("role").iter().map(|role| role.parse()).collect();
    match clients::create(&app, &form.session.caller(), name, roles?).await {
        Ok(client) => {
            let lines = vec![
                ("Tenant".into(), client.tenant),
                ("Client id".into(), client.client_id),
                ("Client secret".into(), client.client_secret),
            ];
            render(
                &app,
                &form.session,
                None,
                None,
                Some((format!("API client {name}"), lines)),
            )
            .await
        }
        Err(error @ (Error::Invalid { .. } | Error::Conflict(_))) => {
            render(&app, &form.session, None, Some(error.to_string()), None).await
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
    Ok(Redirect::to("/settings").into_response())
}

pub async fn create_gateway(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    match gateways::create(&app, &form.session.caller(), form.fields.get("name")).await {
        Ok(gateway) => {
            let lines = vec![("Key".into(), gateway.key)];
            render(
                &app,
                &form.session,
                None,
                None,
                Some((format!("Gateway {}", gateway.name), lines)),
            )
            .await
        }
        Err(error @ (Error::Invalid { .. } | Error::Conflict(_))) => {
            render(&app, &form.session, None, Some(error.to_string()), None).await
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn disable_gateway(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, ConsoleError> {
    gateways::disable(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to("/settings").into_response())
}

async fn render(
    app: &App,
    session: &Session,
    typed: Option<Settings>,
    error: Option<String>,
    shown: Option<(String, Vec<(String, String)>)>,
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
        shown,
    };
    Html(page).respond()
}
