//! The pages of feeds: list, add, and one feed with its known-good report.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::{Action, Severity};

use super::{
    Draft, FeedRow, Noted, Report, known_good,
    suggested::{SUGGESTIONS, Suggestion},
    take::report_of,
};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    console::{ConsoleError, Frame, Html, Inputs, Wrong, version, words},
    error::{Error, Result},
    indicators::console::action_name,
};

const LIST: &str = "/feeds";

const INPUTS: Inputs = &[
    ("name", "name", "name"),
    ("url", "url", "feed-url"),
    ("intervalHours", "intervalHours", "feed-interval"),
    ("file", "file", "feed-file"),
    ("confirm", "confirm", "name"),
];

#[derive(Template)]
#[template(path = "feeds.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    /// Lists that are offered and that nobody has added.
    suggestions: Vec<&'static Suggestion>,
    entries: i64,
    own_known_good: usize,
    typed: Fields,
    wrong: Wrong,
    may_edit: bool,
}

struct Row {
    feed: FeedRow,
    hits: i64,
    mark: words::Mark,
}

impl Row {
    fn action(&self) -> &'static str {
        action_name(&self.feed.action)
    }
}

#[derive(Template)]
#[template(path = "feed.html")]
struct Page {
    frame: Frame,
    feed: FeedRow,
    mark: words::Mark,
    hits: i64,
    report: Report,
    typed: Fields,
    wrong: Wrong,
    may_edit: bool,
    may_see_alerts: bool,
}

impl Page {
    fn action(&self, action: &str) -> &'static str {
        action_name(action)
    }

    fn has_report(&self) -> bool {
        self.feed.content.is_some()
    }

    /// What the report found: message of its title, of what it means, and the examples; the gravest first.
    fn findings(&self) -> Vec<(&'static str, &'static str, &'static str, &Noted)> {
        let (found, check) = (&self.report.found, &self.report.check);
        let all = [
            ("high", "check-protected", "check-protected-means", &check.protected),
            (
                "medium",
                "check-known-good",
                "check-known-good-means",
                &check.known_good,
            ),
            ("medium", "check-allowed", "check-allowed-means", &check.allowed),
            ("low", "check-too-broad", "check-left-out", &found.too_broad),
            ("low", "check-internal", "check-left-out", &found.internal),
            ("low", "check-unreadable", "check-left-out", &found.unreadable),
            (
                "low",
                "check-unsupported",
                "check-unsupported-means",
                &found.unsupported,
            ),
        ];
        all.into_iter().filter(|(.., noted)| noted.count > 0).collect()
    }

    fn shape(&self, class: &str) -> &'static str {
        match class {
            "high" => "▲",
            "medium" => "◆",
            _ => "●",
        }
    }

    fn format(&self) -> &'static str {
        match self.feed.format.as_deref() {
            Some("hosts") => "format-hosts",
            Some("adblock") => "format-adblock",
            Some("csv") => "format-csv",
            Some("urls") => "format-urls",
            Some("addresses") => "format-addresses",
            _ => "format-domains",
        }
    }
}

/// The form as a feed is.
fn stored(feed: &FeedRow) -> Fields {
    let ticked = |on: bool| if on { "on".to_string() } else { String::new() };
    Fields::from([
        ("name", feed.name.clone()),
        ("url", feed.url.clone().unwrap_or_default()),
        ("action", feed.action.clone()),
        ("severity", feed.severity.clone()),
        ("generateAlert", ticked(feed.raises_alerts())),
        ("intervalHours", feed.interval_hours.to_string()),
        ("version", feed.updated_at.to_string()),
    ])
}

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let typed = Fields::from([("generateAlert", "on".into()), ("intervalHours", "24".into())]);
    render_list(&app, &session, typed, Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    caller.require_any(super::WRITE)?;
    let frame = Frame::new(&form.session, LIST);
    let mut wrong = Wrong::new("add");
    let draft = draft(&frame, &form.fields, &mut wrong);
    let file = form.fields.get("file");
    match (&draft.url, file.is_empty()) {
        (Some(_), false) => wrong.add("file", frame.t("feed-one-source")),
        (None, true) => wrong.add("url", frame.t("feed-no-source")),
        _ => {}
    }
    if !wrong.is_empty() {
        return render_list(&app, &form.session, form.fields, wrong).await;
    }
    let made = match super::create(&app, &caller, draft).await {
        Ok(made) => made,
        Err(error) => {
            let wrong = Wrong::said(&frame, "add", error, INPUTS)?;
            return render_list(&app, &form.session, form.fields, wrong).await;
        }
    };
    if made.url.is_none()
        && let Err(error) = super::upload(&app, &caller, made.id(), file.as_bytes().to_vec()).await
    {
        // Nothing is half-saved: a feed without entries would be in the way of the next try.
        super::delete(&app, &caller, made.id()).await?;
        let wrong = Wrong::said(&frame, "add", error, INPUTS)?;
        return render_list(&app, &form.session, form.fields, wrong).await;
    }
    Ok(to(made.id()))
}

pub async fn suggested(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let suggestion = SUGGESTIONS.iter().find(|suggestion| suggestion.id == id);
    let suggestion = suggestion.ok_or_else(|| Error::NotFound("There is no page at this address.".into()))?;
    let caller = form.session.caller();
    let rows = super::list(&app, &caller).await?;
    // A second click on the same button: it is there, as wanted.
    if let Some(row) = rows.iter().find(|row| row.url.as_deref() == Some(suggestion.url)) {
        return Ok(to(row.id()));
    }
    match super::create(&app, &caller, suggestion.draft()).await {
        Ok(made) => Ok(to(made.id())),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "suggested", error, INPUTS)?;
            render_list(&app, &form.session, Fields::default(), wrong).await
        }
    }
}

pub async fn known_good(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    match known_good::replace(&app, &form.session.caller(), form.fields.get("file")).await {
        Ok(_) => Ok(Redirect::to(LIST).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "known-good", error, INPUTS)?;
            render_list(&app, &form.session, Fields::default(), wrong).await
        }
    }
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<u16>) -> Result<Response, ConsoleError> {
    let feed = super::get(&app, &session.caller(), id).await?;
    let typed = stored(&feed);
    render(&app, &session, feed, typed, Wrong::default()).await
}

pub async fn update(State(app): State<App>, Path(id): Path<u16>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    caller.require_any(super::WRITE)?;
    let frame = Frame::new(&form.session, LIST);
    let mut wrong = Wrong::new("feed");
    let draft = draft(&frame, &form.fields, &mut wrong);
    if wrong.is_empty() {
        match super::update(&app, &caller, id, &version(&form.fields), draft).await {
            Ok(_) => return Ok(to(id)),
            Err(error) => wrong = Wrong::said(&frame, "feed", error, INPUTS)?,
        }
    }
    let feed = super::get(&app, &caller, id).await?;
    render(&app, &form.session, feed, form.fields, wrong).await
}

pub async fn upload(State(app): State<App>, Path(id): Path<u16>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let bytes = form.fields.get("file").as_bytes().to_vec();
    match super::upload(&app, &caller, id, bytes).await {
        Ok(_) => Ok(to(id)),
        Err(error) => refused(&app, &form, id, "upload", error).await,
    }
}

pub async fn enable(State(app): State<App>, Path(id): Path<u16>, form: Form) -> Result<Response, ConsoleError> {
    switch(&app, id, &form, true).await
}

pub async fn disable(State(app): State<App>, Path(id): Path<u16>, form: Form) -> Result<Response, ConsoleError> {
    switch(&app, id, &form, false).await
}

async fn switch(app: &App, id: u16, form: &Form, on: bool) -> Result<Response, ConsoleError> {
    match super::enable(app, &form.session.caller(), id, on).await {
        Ok(_) => Ok(to(id)),
        Err(error) => refused(app, form, id, "switch", error).await,
    }
}

pub async fn refresh(State(app): State<App>, Path(id): Path<u16>, form: Form) -> Result<Response, ConsoleError> {
    match super::refresh(&app, &form.session.caller(), id).await {
        Ok(()) => Ok(to(id)),
        Err(error) => refused(&app, &form, id, "switch", error).await,
    }
}

pub async fn delete(State(app): State<App>, Path(id): Path<u16>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    caller.require_any(super::WRITE)?;
    let feed = match super::get(&app, &caller, id).await {
        Ok(feed) => feed,
        // A second click on the same button: it is gone, as wanted.
        Err(Error::NotFound(_)) => return Ok(Redirect::to(LIST).into_response()),
        Err(error) => return Err(error.into()),
    };
    if form.fields.get("confirm").trim() != feed.name {
        let mut wrong = Wrong::new("delete");
        let frame = Frame::new(&form.session, LIST);
        wrong.add("confirm", frame.say("type-to-confirm", "name", &feed.name));
        let typed = stored(&feed);
        return render(&app, &form.session, feed, typed, wrong).await;
    }
    super::delete(&app, &caller, id).await?;
    Ok(Redirect::to(LIST).into_response())
}

fn to(id: u16) -> Response {
    Redirect::to(&format!("{LIST}/{id}")).into_response()
}

async fn refused(app: &App, form: &Form, id: u16, name: &'static str, error: Error) -> Result<Response, ConsoleError> {
    let wrong = Wrong::said(&Frame::new(&form.session, LIST), name, error, INPUTS)?;
    let feed = super::get(app, &form.session.caller(), id).await?;
    let typed = stored(&feed);
    render(app, &form.session, feed, typed, wrong).await
}

fn draft(frame: &Frame, fields: &Fields, wrong: &mut Wrong) -> Draft {
    let hours = fields.text("intervalHours").unwrap_or_else(|| "24".into());
    Draft {
        name: fields.get("name").trim().to_string(),
        url: fields.text("url"),
        action: match fields.get("action") {
            "Warn" => Action::Warn,
            "Audit" => Action::Audit,
            _ => Action::Block,
        },
        severity: fields.get("severity").parse().unwrap_or(Severity::Medium),
        generate_alert: fields.get("generateAlert") == "on",
        interval_hours: wrong.number(frame, "intervalHours", "feed-interval", &hours, super::HOURS),
    }
}

/// How a feed stands, for people.
fn mark(state: &str) -> words::Mark {
    let (class, shape, word) = match state {
        "fetching" => ("quiet", "○", "feed-fetching"),
        "failing" => ("high", "▲", "feed-failing"),
        "empty" => ("low", "○", "feed-empty"),
        "enabled" => ("good", "✓", "feed-enabled"),
        _ => ("quiet", "–", "feed-disabled"),
    };
    words::Mark { class, shape, word }
}

async fn render_list(app: &App, session: &Session, typed: Fields, wrong: Wrong) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let feeds = super::list(app, &caller).await?;
    let hits = super::hits(app, &caller, &feeds).await?;
    let is_new = |suggestion: &&Suggestion| !feeds.iter().any(|row| row.url.as_deref() == Some(suggestion.url));
    Html(ListPage {
        frame: Frame::new(session, LIST),
        suggestions: SUGGESTIONS.iter().filter(is_new).collect(),
        entries: feeds.iter().map(|row| row.entries).sum(),
        own_known_good: known_good::own_count(app),
        rows: feeds
            .into_iter()
            .map(|feed| Row {
                hits: hits.get(&feed.id()).copied().unwrap_or(0),
                mark: mark(feed.state()),
                feed,
            })
            .collect(),
        typed,
        wrong,
        may_edit: caller.require_any(super::WRITE).is_ok(),
    })
    .respond()
}

async fn render(
    app: &App,
    session: &Session,
    feed: FeedRow,
    typed: Fields,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let rows = [feed];
    let hits = super::hits(app, &caller, &rows).await?;
    let [feed] = rows;
    Html(Page {
        frame: Frame::new(session, LIST),
        mark: mark(feed.state()),
        hits: hits.get(&feed.id()).copied().unwrap_or(0),
        report: report_of(&feed),
        feed,
        typed,
        wrong,
        may_edit: caller.require_any(super::WRITE).is_ok(),
        may_see_alerts: caller
            .require_any(&[Role::AlertReadAll, Role::AlertReadWriteAll])
            .is_ok(),
    })
    .respond()
}
