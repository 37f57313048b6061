//! One rule as a form: made from an alert or from scratch, tried against the open alerts while it is filled in.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use moat_indicators::UrlPattern;
use moat_model::{AlertKind, Evidence, Timestamp};

use super::{
    super::{self as suppression, Draft, Fault, JAILBREAK_DAYS, KINDS, RuleRow, Saved, Scope},
    LIST,
};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    alerts::triage,
    app::now,
    caller::Caller,
    console::{Clash, ConsoleError, Frame, Html, Inputs, Shown, Wrong, here, version, words},
    error::{Error, Result},
};

const FORM: &str = "rule";
const INPUTS: Inputs = &[
    ("name", "name", "suppress-name"),
    ("kind", "kind", "suppress-kind"),
    ("category", "category", "suppress-category"),
    ("value", "value", "suppress-value"),
    ("subdomains", "subdomains", "suppress-subdomains"),
    ("scope", "scope", "suppress-scope"),
    ("who", "who", "suppress-who"),
    ("until", "until", "suppress-until"),
    ("note", "note", "suppress-note"),
];

#[derive(Template)]
#[template(path = "suppression_rule.html")]
struct Page {
    frame: Frame,
    rule: Option<RuleRow>,
    typed: Fields,
    wrong: Wrong,
    clashes: Vec<Clash>,
    categories: Vec<String>,
    /// Open alerts that match what is typed.
    matching: Option<usize>,
    may_write: bool,
}

impl Page {
    fn kinds(&self) -> [&'static str; 6] {
        KINDS.map(|kind| kind.as_str())
    }

    fn scopes(&self) -> [(&'static str, &'static str); 4] {
        let message = |word| match word {
            "device" => "suppress-of-device",
            "user" => "suppress-of-user",
            "group" => "suppress-of-group",
            _ => "suppress-everyone",
        };
        Scope::WORDS.map(|word| (word, message(word)))
    }
}

/// `GET /alerts/suppression/new?from=`: filled from an alert when one is named.
pub async fn blank(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(suppression::WRITE)?;
    let typed = match Fields::of_address(&here(&uri)).text("from") {
        Some(alert) => like(&app, &session, &alert).await?,
        None => Fields::from([("scope", "everyone".to_string())]),
    };
    render(&app, &session, None, Some(typed), Wrong::default()).await
}

/// What would suppress such an alert on its device.
async fn like(app: &App, session: &Session, id: &str) -> Result<Fields> {
    let caller = session.caller();
    let alert = triage::get(app, &caller, id).await?;
    let mut value = match alert.indicator_id {
        Some(indicator) => suppression::value_of(app, &caller, indicator).await?,
        None => None,
    };
    if value.is_none() {
        // Of a feed, or of an indicator that is deleted: what was met.
        let evidence = triage::evidence(&app.db, id).await?;
        value = evidence.iter().find_map(|row| host(&row.body));
    }
    let variables = [("title", alert.title.as_str()), ("device", &alert.device_name)];
    let name = session.language.with("suppress-name-of", variables);
    let until = match alert.kind == AlertKind::Jailbreak.as_str() {
        true => last_day(),
        false => String::new(),
    };
    Ok(Fields::from([
        ("name", name.chars().take(suppression::MAX_NAME).collect()),
        ("kind", alert.kind),
        ("value", value.unwrap_or_default()),
        ("scope", "device".to_string()),
        (
            "who",
            suppression::who(app, "device", &alert.device_id, Some(&alert.device_name)).await?,
        ),
        ("until", until),
    ]))
}

/// The host of a site that an alert names.
fn host(evidence: &str) -> Option<String> {
    match serde_json::from_str(evidence) {
        Ok(Evidence::Site { value, .. }) => Some(UrlPattern::parse(&value).ok()?.host().to_string()),
        _ => None,
    }
}

/// The last day up to which a jailbreak may be expected.
fn last_day() -> String {
    let days = i64::try_from(JAILBREAK_DAYS).unwrap_or(0) - 1;
    let today = day_of(now());
    today.checked_add(days.days()).unwrap_or(today).to_string()
}

fn day_of(at: Timestamp) -> Date {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).date()
}

/// When a day ends in UTC; none when it is no day.
fn end_of(text: &str) -> Option<Timestamp> {
    let day: Date = text.parse().ok()?;
    let end = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(end.timestamp().as_microsecond()))
}

/// The day that [`end_of`] makes such an end of.
fn day_before(end: i64) -> String {
    day_of(Timestamp::from_micros(end - 1)).to_string()
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    let rule = suppression::get(&app, &session.caller(), &id).await?;
    render(&app, &session, Some(rule), None, Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    save(&app, form, None).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    save(&app, form, Some(id)).await
}

async fn save(app: &App, form: Form, id: Option<String>) -> Result<Response, ConsoleError> {
    let (caller, frame) = (form.session.caller(), Frame::new(&form.session, LIST));
    let resolve = form.fields.is("resolve", "on");
    let (draft, mut wrong) = read(app, &caller, &frame, &form.fields).await?;
    if wrong.is_empty() {
        let saved = match &id {
            None => suppression::create(app, &caller, draft, resolve).await,
            Some(id) => suppression::update(app, &caller, id, &version(&form.fields), draft, resolve).await,
        };
        match saved {
            Ok(saved) => {
                app.shown_once
                    .put(&form.session, LIST, said(&frame, &form.fields, &saved));
                return Ok(Redirect::to(LIST).into_response());
            }
            Err(Error::Invalid {
                field: Some("name"), ..
            }) => wrong.add("name", frame.t("suppress-wrong-taken")),
            Err(error) => wrong = Wrong::said(&frame, FORM, error, INPUTS)?,
        }
    }
    let rule = match &id {
        Some(id) => Some(suppression::get(app, &caller, id).await?),
        None => None,
    };
    render(app, &form.session, rule, Some(form.fields), wrong).await
}

/// The page with how many open alerts match what is typed; nothing is saved.
pub async fn preview(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    caller.require_any(suppression::WRITE)?;
    let rule = match form.fields.text("rule") {
        Some(id) => Some(suppression::get(&app, &caller, &id).await?),
        None => None,
    };
    render(&app, &form.session, rule, Some(form.fields), Wrong::default()).await
}

fn said(frame: &Frame, typed: &Fields, saved: &Saved) -> Shown {
    let mut lines = vec![("link", format!("{LIST}/{}", saved.id))];
    if saved.resolved > 0 {
        lines.push(("resolved", frame.count("suppress-resolved", saved.resolved)));
    }
    if saved.left > 0 {
        lines.push(("left", frame.count("suppress-left", saved.left)));
    }
    Shown {
        what: frame.with("suppress-saved", [("name", typed.get("name").trim())]),
        lines,
    }
}

/// What is typed, and what is wrong with it.
async fn read(app: &App, caller: &Caller, frame: &Frame, typed: &Fields) -> Result<(Draft, Wrong)> {
    let mut faults: Vec<(&'static str, String)> = Vec::new();
    let mut scope = Scope::Everyone;
    match suppression::find_scope(app, caller, typed.get("scope"), typed.get("who").trim()).await {
        Ok(found) => scope = found,
        Err(Error::Invalid { code: "Ambiguous", .. }) => faults.push(("who", frame.t("suppress-wrong-several"))),
        Err(Error::Invalid { .. }) => faults.push(("who", frame.t("suppress-wrong-nobody"))),
        Err(error) => return Err(error),
    }
    let kind = typed.text("kind").map(|word| word.parse()).transpose();
    let until = typed.text("until");
    let expires = until.as_deref().and_then(end_of);
    if until.is_some() && expires.is_none() {
        faults.push(("until", frame.t("suppress-wrong-day")));
    }
    let draft = Draft {
        name: typed.get("name").to_string(),
        kind: kind.map_err(|error: moat_model::UnknownWord| Error::invalid("InvalidInput", error))?,
        category: typed.get("category").to_string(),
        value: typed.get("value").to_string(),
        subdomains: typed.is("subdomains", "on"),
        scope,
        expires,
        note: typed.get("note").to_string(),
    };
    for fault in draft.check(now()).err().unwrap_or_default() {
        // Follows from an input that is wrong already.
        let cause = match fault {
            Fault::JailbreakScope | Fault::Everything => "who",
            other => other.field(),
        };
        if faults.iter().all(|(input, _)| *input != cause) {
            faults.push((fault.field(), words_of(frame, fault)));
        }
    }
    let mut wrong = Wrong::new(FORM);
    // As they stand in the form: a person goes on at the first.
    for (_, input, _) in INPUTS {
        for (_, text) in faults.iter().filter(|(name, _)| name == input) {
            wrong.add(input, text.as_str());
        }
    }
    Ok((draft, wrong))
}

fn words_of(frame: &Frame, fault: Fault) -> String {
    match fault {
        Fault::Name => frame.t("suppress-wrong-name"),
        Fault::Note => frame.t("suppress-wrong-note"),
        Fault::Everything => frame.t("suppress-wrong-everything"),
        Fault::Kind => frame.t("suppress-wrong-kind"),
        Fault::Category => frame.t("suppress-wrong-category"),
        Fault::Value(_) => frame.t("suppress-wrong-value"),
        Fault::Subdomains => frame.t("suppress-wrong-subdomains"),
        Fault::Passed => frame.t("suppress-wrong-passed"),
        Fault::JailbreakScope => frame.t("suppress-wrong-jailbreak-scope"),
        Fault::JailbreakEnd => frame.with("suppress-wrong-jailbreak-end", [("day", &last_day())]),
    }
}

/// The form as the rule is.
async fn stored(app: &App, rule: &RuleRow) -> Result<Fields> {
    let ticked = |on: i64| if on == 0 { String::new() } else { "on".to_string() };
    let who = suppression::who(app, &rule.scope, &rule.scope_id, rule.scope_name.as_deref()).await?;
    Ok(Fields::from([
        ("name", rule.name.clone()),
        ("kind", rule.kind.clone()),
        ("category", rule.category.clone()),
        ("value", rule.value.clone()),
        ("subdomains", ticked(rule.subdomains)),
        ("scope", rule.scope.clone()),
        ("who", who),
        ("until", rule.expires_at.map(day_before).unwrap_or_default()),
        ("note", rule.note.clone()),
    ]))
}

async fn render(
    app: &App,
    session: &Session,
    rule: Option<RuleRow>,
    typed: Option<Fields>,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, LIST));
    let may_write = caller.require_any(suppression::WRITE).is_ok();
    let kept = match &rule {
        Some(rule) => stored(app, rule).await?,
        None => Fields::default(),
    };
    let is_newer = |rule: &RuleRow, typed: &Fields| !version(typed).includes(rule.updated_at);
    let clashes = match (&rule, &typed) {
        (Some(rule), Some(typed)) if wrong.is_on(FORM) && is_newer(rule, typed) => {
            Clash::between(&frame, INPUTS, &kept, typed)
        }
        _ => Vec::new(),
    };
    let typed = typed.unwrap_or(kept);
    let mut matching = None;
    if may_write {
        // What is not said yet does not matter to what matches.
        let named = |name: &str| typed.text(name).unwrap_or_else(|| "-".to_string());
        let whole: Fields = INPUTS
            .iter()
            .map(|(_, name, _)| match *name {
                "name" | "note" => ((*name).to_string(), named(name)),
                name => (name.to_string(), typed.get(name).to_string()),
            })
            .collect();
        let (draft, faults) = read(app, &caller, &frame, &whole).await?;
        if faults.is_empty() {
            matching = Some(suppression::count_open(app, &caller, &draft).await?);
        }
    }
    Html(Page {
        categories: suppression::categories(app, &caller).await?,
        frame,
        rule,
        typed,
        wrong,
        clashes,
        matching,
        may_write,
    })
    .respond()
}
