//! Set-up, sign-in and sign-out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Settings;
use serde::Deserialize;

use super::{FieldError, Session, SetupLink, check_new, session::read_fields, set_up, setup_is_open, sign_in};
use crate::{
    App,
    accounts::session::{Fields, Form},
    console::{ConsoleError, Html, local},
    error::Error,
    indicators::{Protected, protected},
    language::{Language, Reader},
    listen::Peer,
    settings,
};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    language: Arc<Language>,
    /// None when the link does not work.
    link: Option<SetupLink>,
    name: String,
    organisation: String,
    protected_names: String,
    errors: Vec<FieldError>,
}

impl SetupPage {
    fn error(&self, field: &str) -> Option<String> {
        let error = self.errors.iter().find(|error| error.field == field)?;
        Some(self.language.t(error.say))
    }

    fn closed(language: Arc<Language>) -> Self {
        Self {
            language,
            link: None,
            name: String::new(),
            organisation: String::new(),
            protected_names: String::new(),
            errors: Vec::new(),
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    language: Arc<Language>,
    name: String,
    next: String,
    error: Option<String>,
}

#[derive(Deserialize, Default)]
pub struct Next {
    #[serde(default)]
    next: String,
}

pub async fn setup_page(
    State(app): State<App>,
    Reader(language): Reader,
    Path(token): Path<String>,
) -> Result<Response, ConsoleError> {
    let link = setup_is_open(&app, &token).await?;
    Html(SetupPage {
        name: name_in(link.as_ref(), ""),
        link,
        ..SetupPage::closed(language)
    })
    .respond()
}

/// The name that a link is for, else the one that was typed.
fn name_in(link: Option<&SetupLink>, typed: &str) -> String {
    match link {
        Some(SetupLink::Of { name, .. }) => name.clone(),
        _ => typed.to_string(),
    }
}

pub async fn setup(
    State(app): State<App>,
    Reader(language): Reader,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ConsoleError> {
    let fields = read_fields(request).await?;
    let link = setup_is_open(&app, &token).await?;
    if link.is_none() {
        return Html(SetupPage::closed(language)).respond();
    }
    let (name, password) = (name_in(link.as_ref(), fields.get("name")), fields.get("password"));
    let mut errors = check_new(&name, password, fields.get("again"));
    let first = First::of(&fields);
    errors.extend(first.check());
    if !errors.is_empty() {
        return Html(SetupPage {
            language,
            link,
            name,
            organisation: fields.get("organisation").into(),
            protected_names: fields.get("protectedNames").into(),
            errors,
        })
        .respond();
    }
    let is_first = link == Some(SetupLink::First);
    match set_up(&app, &token, &name, password).await {
        Ok(session) => {
            if is_first {
                first.store(&app, &session).await?;
            }
            Ok((session.cookie(), Redirect::to("/")).into_response())
        }
        Err(Error::Forbidden(_)) => Html(SetupPage::closed(language)).respond(),
        Err(error) => Err(error.into()),
    }
}

/// What whoever sets the server up says of the organisation; all of it can be said later.
struct First {
    organisation: Option<String>,
    protected_names: Vec<String>,
}

impl First {
    fn of(fields: &Fields) -> Self {
        let names = protected::typed(fields.get("protectedNames")).into_iter();
        Self {
            organisation: fields.text("organisation"),
            protected_names: names.filter(|name| !name.is_empty()).collect(),
        }
    }

    fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.organisation.as_ref().is_some_and(|name| name.len() > 200) {
            errors.push(FieldError {
                field: "organisation",
                message: "use at most 200 characters".into(),
                say: "setup-wrong-organisation",
            });
        }
        if Protected::parse(&self.protected_names).is_err() {
            errors.push(FieldError {
                field: "protectedNames",
                message: "one of these is neither a domain name nor an address".into(),
                say: "setup-wrong-protected",
            });
        }
        errors
    }

    async fn store(self, app: &App, session: &Session) -> Result<(), ConsoleError> {
        let caller = session.caller();
        if let Some(organisation) = self.organisation {
            let now = settings::get(&app.db).await?;
            settings::update(app, &caller, Settings { organisation, ..now }).await?;
        }
        Ok(protected::set(app, &caller, &self.protected_names).await?)
    }
}

pub async fn sign_in_page(
    session: Option<Session>,
    Reader(language): Reader,
    Query(Next { next }): Query<Next>,
) -> Result<Response, ConsoleError> {
    if session.is_some() {
        return Ok(Redirect::to(&local(&next)).into_response());
    }
    Html(SignInPage {
        language,
        name: String::new(),
        next,
        error: None,
    })
    .respond()
}

pub async fn do_sign_in(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    Reader(language): Reader,
    request: Request,
) -> Result<Response, ConsoleError> {
    let fields = read_fields(request).await?;
    let (name, next) = (fields.get("name").to_string(), fields.get("next").to_string());
    match sign_in(&app, &name, fields.get("password"), peer.ip()).await {
        Ok(session) => Ok((session.cookie(), Redirect::to(&local(&next))).into_response()),
        Err(error @ (Error::Unauthorized(_) | Error::TooManyRequests { .. })) => {
            let status = error.status();
            let page = Html(SignInPage {
                language,
                name,
                next,
                error: Some(error.to_string()),
            })
            .respond()?;
            Ok((status, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn sign_out(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let cookie = form.session.close(&app).await?;
    Ok((cookie, Redirect::to("/sign-in")).into_response())
}
