//! Set-up, sign-in and sign-out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{FieldError, Session, check_new, session::read_fields, set_up, setup_is_open, sign_in};
use crate::{
    App,
    accounts::session::Form,
    console::{ConsoleError, Html, local},
    error::Error,
    language::{Language, Reader},
    listen::Peer,
};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    open: bool,
    name: String,
    errors: Vec<FieldError>,
}

impl SetupPage {
    fn error(&self, field: &str) -> Option<&str> {
        self.errors
            .iter()
            .find(|error| error.field == field)
            .map(|error| error.message.as_str())
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

pub async fn setup_page(State(app): State<App>, Path(token): Path<String>) -> Result<Response, ConsoleError> {
    let open = setup_is_open(&app, &token).await?;
    Html(SetupPage {
        open,
        name: String::new(),
        errors: Vec::new(),
    })
    .respond()
}

pub async fn setup(
    State(app): State<App>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ConsoleError> {
    let fields = read_fields(request).await?;
    let (name, password) = (fields.get("name"), fields.get("password"));
    let errors = check_new(name, password, fields.get("again"));
    if !errors.is_empty() {
        return Html(SetupPage {
            open: true,
            name: name.to_string(),
            errors,
        })
        .respond();
    }
    match set_up(&app, &token, name, password).await {
        Ok(session) => Ok((session.cookie(), Redirect::to("/")).into_response()),
        Err(Error::Forbidden(_)) => Html(SetupPage {
            open: false,
            name: String::new(),
            errors: Vec::new(),
        })
        .respond(),
        Err(error) => Err(error.into()),
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
