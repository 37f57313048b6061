//! The pages of suppression rules.

mod form;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};

use super::RuleRow;
use crate::{
    App,
    accounts::{Session, session::Form},
    console::{ConsoleError, Frame, Html, Shown, words},
    error::Error,
};

pub use form::{blank, create, preview, show, update};

const LIST: &str = "/alerts/suppression";

#[derive(Template)]
#[template(path = "suppression.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<RuleRow>,
    done: Option<Shown>,
    may_write: bool,
}

impl RuleRow {
    /// What it asks of an alert, in words.
    fn about(&self, frame: &Frame) -> String {
        let kind = match self.kind.as_str() {
            "" => frame.t("suppress-any-kind"),
            kind => frame.t(words::alert_kind(kind)),
        };
        let value = match self.subdomains {
            0 => self.value.clone(),
            _ => frame.with("suppress-and-below", [("domain", &self.value)]),
        };
        let parts = [kind, self.category.clone(), value];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" · ")
    }

    /// Whose alerts, in words.
    fn whose(&self, frame: &Frame) -> String {
        match (self.scope.as_str(), &self.scope_name) {
            ("everyone", _) => frame.t("suppress-everyone"),
            (_, Some(name)) => name.clone(),
            (_, None) => frame.t("suppress-gone"),
        }
    }

    fn page(&self) -> String {
        match self.scope.as_str() {
            "device" => format!("/devices/{}", self.scope_id),
            "user" => format!("/people/users/{}", self.scope_id),
            "group" => format!("/people/groups/{}", self.scope_id),
            _ => String::new(),
        }
    }

    fn state(&self) -> words::Mark {
        words::suppression(match (self.enabled, self.has_ended()) {
            (0, _) => "off",
            (_, true) => "ended",
            _ => "on",
        })
    }
}

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    Html(ListPage {
        rows: super::list(&app, &caller).await?,
        done: app.shown_once.take(&session, LIST),
        may_write: caller.require_any(super::WRITE).is_ok(),
        frame: Frame::new(&session, LIST),
    })
    .respond()
}

pub async fn switch(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let on = form.fields.is("to", "on");
    super::set_enabled(&app, &form.session.caller(), &id, on).await?;
    Ok(Redirect::to(&format!("{LIST}/{id}")).into_response())
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    match super::delete(&app, &form.session.caller(), &id).await {
        // A second click on the same button: it is gone, as wanted.
        Ok(()) | Err(Error::NotFound(_)) => Ok(Redirect::to(LIST).into_response()),
        Err(error) => Err(error.into()),
    }
}
