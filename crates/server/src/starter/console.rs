use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};

use super::Part;
use crate::{
    App,
    accounts::session::Form,
    console::{ConsoleError, Frame},
    error::Error,
};

pub async fn start(State(app): State<App>, Path(what): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let frame = Frame::new(&form.session, "/");
    let (part, name) = match what.as_str() {
        "compliance" => (Part::Compliance, frame.t("starter-compliance-name")),
        "conditional-access" => (Part::ConditionalAccess, frame.t("starter-access-name")),
        "settings" => (Part::Settings, String::new()),
        _ => return Err(Error::NotFound("There is no page at this address.".into()).into()),
    };
    super::make(&app, &form.session.caller(), part, &name).await?;
    Ok(Redirect::to("/").into_response())
}
