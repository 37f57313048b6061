//! What administrators do with a device on its page.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::OrderAction;

use super::{
    super::{self as devices, admin::parse_id, commands},
    show::render,
};
use crate::{
    App,
    accounts::session::Form,
    console::{ConsoleError, Frame, Wrong},
    error::Error,
};

pub async fn check(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    devices::request_posture(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(back(&id))
}

pub async fn sync(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    devices::request_sync(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(back(&id))
}

pub async fn lock(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    order(&app, &id, &form, "lock", OrderAction::RemoteLock).await
}

pub async fn retire(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    order(&app, &id, &form, "retire", OrderAction::Retire).await
}

pub async fn wipe(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    order(&app, &id, &form, "wipe", OrderAction::Wipe).await
}

/// An order of the same kind that still waits is not given twice, so a second click changes nothing.
async fn order(
    app: &App,
    id: &str,
    form: &Form,
    name: &'static str,
    action: OrderAction,
) -> Result<Response, ConsoleError> {
    if let Some(refused) = unconfirmed(app, id, form, name).await? {
        return Ok(refused);
    }
    commands::request(app, &form.session.caller(), parse_id(id)?, action).await?;
    Ok(back(id))
}

pub async fn revoke(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    if let Some(refused) = unconfirmed(&app, &id, &form, "revoke").await? {
        return Ok(refused);
    }
    devices::revoke(&app, &form.session.caller(), parse_id(&id)?).await?;
    Ok(back(&id))
}

/// The page again, unless the device's name was typed.
async fn unconfirmed(app: &App, id: &str, form: &Form, name: &'static str) -> Result<Option<Response>, ConsoleError> {
    let device = devices::get(app, parse_id(id)?).await?;
    if form.fields.get("confirm").trim() == device.name {
        return Ok(None);
    }
    let frame = Frame::new(&form.session, "/devices");
    let mut wrong = Wrong::new(name);
    wrong.add("confirm", frame.with("device-type-name", [("name", &device.name)]));
    Ok(Some(render(app, &form.session, id, wrong, &form.fields).await?))
}

/// Says whose device it is; an empty field: nobody's.
pub async fn set_user(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let user = form.fields.text("user");
    match devices::set_user(&app, &form.session.caller(), parse_id(&id)?, user.as_deref()).await {
        Ok(()) => Ok(back(&id)),
        Err(Error::NotFound(_)) if user.is_some() => {
            let frame = Frame::new(&form.session, "/devices");
            let mut wrong = Wrong::new("user");
            wrong.add("user", frame.t("device-no-such-user"));
            Ok(render(&app, &form.session, &id, wrong, &form.fields).await?)
        }
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, "/devices"), "user", error, &[])?;
            Ok(render(&app, &form.session, &id, wrong, &form.fields).await?)
        }
    }
}

fn back(id: &str) -> Response {
    Redirect::to(&format!("/devices/{id}")).into_response()
}
