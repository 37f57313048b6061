//! The pages of message templates, and what waits to be sent.

pub mod message;

use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use uuid::Uuid;

use super::{LocalizedMessage, Template, TemplateChange};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::{Caller, Role},
    console::{Chip, Clash, ConsoleError, Frame, Html, Inputs, Pager, Wrong, address, here, version, words},
    error::{Error, Result},
    odata::Query,
    outbox::{self, OutboxRow},
};

const LIST: &str = "/settings/notifications";
const PAGE: u64 = 50;
/// Templates that are shown at once.
const SHOWN: u32 = 500;

const INPUTS: Inputs = &[
    ("displayName", "displayName", "display-name"),
    ("description", "description", "description"),
    ("defaultLocale", "defaultLocale", "template-locale"),
];

/// Words of a template's branding that a letter has, and their messages.
const BRANDING: [(&str, &str); 4] = [
    ("includeCompanyName", "template-company-name"),
    ("includeContactInformation", "template-contact"),
    ("includeCompanyPortalLink", "template-link"),
    ("includeDeviceDetails", "template-details"),
];

#[derive(askama::Template)]
#[template(path = "settings_notifications.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Template>,
    may_change: bool,
    has_mail: bool,
    typed: Fields,
    wrong: Wrong,
    /// None where the reader may not see it.
    outbox: Option<Outbox>,
}

struct Outbox {
    rows: Vec<OutboxRow>,
    chips: Vec<Chip>,
    pager: Pager,
}

impl OutboxRow {
    /// Class, shape and message of its state.
    fn mark(&self) -> (&'static str, &'static str, &'static str) {
        match self.state.as_str() {
            "sent" => ("good", "✓", "outbox-sent"),
            "failed" => ("high", "▲", "outbox-failed"),
            "dropped" => ("quiet", "–", "outbox-dropped"),
            _ => ("medium", "◆", "outbox-waiting"),
        }
    }
}

/// The message that names a state.
fn state_words(state: outbox::State) -> &'static str {
    match state {
        outbox::State::Waiting => "outbox-waiting",
        outbox::State::Sent => "outbox-sent",
        outbox::State::Failed => "outbox-failed",
        outbox::State::Dropped => "outbox-dropped",
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render_list(&app, &session, &here(&uri), Fields::default(), Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let change = TemplateChange {
        branding: None,
        ..described(&form.fields)
    };
    match super::create(&app, &form.session.caller(), change).await {
        Ok(template) => Ok(Redirect::to(&format!("{LIST}/{}", template.id)).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "add", error, INPUTS)?;
            render_list(&app, &form.session, LIST, form.fields, wrong).await
        }
    }
}

pub async fn retry(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    match outbox::retry(&app, &form.session.caller(), &id).await {
        // A second click on the same button: it waits again, as wanted.
        Ok(()) | Err(Error::NotFound(_)) => Ok(Redirect::to(LIST).into_response()),
        Err(error) => Err(error.into()),
    }
}

async fn render_list(
    app: &App,
    session: &Session,
    here: &str,
    typed: Fields,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, LIST));
    let query = Query::parse(Some(&format!("$top={SHOWN}")))?;
    let outbox = match caller.has(Role::MoatAdministrate) {
        true => Some(waiting(app, &caller, &frame, here).await?),
        false => None,
    };
    Html(ListPage {
        rows: super::list(app, &caller, &query).await?.rows,
        may_change: caller.require_any(super::WRITE).is_ok(),
        has_mail: app.config.mail.is_some(),
        frame,
        typed,
        wrong,
        outbox,
    })
    .respond()
}

async fn waiting(app: &App, caller: &Caller, frame: &Frame, here: &str) -> Result<Outbox> {
    let query = Fields::of_address(here);
    let wanted = query.get("state");
    let skip: u64 = query.get("skip").parse().unwrap_or(0u64).min(1_000_000);
    let state = outbox::State::ALL.into_iter().find(|state| state.as_str() == wanted);
    let most = PAGE.cast_signed() + 1;
    let mut rows = outbox::list(app, caller, state, most, skip.cast_signed()).await?;
    let has_more = rows.len() as u64 > PAGE;
    rows.truncate(PAGE as usize);
    let summary = outbox::summary(app, caller).await?;
    let chip = |(of, count): (outbox::State, i64)| {
        let on = state == Some(of);
        let link = address(LIST, &[("state", if on { "" } else { of.as_str() })]);
        Chip {
            label: format!("{} {count}", frame.t(state_words(of))),
            link: format!("{link}#outbox"),
            on,
            removable: true,
        }
    };
    let mut chips: Vec<Chip> = summary.counts.into_iter().map(chip).collect();
    if !wanted.is_empty() && state.is_none() {
        chips.push(Chip::unknown(wanted, LIST.into()));
    }
    Ok(Outbox {
        rows,
        chips,
        pager: Pager::new(
            LIST,
            &[("state", state.map_or("", outbox::State::as_str))],
            skip,
            PAGE,
            has_more,
        ),
    })
}

#[derive(askama::Template)]
#[template(path = "settings_template.html")]
struct Page {
    frame: Frame,
    template: Template,
    fields: Fields,
    clashes: Vec<Clash>,
    messages: Vec<LocalizedMessage>,
    may_change: bool,
    has_mail: bool,
    /// Whether a test message was just queued.
    tested: bool,
    wrong: Wrong,
}

impl Page {
    fn branding(&self) -> [(&'static str, &'static str); 4] {
        BRANDING
    }
}

pub async fn show(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ConsoleError> {
    let tested = !Fields::of_address(&here(&uri)).get("tested").is_empty();
    render(&app, &session, &id, tested, None).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let updated = super::update(
        &app,
        &form.session.caller(),
        parse(&id)?,
        &version(&form.fields),
        described(&form.fields),
    )
    .await;
    finish(&app, form, &id, "details", updated.map(|_| format!("{LIST}/{id}"))).await
}

pub async fn send_test(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let sent = super::send_test_message(&app, &form.session.caller(), parse(&id)?).await;
    finish(&app, form, &id, "test", sent.map(|()| format!("{LIST}/{id}?tested=1"))).await
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let template = super::get(&app, &caller, parse(&id)?).await?;
    if form.fields.get("confirm").trim() != template.display_name {
        let mut wrong = Wrong::new("delete");
        let text = [("name", template.display_name.as_str())];
        wrong.add("confirm", form.session.language.with("type-to-confirm", text));
        return render(&app, &form.session, &id, false, Some((form.fields, wrong))).await;
    }
    let deleted = super::delete(&app, &caller, template.id).await;
    finish(&app, form, &id, "delete", deleted.map(|()| LIST.to_string())).await
}

async fn finish(
    app: &App,
    form: Form,
    id: &str,
    name: &'static str,
    outcome: Result<String>,
) -> Result<Response, ConsoleError> {
    match outcome {
        Ok(next) => Ok(Redirect::to(&next).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), name, error, INPUTS)?;
            render(app, &form.session, id, false, Some((form.fields, wrong))).await
        }
    }
}

fn described(fields: &Fields) -> TemplateChange {
    let ticked: Vec<String> = fields.all("branding");
    let known = BRANDING.iter().filter(|(word, _)| ticked.iter().any(|on| on == word));
    let words: Vec<&str> = known.map(|(word, _)| *word).collect();
    TemplateChange {
        display_name: Some(fields.get("displayName").to_string()),
        description: Some(fields.text("description")),
        default_locale: fields.text("defaultLocale"),
        branding: Some(if words.is_empty() {
            "none".into()
        } else {
            words.join(",")
        }),
    }
}

/// The form as the template is.
fn stored(template: &Template) -> Fields {
    let texts = Fields::from([
        ("displayName", template.display_name.clone()),
        ("description", template.description.clone().unwrap_or_default()),
        ("defaultLocale", template.default_locale.clone()),
    ]);
    let branding = template.branding.text();
    branding
        .split(',')
        .fold(texts, |fields, word| fields.and("branding", word))
}

async fn render(
    app: &App,
    session: &Session,
    id: &str,
    tested: bool,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let template = super::get(app, &caller, parse(id)?).await?;
    let (typed, wrong) = refused.unwrap_or_default();
    let frame = Frame::new(session, LIST);
    let changed = wrong.is_on("details") && !version(&typed).includes(template.updated_at);
    let clashes = match changed {
        true => clashes(&frame, &template, &typed),
        false => Vec::new(),
    };
    Html(Page {
        clashes,
        frame,
        messages: super::messages(app, &caller, template.id).await?,
        fields: if wrong.is_on("details") {
            typed
        } else {
            stored(&template)
        },
        may_change: caller.require_any(super::WRITE).is_ok(),
        has_mail: app.config.mail.is_some(),
        template,
        tested,
        wrong,
    })
    .respond()
}

/// What somebody else saved meanwhile. The boxes of the branding are one field.
fn clashes(frame: &Frame, template: &Template, typed: &Fields) -> Vec<Clash> {
    let mut clashes = Clash::between(frame, INPUTS, &stored(template), typed);
    let named = |words: &str| {
        let ticked = BRANDING
            .iter()
            .filter(|(word, _)| words.split(',').any(|on| on == *word));
        let labels: Vec<String> = ticked.map(|(_, label)| frame.t(label)).collect();
        labels.join(", ")
    };
    let (kept, new) = (
        named(&template.branding.text()),
        named(&typed.all("branding").join(",")),
    );
    if kept != new {
        clashes.push(Clash {
            label: frame.t("template-around"),
            stored: kept,
            typed: new,
        });
    }
    clashes
}

fn parse(id: &str) -> Result<Uuid> {
    id.parse()
        .map_err(|_| Error::not_found("message template", id.chars().take(80).collect::<String>()))
}
