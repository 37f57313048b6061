use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Decision, ReportRow};
use crate::{
    App,
    accounts::{Session, session::Form},
    console::{ConsoleError, Frame, Html, words},
    error::Error,
};

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    rows: Vec<ReportRow>,
}

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let rows = super::list(&app.db).await?;
    Html(Page {
        frame: Frame::new(&session, "reports"),
        rows,
    })
    .respond()
}

pub async fn decide(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let decision = match form.fields.get("decision") {
        "block" => Decision::Block,
        "allow" => Decision::Allow,
        "dismiss" => Decision::Dismiss,
        other => return Err(Error::invalid("InvalidInput", format!("{other:?} is no decision")).into()),
    };
    match super::decide(&app, &form.session.caller(), &id, decision).await {
        // A second click on the same button: it is decided, as wanted.
        Ok(_) | Err(Error::Conflict(_)) => Ok(Redirect::to("/reports").into_response()),
        Err(error) => Err(error.into()),
    }
}
