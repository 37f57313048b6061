//! The pages of gateways.

use std::path::Path as FilePath;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::conditional_access::OnUnreachable;

use super::{GatewayRow, Options, nginx, render as json_of};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    console::{Clash, ConsoleError, Frame, Html, Inputs, Shown, Wrong, version, words},
    error::{Error, Result},
};

const PAGE: &str = "/settings/gateways";
const INPUTS: Inputs = &[("name", "name", "name")];
const OPTIONS: Inputs = &[
    ("onUnreachable", "onUnreachable", "gateway-unreachable-short"),
    ("assertsMfa", "assertsMfa", "gateway-mfa-short"),
    ("assertsCountry", "assertsCountry", "gateway-country-short"),
];
/// Where the snippet says that the headers with the key are.
const HEADERS: &str = "/etc/nginx/moat-gateway.conf";

#[derive(Template)]
#[template(path = "settings_gateways.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<GatewayRow>,
    typed: Fields,
    wrong: Wrong,
    shown: Option<Shown>,
}

#[derive(Template)]
#[template(path = "settings_gateway.html")]
struct Page {
    frame: Frame,
    gateway: GatewayRow,
    /// The form as it stands: as it was typed, or as the gateway is.
    fields: Fields,
    clashes: Vec<Clash>,
    wrong: Wrong,
    /// What nginx sends beside its key, and where.
    headers: String,
    headers_file: &'static str,
    snippet: String,
}

impl GatewayRow {
    fn is_open(&self) -> bool {
        self.on_unreachable == "open"
    }
}

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    render(&app, &session, Fields::default(), Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let options = options(&form.fields);
    match super::create(&app, &form.session.caller(), form.fields.get("name"), None, options).await {
        Ok(gateway) => {
            let shown = Shown {
                what: gateway.name,
                lines: vec![("gateway-key", gateway.key)],
            };
            app.shown_once.put(&form.session, PAGE, shown);
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, PAGE), "gateway", error, INPUTS)?;
            render(&app, &form.session, form.fields, wrong).await
        }
    }
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render_one(&app, &session, &id, None).await
}

async fn render_one(
    app: &App,
    session: &Session,
    id: &str,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let rows = super::list(app, &session.caller()).await?;
    let gateway = rows.into_iter().find(|row| row.id == id);
    let gateway = gateway.ok_or_else(|| Error::not_found("gateway", id.chars().take(80).collect::<String>()))?;
    let json = json_of(app, &gateway);
    let frame = Frame::new(session, PAGE);
    let kept = stored(&gateway);
    let (fields, wrong, clashes) = match refused {
        Some((typed, wrong)) => {
            let clashes = Clash::between(&frame, OPTIONS, &kept, &typed);
            (typed, wrong, clashes)
        }
        None => (kept, Wrong::default(), Vec::new()),
    };
    Html(Page {
        frame,
        fields,
        clashes,
        wrong,
        headers: nginx::assertions(&json),
        headers_file: HEADERS,
        snippet: nginx::server(&json, FilePath::new(HEADERS)),
        gateway,
    })
    .respond()
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let options = options(&form.fields);
    let expected = version(&form.fields);
    match super::update(&app, &form.session.caller(), &id, &expected, |_| options).await {
        Ok(_) => Ok(Redirect::to(&format!("{PAGE}/{id}")).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, PAGE), "options", error, OPTIONS)?;
            render_one(&app, &form.session, &id, Some((form.fields, wrong))).await
        }
    }
}

pub async fn disable(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    match super::disable(&app, &form.session.caller(), &id).await {
        // A second click on the same button: it is off, as wanted.
        Ok(()) | Err(Error::NotFound(_)) => Ok(Redirect::to(PAGE).into_response()),
        Err(error) => Err(error.into()),
    }
}

/// The form as the gateway is.
fn stored(gateway: &GatewayRow) -> Fields {
    let ticked = |on: i64| if on == 0 { String::new() } else { "on".to_string() };
    Fields::from([
        ("onUnreachable", gateway.on_unreachable.clone()),
        ("assertsMfa", ticked(gateway.asserts_mfa)),
        ("assertsCountry", ticked(gateway.asserts_country)),
    ])
}

fn options(fields: &Fields) -> Options {
    Options {
        on_unreachable: match fields.get("onUnreachable") {
            "open" => OnUnreachable::Open,
            _ => OnUnreachable::Closed,
        },
        asserts_mfa: fields.get("assertsMfa") == "on",
        asserts_country: fields.get("assertsCountry") == "on",
    }
}

async fn render(app: &App, session: &Session, typed: Fields, wrong: Wrong) -> Result<Response, ConsoleError> {
    Html(ListPage {
        frame: Frame::new(session, PAGE),
        rows: super::list(app, &session.caller()).await?,
        typed,
        wrong,
        shown: app.shown_once.take(session, PAGE),
    })
    .respond()
}
