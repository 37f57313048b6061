//! Settings that devices get.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Settings;

use super::{ConsoleError, Frame, Html, Inputs, Wrong};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    indicators::protected,
    settings,
};

const PAGE: &str = "/settings";

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    /// The form as it stands: as it was typed, or as the settings are.
    settings: Fields,
    /// Where this server is reached: protected always.
    own: Vec<String>,
    wrong: Wrong,
}

const INPUTS: Inputs = &[
    ("organisation", "organisation", "settings-organisation"),
    ("helpUrl", "helpUrl", "settings-help"),
    ("protectedNames", "protectedNames", "settings-protected"),
];

/// The general settings; for whom they are not, the first page of the section that they may see.
pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    if let Err(error) = session.caller().require_any(&[Role::MoatAdministrate]) {
        let frame = Frame::new(&session, PAGE);
        let tabs = frame.section().map(|section| frame.tabs(section)).unwrap_or_default();
        return match tabs.first() {
            Some(page) => Ok(Redirect::to(page.path).into_response()),
            None => Err(error.into()),
        };
    }
    let names = protected::set_names(app.db.read()).await?.texts().join("\n");
    let kept = stored(&settings::get(&app.db).await?).and("protectedNames", &names);
    render(&app, &session, kept, Wrong::default())
}

pub async fn save(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    form.session.caller().require_any(&[Role::MoatAdministrate])?;
    let frame = Frame::new(&form.session, PAGE);
    let mut numbers = Wrong::new("settings");
    let new = typed(&frame, &form.fields, &mut numbers);
    let mut wrong = match settings::check(&new) {
        Ok(()) => Wrong::new("settings"),
        Err(error) => Wrong::said(&frame, "settings", error, INPUTS)?,
    };
    wrong.add_all(numbers);
    let caller = form.session.caller();
    if wrong.is_empty() {
        // The names first: only they can be refused still, and then nothing is saved.
        let names = protected::typed(form.fields.get("protectedNames"));
        if let Err(error) = protected::set(&app, &caller, &names).await {
            wrong = Wrong::said(&frame, "settings", error, INPUTS)?;
        }
    }
    if !wrong.is_empty() {
        return render(&app, &form.session, form.fields, wrong);
    }
    settings::update(&app, &caller, new).await?;
    Ok(Redirect::to(PAGE).into_response())
}

fn typed(frame: &Frame, fields: &Fields, wrong: &mut Wrong) -> Settings {
    let mut number = |name, label: &str, range| wrong.number(frame, name, label, fields.get(name), range);
    Settings {
        organisation: fields.get("organisation").trim().to_string(),
        web_protection: fields.get("webProtection") == "on",
        fail_closed: fields.get("failClosed") == "on",
        exclude_url_in_report: fields.get("excludeUrlInReport") == "on",
        posture_interval_seconds: number("postureIntervalSeconds", "settings-posture", 5..=86_400),
        check_in_seconds: number("checkInSeconds", "settings-check-in", 5..=86_400),
        bypass_duration_hours: number("bypassDurationHours", "settings-bypass", 1..=720),
        help_url: fields.get("helpUrl").trim().to_string(),
    }
}

/// The form as the settings are.
fn stored(settings: &Settings) -> Fields {
    let ticked = |on: bool| if on { "on".to_string() } else { String::new() };
    Fields::from([
        ("organisation", settings.organisation.clone()),
        ("helpUrl", settings.help_url.clone()),
        ("checkInSeconds", settings.check_in_seconds.to_string()),
        ("postureIntervalSeconds", settings.posture_interval_seconds.to_string()),
        ("bypassDurationHours", settings.bypass_duration_hours.to_string()),
        ("webProtection", ticked(settings.web_protection)),
        ("excludeUrlInReport", ticked(settings.exclude_url_in_report)),
        ("failClosed", ticked(settings.fail_closed)),
    ])
}

fn render(app: &App, session: &Session, settings: Fields, wrong: Wrong) -> Result<Response, ConsoleError> {
    Html(Page {
        frame: Frame::new(session, PAGE),
        own: protected::own(app).texts(),
        settings,
        wrong,
    })
    .respond()
}
