//! The pages of conditional access policies.

mod form;
mod what_if;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::conditional_access::{ConditionalAccessPolicy, PolicyState};
use moat_policy::{Message, Speak as _, conditional_access::unenforced};
use serde_json::json;

use super::{
    LOCK_OUT, READ, WRITE,
    impact::{self, Found, Question},
    policy_of,
};
use crate::{
    App, Asked,
    access::{
        Explained,
        impact::{Assumed, Moved},
    },
    accounts::{
        Session,
        session::{Fields, Form},
    },
    app::now,
    console::{ConsoleError, Frame, Html, Pager, Wrong, here, words},
    edition::Expected,
    error::{Error, Result},
    language::Language,
    odata,
    policies::{
        self, Kind, PolicyRow,
        console::{self as pages, About, Affected, AffectedRow, Count, NAMED, PAGE, PolicyPage, Subject},
    },
};
use form::Offers;

pub use what_if::page as what_if;

pub const ABOUT: About = About {
    kind: Kind::ConditionalAccess,
    base: "/policies/access",
    all: "access-all",
    new: "access-new",
    form_lead: "access-form-lead",
    outcome: ("", ""),
    previews: true,
    parts: &[],
};

#[derive(Template)]
#[template(path = "access.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    writable: bool,
    pager: Pager,
}

struct Row {
    policy: PolicyRow,
    class: &'static str,
    shape: &'static str,
    state: String,
    asks: String,
    passed: i64,
    failed: i64,
    not_applied: i64,
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(READ)?;
    let skip = Fields::of_address(&here(&uri)).get("skip").parse().unwrap_or(0);
    let query = odata::Query::parse(Some(&format!("$top={PAGE}&$skip={skip}")))?;
    let page = policies::store::page(&app.db, Kind::ConditionalAccess, &query).await?;
    let frame = Frame::new(&session, ABOUT.base);
    let rows: Result<Vec<Row>> = page
        .rows
        .into_iter()
        .map(|row| told(&app, row, &frame.language))
        .collect();
    Html(ListPage {
        frame,
        rows: rows?,
        writable: caller.require_any(WRITE).is_ok(),
        pager: Pager::new(ABOUT.base, &[], skip, PAGE, page.has_more),
    })
    .respond()
}

fn told(app: &App, row: PolicyRow, language: &Language) -> Result<Row> {
    let policy = policy_of(&row)?;
    let results = app.access.results(&row.id);
    let count = |names: &[&str]| names.iter().filter_map(|name| results[*name].as_i64()).sum();
    let (class, shape) = mark(policy.state);
    Ok(Row {
        class,
        shape,
        state: language.t(word_of(form::STATES, policy.state.as_str())),
        asks: asks(&policy, language),
        passed: count(&["success", "reportOnlySuccess"]),
        failed: count(&["failure", "reportOnlyFailure", "reportOnlyInterrupted"]),
        not_applied: count(&["notApplied", "reportOnlyNotApplied"]),
        policy: row,
    })
}

const fn mark(state: PolicyState) -> (&'static str, &'static str) {
    match state {
        PolicyState::Enabled => ("good", "✓"),
        PolicyState::ReportOnly => ("medium", "◆"),
        PolicyState::Disabled => ("none", "–"),
    }
}

fn word_of(words: &[(&'static str, &'static str)], value: &str) -> &'static str {
    let found = words.iter().find(|(word, _)| *word == value);
    found.map_or("choice-other", |(_, message)| message)
}

/// What a policy asks for, in a line.
fn asks(policy: &ConditionalAccessPolicy, language: &Language) -> String {
    let grants = policy.grant_controls.clone().unwrap_or_default();
    let controls: Vec<String> = grants
        .built_in_controls
        .iter()
        .map(|control| match control.as_str() {
            "block" => language.t("access-block"),
            word => match word_of(form::CONTROLS, word) {
                "choice-other" => word.to_string(),
                message => language.t(message),
            },
        })
        .collect();
    let or = language.t("access-or");
    controls.join(match grants.operator.as_str() {
        "OR" => or.as_str(),
        _ => " + ",
    })
}

pub async fn blank(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(WRITE)?;
    let from = Fields::of_address(&here(&uri)).text("from");
    let from = from.map(|id| pages::parse(ABOUT.kind, &id)).transpose()?;
    let policy = match from {
        None => form::fresh(),
        Some(id) => {
            let mut policy = policy_of(&super::get(&app, &caller, id).await?)?;
            policy.display_name = pages::copy_of(&policy.display_name, &session.language);
            // A copy must not close anything before somebody looked at it.
            policy.state = PolicyState::ReportOnly;
            policy
        }
    };
    let typed = form::show(&app, &policy).await?.into_iter().collect();
    open(&app, &session, &Subject::new(from), &typed).await?.respond()
}

pub async fn edit(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ConsoleError> {
    let row = super::get(&app, &session.caller(), pages::parse(ABOUT.kind, &id)?).await?;
    let mut page = stored(&app, &session, &row).await?;
    page.saved = Fields::of_address(&here(&uri)).is("saved", "1");
    page.respond()
}

async fn stored(app: &App, session: &Session, row: &PolicyRow) -> Result<PolicyPage> {
    let policy = policy_of(row)?;
    let typed = form::show(app, &policy).await?.into_iter().collect();
    let mut page = open(app, session, &Subject::of(row)?, &typed).await?;
    page.notes = said(&app.access.notes(&policy), &page.frame.language);
    let ignored = unenforced(&policy);
    if !ignored.is_empty() {
        let names = ignored.join(", ");
        page.notes
            .push(session.language.with("access-unenforced", [("names", &names)]));
    }
    Ok(page)
}

async fn open(app: &App, session: &Session, subject: &Subject, typed: &Fields) -> Result<PolicyPage> {
    let caller = session.caller();
    let offers = Offers::load(app, &caller).await?;
    let steps = form::steps(typed, &offers, &session.language);
    let title = match subject.id {
        Some(id) => super::get(app, &caller, id).await?.display_name,
        None => session.language.t(ABOUT.new),
    };
    Ok(pages::page(&ABOUT, session, subject, title, steps))
}

/// What is typed, or why it cannot be.
enum Typed {
    Policy(Box<ConditionalAccessPolicy>),
    Wrong(Wrong),
    Error(Error),
}

async fn draft(app: &App, sent: &Form, subject: &Subject) -> Result<Typed> {
    let language = &sent.session.language;
    let base = match subject.base() {
        Some(id) => policy_of(&super::get(app, &sent.session.caller(), id).await?)?,
        None => form::fresh(),
    };
    let mut wrong = Wrong::new(pages::form::FORM);
    if sent.fields.text("displayName").is_none() {
        wrong.add("displayName", language.t("policy-wrong-no-name"));
    }
    match form::read(app, &sent.fields, base, &mut wrong, language).await {
        Ok(_) if !wrong.is_empty() => Ok(Typed::Wrong(wrong)),
        Ok(policy) => Ok(Typed::Policy(Box::new(policy))),
        Err(error @ Error::Invalid { .. }) => Ok(Typed::Error(error)),
        Err(error) => Err(error),
    }
}

pub async fn create(State(app): State<App>, sent: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&sent.fields, None);
    match draft(&app, &sent, &subject).await? {
        Typed::Wrong(wrong) => refuse(&app, &sent, &subject, wrong).await,
        Typed::Error(error) => refuse_error(&app, &sent, &subject, error).await,
        Typed::Policy(policy) => {
            match super::create(&app, &sent.session.caller(), subject.fresh, *policy).await {
                // A second click on the same button: it is made, as wanted.
                Ok(_) | Err(Error::Conflict(_)) => Ok(pages::saved(&ABOUT, &subject.fresh)),
                Err(error) => refuse_error(&app, &sent, &subject, error).await,
            }
        }
    }
}

pub async fn save(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    let id = pages::parse(ABOUT.kind, &id)?;
    let subject = Subject::typed(&sent.fields, Some(id));
    let policy = match draft(&app, &sent, &subject).await? {
        Typed::Wrong(wrong) => return refuse(&app, &sent, &subject, wrong).await,
        Typed::Error(error) => return refuse_error(&app, &sent, &subject, error).await,
        Typed::Policy(policy) => *policy,
    };
    let value = json!(policy);
    match super::update(&app, &sent.session.caller(), id, &subject.expected(), |_| Ok(policy)).await {
        Ok(_) => Ok(pages::saved(&ABOUT, &id)),
        Err(Error::Changed) => {
            let row = super::get(&app, &sent.session.caller(), id).await?;
            let mut page = open(&app, &sent.session, &subject, &sent.fields).await?;
            page.conflict(&row, &json!(policy_of(&row)?), &value);
            page.respond()
        }
        Err(error) => refuse_error(&app, &sent, &subject, error).await,
    }
}

async fn refuse(app: &App, sent: &Form, subject: &Subject, wrong: Wrong) -> Result<Response, ConsoleError> {
    let mut page = open(app, &sent.session, subject, &sent.fields).await?;
    page.wrong = wrong;
    page.respond()
}

async fn refuse_error(app: &App, sent: &Form, subject: &Subject, error: Error) -> Result<Response, ConsoleError> {
    let mut page = open(app, &sent.session, subject, &sent.fields).await?;
    if let Error::Invalid {
        field: Some(LOCK_OUT),
        broken,
        ..
    } = &error
    {
        let language = &*page.frame.language;
        let told = broken.first().map(|one| sentence(&one.rule.in_language(language)));
        page.locked_out = told;
    }
    page.refuse(error)?;
    page.respond()
}

fn said(notes: &[Message], language: &Language) -> Vec<String> {
    notes.iter().map(|note| language.say(note)).collect()
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}

/// Which devices would lose or gain access by what is typed, as if it were on; nothing is saved.
pub async fn preview(State(app): State<App>, sent: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&sent.fields, None);
    let (caller, language) = (sent.session.caller(), &sent.session.language);
    let wrong = |wrong: String| Affected {
        wrong,
        ..Affected::default()
    };
    let affected = match draft(&app, &sent, &subject).await? {
        Typed::Wrong(_) => wrong(language.t("affected-wrong")),
        Typed::Error(error) => wrong(error.told(&**language)),
        Typed::Policy(policy) => {
            let question = Question {
                draft: Some(*policy),
                replaces: subject.id,
                application: None,
                assumed: Assumed {
                    asked: Asked::default(),
                    from_app: false,
                    now: now(),
                },
                most: NAMED,
            };
            match impact::compare(&app, &caller, question).await {
                Ok(found) => affected(&found, &Offers::load(&app, &caller).await?, language),
                Err(error @ Error::Invalid { .. }) => wrong(error.told(&**language)),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let mut page = open(&app, &sent.session, &subject, &sent.fields).await?;
    page.affected = Some(affected);
    page.respond()
}

fn affected(found: &Found, offers: &Offers, language: &Language) -> Affected {
    let count = |number, label: String, class, shape| Count {
        number,
        label,
        class,
        shape,
    };
    let mut shown = Affected::default();
    for (application, impact) in &found.applications {
        let id = application.to_string();
        let name = offers.applications.iter().find(|(known, _)| *known == id);
        let name = name.map_or(id.as_str(), |(_, name)| name.as_str());
        let label = |message: &str| format!("{name}: {}", language.t(message));
        shown
            .counts
            .push(count(impact.lose.count, label("access-lose"), "high", "▲"));
        shown
            .counts
            .push(count(impact.gain.count, label("access-gain"), "good", "✓"));
        shown
            .counts
            .push(count(impact.allowed_after, label("access-allowed"), "", ""));
        rows(
            &mut shown.rows,
            &impact.lose,
            name,
            ("high", "▲", language.t("access-loses")),
            language,
        );
        rows(
            &mut shown.rows,
            &impact.gain,
            name,
            ("good", "✓", language.t("access-gains")),
            language,
        );
    }
    let devices = i64::try_from(found.devices).unwrap_or(i64::MAX);
    shown.texts.push(language.n("affected-of-devices", devices));
    shown.texts.push(match found.applications.as_slice() {
        [] => language.t("access-no-gateways"),
        _ => language.t("access-as-if-on"),
    });
    shown.texts.extend(said(&found.notes, language));
    shown
}

fn rows(
    rows: &mut Vec<AffectedRow>,
    moved: &Moved,
    application: &str,
    (class, shape, word): (&'static str, &'static str, String),
    language: &Language,
) {
    for (known, against) in &moved.first {
        if rows.len() >= NAMED {
            return;
        }
        rows.push(AffectedRow {
            link: format!("/devices/{}", known.id),
            name: known
                .device
                .attributes
                .display_name
                .clone()
                .unwrap_or_else(|| known.id.to_string()),
            class,
            shape,
            word: format!("{word} ({application})"),
            why: against
                .first()
                .map(|reason| Explained::of(reason, language).text)
                .unwrap_or_default(),
        });
    }
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    let (caller, id) = (sent.session.caller(), pages::parse(ABOUT.kind, &id)?);
    let row = super::get(&app, &caller, id).await?;
    if let Err(wrong) = pages::confirmed(&sent.fields, &row, &sent.session.language) {
        let mut page = stored(&app, &sent.session, &row).await?;
        page.wrong = wrong;
        return page.respond();
    }
    super::delete(&app, &caller, id, &Expected::Any).await?;
    Ok(Redirect::to(ABOUT.base).into_response())
}

pub async fn versions(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    pages::versions_page(&app, &session, &ABOUT, &id).await
}

pub async fn restore(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    pages::restore(&app, &sent, &ABOUT, &id).await
}

pub async fn export(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    let row = super::get(&app, &session.caller(), pages::parse(ABOUT.kind, &id)?).await?;
    let mut value = json!(policy_of(&row)?);
    value["@odata.type"] = "#microsoft.graph.conditionalAccessPolicy".into();
    pages::download(&row.display_name, &value)
}
