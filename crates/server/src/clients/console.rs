//! The page of API clients.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};

use super::Client;
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    console::{ConsoleError, Frame, Html, Inputs, Shown, Wrong, words},
    error::Result,
};

const PAGE: &str = "/settings/clients";
const INPUTS: Inputs = &[("name", "name", "name"), ("roles", "role", "client-roles")];

#[derive(Template)]
#[template(path = "settings_clients.html")]
struct Page {
    frame: Frame,
    rows: Vec<Client>,
    roles: Vec<&'static str>,
    typed: Fields,
    wrong: Wrong,
    shown: Option<Shown>,
    url: String,
}

impl Page {
    fn has_role(&self, role: &str) -> bool {
        self.typed.all("role").iter().any(|typed| typed == role)
    }
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render(&app, &session, Fields::default(), Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let name = form.fields.get("name");
    let roles: Result<Vec<Role>> = form.fields.all("role").iter().map(|role| role.parse()).collect();
    match super::create(&app, &form.session.caller(), name, roles?).await {
        Ok(client) => {
            let shown = Shown {
                what: name.trim().to_string(),
                lines: vec![
                    ("client-tenant", client.tenant),
                    ("client-id", client.client_id),
                    ("client-secret", client.client_secret),
                ],
            };
            app.shown_once.put(&form.session, PAGE, shown);
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, PAGE), "client", error, INPUTS)?;
            render(&app, &form.session, form.fields, wrong).await
        }
    }
}

pub async fn disable(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    super::disable(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn render(app: &App, session: &Session, typed: Fields, wrong: Wrong) -> Result<Response, ConsoleError> {
    Html(Page {
        frame: Frame::new(session, PAGE),
        rows: super::list(app, &session.caller()).await?,
        roles: Role::ALL.iter().map(|role| role.as_str()).collect(),
        typed,
        wrong,
        shown: app.shown_once.take(session, PAGE),
        url: app.base_url(),
    })
    .respond()
}
