//! The pages of compliance policies.

mod actions;
mod fields;
mod statuses;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::compliance::{ComplianceState, IosComplianceSettings};
use serde_json::{Value, json};

use super::{Body, Draft, READ, impact, store};
use crate::{
    App,
    access::Explained,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Caller,
    console::{ConsoleError, Frame, Html, Pager, Wrong, here, words},
    edition::Expected,
    error::{Error, Result},
    graph as face,
    language::Language,
    notifications, odata,
    policies::{
        self, Kind, PolicyRow,
        console::{
            self as pages, About, Affected, AffectedRow, Count, NAMED, PAGE, PolicyPage, Subject, form, targets,
        },
        targets as assignments,
    },
};

pub use statuses::page as devices;

pub const ABOUT: About = About {
    kind: Kind::Compliance,
    base: "/policies/compliance",
    all: "compliance-all",
    new: "compliance-new",
    form_lead: "compliance-form-lead",
    outcome: ("devices", "compliance-devices"),
    previews: true,
    parts: fields::PARTS,
};

#[derive(Template)]
#[template(path = "compliance.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    writable: bool,
    pager: Pager,
}

struct Row {
    policy: PolicyRow,
    assigned: String,
    counts: store::Counts,
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(READ)?;
    let skip = Fields::of_address(&here(&uri)).get("skip").parse().unwrap_or(0);
    let query = odata::Query::parse(Some(&format!("$top={PAGE}&$skip={skip}")))?;
    let page = policies::store::page(&app.db, Kind::Compliance, &query).await?;
    let groups = pages::groups(&app, &caller).await?;
    let frame = Frame::new(&session, ABOUT.base);
    let mut rows = Vec::with_capacity(page.rows.len());
    for policy in page.rows {
        let targets = assignments::of_policy(app.db.read(), policy.id.parse().map_err(Error::internal)?).await?;
        rows.push(Row {
            assigned: pages::assigned(&targets, &groups, &frame.language),
            counts: store::counts(&app.db, &policy.id, grace_since(&Body::of(&policy)?)).await?,
            policy,
        });
    }
    Html(ListPage {
        frame,
        rows,
        writable: caller.require_any(super::WRITE).is_ok(),
        pager: Pager::new(ABOUT.base, &[], skip, PAGE, page.has_more),
    })
    .respond()
}

/// Devices that stopped being compliant after this are in their grace period still.
fn grace_since(body: &Body) -> i64 {
    let grace = moat_policy::compliance::grace_period(&body.actions);
    let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    crate::app::now().as_micros().saturating_sub(grace)
}

/// An empty form, or one with what another policy says.
pub async fn blank(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let from = Fields::of_address(&here(&uri)).text("from");
    let from = from.map(|id| pages::parse(ABOUT.kind, &id)).transpose()?;
    let caller = session.caller();
    caller.require_any(super::WRITE)?;
    let typed = match from {
        None => shown(None, &Body::default(), &[], true),
        Some(id) => {
            let mut row = super::get(&app, &caller, id).await?;
            row.display_name = pages::copy_of(&row.display_name, &session.language);
            shown(Some(&row), &Body::of(&row)?, &[], false)
        }
    };
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
    let subject = Subject::of(row)?;
    let targets = match subject.id {
        Some(id) => assignments::of_policy(app.db.read(), id).await?,
        None => Vec::new(),
    };
    let typed = shown(Some(row), &Body::of(row)?, &targets, true);
    open(app, session, &subject, &typed).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&form.fields, None);
    let made = match draft(&app, &form, &subject).await? {
        Ok(draft) => super::create(&app, &form.session.caller(), subject.fresh, draft).await,
        Err(wrong) => return refused(&app, &form, &subject, Refusal::Wrong(wrong)).await,
    };
    match made {
        // A second click on the same button: it is made, as wanted.
        Ok(_) | Err(Error::Conflict(_)) => Ok(pages::saved(&ABOUT, &subject.fresh)),
        Err(error) => refused(&app, &form, &subject, Refusal::Error(error)).await,
    }
}

pub async fn save(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let id = pages::parse(ABOUT.kind, &id)?;
    let subject = Subject::typed(&form.fields, Some(id));
    let draft = match draft(&app, &form, &subject).await? {
        Ok(draft) => draft,
        Err(wrong) => return refused(&app, &form, &subject, Refusal::Wrong(wrong)).await,
    };
    let value = comparable(&draft.display_name, &draft.body, draft.targets.as_deref());
    match super::update(&app, &form.session.caller(), id, &subject.expected(), |_, _| Ok(draft)).await {
        Ok(_) => Ok(pages::saved(&ABOUT, &id)),
        Err(Error::Changed) => refused(&app, &form, &subject, Refusal::Changed(value)).await,
        Err(error) => refused(&app, &form, &subject, Refusal::Error(error)).await,
    }
}

/// Who would be affected by what is typed; nothing is saved.
pub async fn preview(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&form.fields, None);
    let mut page = open(&app, &form.session, &subject, &form.fields).await?;
    let language = &form.session.language;
    page.affected = Some(match draft(&app, &form, &subject).await? {
        Err(_) => Affected {
            wrong: language.t("affected-wrong"),
            ..Affected::default()
        },
        Ok(draft) => match impact::of(&app, &form.session.caller(), draft, subject.id, NAMED).await {
            Ok(impact) => affected(&impact, language),
            Err(Error::Invalid { message, .. }) => Affected {
                wrong: message,
                ..Affected::default()
            },
            Err(error) => return Err(error.into()),
        },
    });
    page.respond()
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let row = super::get(&app, &caller, pages::parse(ABOUT.kind, &id)?).await?;
    if let Err(wrong) = pages::confirmed(&form.fields, &row, &form.session.language) {
        let mut page = stored(&app, &form.session, &row).await?;
        page.wrong = wrong;
        return page.respond();
    }
    super::delete(&app, &caller, pages::parse(ABOUT.kind, &id)?, &Expected::Any).await?;
    Ok(Redirect::to(ABOUT.base).into_response())
}

pub async fn versions(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    pages::versions_page(&app, &session, &ABOUT, &id).await
}

pub async fn restore(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    pages::restore(&app, &form, &ABOUT, &id).await
}

pub async fn export(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    let id = pages::parse(ABOUT.kind, &id)?;
    let row = super::get(&app, &session.caller(), id).await?;
    let targets = assignments::of_policy(app.db.read(), id).await?;
    pages::download(&row.display_name, &super::graph::portable(&row, &targets)?)
}

/// A policy as it stands in the form.
fn shown(row: Option<&PolicyRow>, body: &Body, targets: &[moat_model::Target], with_ids: bool) -> Fields {
    let mut fields = form::show(fields::PARTS, &json!(body.settings));
    if let Some(row) = row {
        fields.push(("displayName".into(), row.display_name.clone()));
        fields.push(("description".into(), row.description.clone().unwrap_or_default()));
    }
    fields.extend(actions::show(&body.actions, with_ids));
    fields.extend(targets::show(targets));
    fields.into_iter().collect()
}

/// The form with what is typed.
async fn open(app: &App, session: &Session, subject: &Subject, typed: &Fields) -> Result<PolicyPage> {
    let (caller, language) = (session.caller(), &session.language);
    let groups = pages::groups(app, &caller).await?;
    let templates = templates(app, &caller).await?;
    let mut steps = vec![pages::basics("policy-basics", typed, true, language)];
    steps.extend(fields::PARTS.iter().map(|part| form::step(part, typed, language)));
    steps.push(actions::step(typed, &templates, language));
    steps.push(targets::step(typed, &groups, true, language));
    let title = match subject.id {
        Some(id) => super::get(app, &caller, id).await?.display_name,
        None => language.t(ABOUT.new),
    };
    Ok(pages::page(&ABOUT, session, subject, title, steps))
}

async fn templates(app: &App, caller: &Caller) -> Result<Vec<(String, String)>> {
    let query = odata::Query::parse(Some("$top=500"))?;
    let page = notifications::list(app, caller, &query).await?;
    let pair = |template: notifications::Template| (template.id.to_string(), template.display_name);
    Ok(page.rows.into_iter().map(pair).collect())
}

/// What is typed, on top of what the policy has that the form does not show; or what is wrong with it.
async fn draft(app: &App, form: &Form, subject: &Subject) -> Result<Result<Draft, Wrong>> {
    let (typed, language) = (&form.fields, &form.session.language);
    let base = match subject.base() {
        Some(id) => Body::of(&super::get(app, &form.session.caller(), id).await?)?,
        None => Body::default(),
    };
    let mut wrong = Wrong::new(form::FORM);
    let settings = form::read(fields::PARTS, typed, &mut wrong, language);
    let actions = actions::read(typed, &base.actions, &mut wrong, language);
    if typed.text("displayName").is_none() {
        wrong.add("displayName", language.t("policy-wrong-no-name"));
    }
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    let mut settings: IosComplianceSettings = face::merged(&base.settings, &settings)?;
    for app in &mut settings.restricted_apps {
        if let Some(known) = base
            .settings
            .restricted_apps
            .iter()
            .find(|known| known.app_id == app.app_id)
        {
            app.publisher.clone_from(&known.publisher);
            app.app_store_url.clone_from(&known.app_store_url);
        }
    }
    Ok(Ok(Draft {
        display_name: typed.get("displayName").to_string(),
        description: typed.text("description"),
        body: Body { settings, actions },
        targets: Some(targets::read(typed)?),
    }))
}

/// Why a form is shown again.
enum Refusal {
    Wrong(Wrong),
    Error(Error),
    /// Somebody else saved meanwhile; with what is typed.
    Changed(Value),
}

async fn refused(app: &App, form: &Form, subject: &Subject, refusal: Refusal) -> Result<Response, ConsoleError> {
    let mut page = open(app, &form.session, subject, &form.fields).await?;
    match (refusal, subject.id) {
        (Refusal::Wrong(wrong), _) => page.wrong = wrong,
        (Refusal::Error(error), _) => page.refuse(error)?,
        (Refusal::Changed(typed), Some(id)) => {
            let row = super::get(app, &form.session.caller(), id).await?;
            let targets = assignments::of_policy(app.db.read(), id).await?;
            let before = comparable(&row.display_name, &Body::of(&row)?, Some(&targets));
            page.conflict(&row, &before, &typed);
        }
        (Refusal::Changed(_), None) => {}
    }
    page.respond()
}

fn comparable(name: &str, body: &Body, targets: Option<&[moat_model::Target]>) -> Value {
    let actions = body.actions.iter().map(|action| {
        let mut action = json!(action);
        action["id"] = Value::Null;
        action
    });
    let mut targets: Vec<Value> = targets.unwrap_or_default().iter().map(|target| json!(target)).collect();
    targets.sort_by_key(ToString::to_string);
    json!({
        "displayName": name.trim(),
        "settings": body.settings,
        actions::NAME: actions.collect::<Vec<_>>(),
        "assignments": targets,
    })
}

fn affected(impact: &impact::Impact, language: &Language) -> Affected {
    let count = |number, label: &str, class, shape| Count {
        number,
        label: language.t(label),
        class,
        shape,
    };
    let mut counts = vec![
        count(impact.reached, "affected-reached", "", ""),
        count(impact.lose, "affected-lose", "high", "▲"),
        count(impact.not_compliant, "policy-not-compliant", "high", "▲"),
        count(impact.in_grace, "policy-in-grace", "medium", "◆"),
        count(impact.compliant, "policy-compliant", "good", "✓"),
        count(impact.not_applicable, "policy-not-applicable", "", "–"),
    ];
    if impact.gain > 0 {
        counts.push(count(impact.gain, "affected-gain", "good", "✓"));
    }
    let row = |device: &impact::Affected| {
        let mark = words::compliance(device.after.as_str());
        AffectedRow {
            link: format!("/devices/{}", device.id),
            name: device.name.clone(),
            class: mark.class,
            shape: mark.shape,
            word: language.t(state_word(device.after)),
            why: device
                .reasons
                .first()
                .filter(|_| device.after != ComplianceState::Compliant)
                .map(|reason| Explained::of(reason, language).text)
                .unwrap_or_default(),
        }
    };
    let all = i64::try_from(impact.devices).unwrap_or(i64::MAX);
    Affected {
        counts,
        texts: vec![language.n("affected-of-devices", all)],
        rows: impact.first.iter().map(row).collect(),
        wrong: String::new(),
    }
}

const fn state_word(state: ComplianceState) -> &'static str {
    match state {
        ComplianceState::Compliant => "policy-compliant",
        ComplianceState::InGracePeriod => "policy-in-grace",
        _ => "policy-not-compliant",
    }
}
