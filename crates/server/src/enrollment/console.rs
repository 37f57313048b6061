use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Management;

use super::{NewToken, TokenRow, create_token, list_tokens, revoke_token};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    console::{ConsoleError, Frame, Html, Shown, words},
    error::Error,
};

const PAGE: &str = "/enrollment";

#[derive(Template)]
#[template(path = "enrollment.html")]
struct Page {
    frame: Frame,
    rows: Vec<TokenRow>,
    /// A link that was just made.
    link: Option<String>,
    typed: Fields,
    error: Option<String>,
}

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let shown = app.shown_once.take(&session, PAGE);
    let link = shown
        .and_then(|shown| shown.lines.into_iter().next())
        .map(|(_, link)| link);
    render(&app, &session, link, Fields::default(), None).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let number = |name: &str| form.fields.get(name).trim().parse::<u32>().unwrap_or(0);
    let new = NewToken {
        lifetime_seconds: u64::from(number("hours")) * 3600,
        max_uses: number("uses"),
        management: if form.fields.get("management") == "unmanaged" {
            Management::Unmanaged
        } else {
            Management::Managed
        },
        device_group: form.fields.get("group").trim().to_string(),
        user: form.fields.text("user"),
    };
    match create_token(&app, &form.session.caller(), new).await {
        Ok(issued) => {
            let shown = Shown {
                what: "Your enrolment link".into(),
                lines: vec![("Link", issued.link)],
            };
            app.shown_once.put(&form.session, PAGE, shown);
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(Error::Invalid { message, .. }) => render(&app, &form.session, None, form.fields, Some(message)).await,
        Err(error) => Err(error.into()),
    }
}

pub async fn revoke(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    revoke_token(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn render(
    app: &App,
    session: &Session,
    link: Option<String>,
    typed: Fields,
    error: Option<String>,
) -> Result<Response, ConsoleError> {
    let rows = list_tokens(app, &session.caller()).await?;
    Html(Page {
        frame: Frame::new(session, "enrollment"),
        rows,
        link,
        typed,
        error,
    })
    .respond()
}
