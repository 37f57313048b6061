//! The page of administrators. Passwords are chosen by their owners, with a link that is shown once.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    NO_PASSWORD, Session,
    session::{Fields, Form},
    store::AdministratorRow,
};
use crate::{
    App,
    caller::AdministratorRole,
    console::{ConsoleError, Frame, Html, Inputs, Shown, Wrong, words},
    error::Result,
};

const PAGE: &str = "/settings/administrators";
const INPUTS: Inputs = &[("name", "name", "name"), ("role", "role", "administrator-role")];

#[derive(Template)]
#[template(path = "settings_administrators.html")]
struct Page {
    frame: Frame,
    rows: Vec<AdministratorRow>,
    /// Who looks at the page.
    own: String,
    roles: Vec<&'static str>,
    typed: Fields,
    wrong: Wrong,
    /// Whom the refused change was about.
    about: String,
    shown: Option<Shown>,
}

impl AdministratorRow {
    fn has_password(&self) -> bool {
        self.password_hash != NO_PASSWORD
    }
}

impl Page {
    fn wrong_about(&self, row: &AdministratorRow) -> Option<&str> {
        let text = self.wrong.at("change", "")?;
        (self.about == row.id).then_some(text)
    }
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render(&app, &session, Fields::default(), Wrong::default(), String::new()).await
}

pub async fn add(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let name = form.fields.get("name").trim().to_string();
    let made = match form.fields.get("role").parse::<AdministratorRole>() {
        Ok(role) => super::invite(&app, &form.session.caller(), &name, role).await,
        Err(error) => Err(error),
    };
    finish(&app, form, "add", String::new(), made.map(|link| Some((name, link)))).await
}

pub async fn set_role(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let changed = match form.fields.get("role").parse::<AdministratorRole>() {
        Ok(role) => super::set_role(&app, &form.session.caller(), &id, role).await,
        Err(error) => Err(error),
    };
    finish(&app, form, "change", id, changed.map(|()| None)).await
}

pub async fn reset(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let name = form.fields.get("name").to_string();
    let reset = super::reset_by_link(&app, &form.session.caller(), &id).await;
    finish(&app, form, "change", id, reset.map(|link| Some((name, link)))).await
}

pub async fn remove(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let removed = super::remove(&app, &form.session.caller(), &id).await;
    finish(&app, form, "change", id, removed.map(|()| None)).await
}

/// On to the page, which shows a link that was made; or why it was not done.
async fn finish(
    app: &App,
    form: Form,
    name: &'static str,
    about: String,
    outcome: Result<Option<(String, String)>>,
) -> Result<Response, ConsoleError> {
    match outcome {
        Ok(link) => {
            if let Some((what, link)) = link {
                let lines = vec![("administrator-link", link)];
                app.shown_once.put(&form.session, PAGE, Shown { what, lines });
            }
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, PAGE), name, error, INPUTS)?;
            render(app, &form.session, form.fields, wrong, about).await
        }
    }
}

async fn render(
    app: &App,
    session: &Session,
    typed: Fields,
    wrong: Wrong,
    about: String,
) -> Result<Response, ConsoleError> {
    Html(Page {
        frame: Frame::new(session, PAGE),
        rows: super::list(app, &session.caller()).await?,
        own: session.administrator.clone(),
        roles: AdministratorRole::ALL.iter().map(|role| role.as_str()).collect(),
        typed,
        wrong,
        about,
        shown: app.shown_once.take(session, PAGE),
    })
    .respond()
}
