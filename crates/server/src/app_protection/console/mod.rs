//! The pages of app protection policies.

mod fields;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::app_protection::{AppGroup, AppManagementLevels, IosAppProtectionSettings};
use moat_policy::{Reason, app_protection::LaunchAction};
use serde_json::{Value, json};

use super::{
    Body, Draft, READ, WRITE,
    impact::{self, Reach, ReachedApp},
};
use crate::{
    App,
    access::Explained,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    connectors,
    console::{ConsoleError, Frame, Html, Pager, Wrong, here, words},
    edition::Expected,
    error::{Error, Result},
    graph as face,
    language::Language,
    odata,
    policies::{
        self, Kind, PolicyRow,
        console::{
            self as pages, About, Affected, AffectedRow, Count, NAMED, PAGE, PolicyPage, Subject,
            form::{self, Input, Shape, Step, Word, choices},
            targets,
        },
        targets as assignments,
    },
};

pub const ABOUT: About = About {
    kind: Kind::AppProtection,
    base: "/policies/apps",
    all: "apps-all",
    new: "apps-new",
    form_lead: "apps-form-lead",
    outcome: ("registrations", "apps-registrations"),
    previews: true,
    parts: fields::PARTS,
};

const GROUPS: &[Word] = &[
    ("selectedPublicApps", "apps-group-selected"),
    ("allApps", "apps-group-all"),
    ("allMicrosoftApps", "apps-group-microsoft"),
    ("allCoreMicrosoftApps", "apps-group-core"),
];
const LEVELS: &[Word] = &[
    ("unspecified", "apps-devices-all"),
    ("unmanaged", "apps-devices-unmanaged"),
    ("mdm", "apps-devices-managed"),
];
/// Apps that the page of registrations names.
const MOST: usize = 100;

#[derive(Template)]
#[template(path = "apps.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    writable: bool,
    pager: Pager,
}

struct Row {
    policy: PolicyRow,
    assigned: String,
    apps: String,
    threat_level: String,
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(READ)?;
    let skip = Fields::of_address(&here(&uri)).get("skip").parse().unwrap_or(0);
    let query = odata::Query::parse(Some(&format!("$top={PAGE}&$skip={skip}")))?;
    let page = policies::store::page(&app.db, Kind::AppProtection, &query).await?;
    let groups = pages::groups(&app, &caller).await?;
    let frame = Frame::new(&session, ABOUT.base);
    let mut rows = Vec::with_capacity(page.rows.len());
    for policy in page.rows {
        let body = Body::of(&policy)?;
        let targets = assignments::of_policy(app.db.read(), policy.id.parse().map_err(Error::internal)?).await?;
        rows.push(Row {
            assigned: pages::assigned(&targets, &groups, &frame.language),
            apps: apps_of(&body, &frame.language),
            threat_level: threat_level(&body, &frame.language),
            policy,
        });
    }
    Html(ListPage {
        frame,
        rows,
        writable: caller.require_any(WRITE).is_ok(),
        pager: Pager::new(ABOUT.base, &[], skip, PAGE, page.has_more),
    })
    .respond()
}

fn apps_of(body: &Body, language: &Language) -> String {
    let listed = i64::try_from(body.apps.len()).unwrap_or(i64::MAX);
    let group = GROUPS.iter().find(|(word, _)| *word == body.app_group_type.as_str());
    match (body.app_group_type, group) {
        (AppGroup::SelectedPublicApps, _) | (_, None) => language.n("apps-count", listed),
        (_, Some((_, message))) => language.t(message),
    }
}

fn threat_level(body: &Body, language: &Language) -> String {
    language.t(match body.settings.maximum_allowed_device_threat_level.as_str() {
        "secured" => "policy-level-secured",
        "low" => "policy-level-low",
        "medium" => "policy-level-medium",
        "high" => "policy-level-high",
        _ => "choice-not-configured",
    })
}

pub async fn blank(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(WRITE)?;
    let from = Fields::of_address(&here(&uri)).text("from");
    let from = from.map(|id| pages::parse(ABOUT.kind, &id)).transpose()?;
    let typed = match from {
        None => shown(None, &recommended(), &[]),
        Some(id) => {
            let mut row = super::get(&app, &caller, id).await?;
            row.display_name = pages::copy_of(&row.display_name, &session.language);
            shown(Some(&row), &Body::of(&row)?, &[])
        }
    };
    open(&app, &session, &Subject::new(from), &typed).await?.respond()
}

fn recommended() -> Body {
    Body {
        settings: IosAppProtectionSettings::recommended(),
        ..Body::default()
    }
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
    let body = Body::of(row)?;
    let mut page = open(app, session, &subject, &shown(Some(row), &body, &targets)).await?;
    let notes = moat_policy::app_protection::validate(&body.settings).unwrap_or_default();
    let told = |note: &moat_policy::app_protection::FieldNote| {
        format!(
            "{} {}",
            ABOUT.label(note.field, &session.language),
            note.text.in_language(&*session.language)
        )
    };
    page.notes = notes.iter().map(told).collect();
    Ok(page)
}

pub async fn create(State(app): State<App>, sent: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&sent.fields, None);
    let made = match draft(&app, &sent, &subject).await? {
        Ok(draft) => super::create(&app, &sent.session.caller(), subject.fresh, draft).await,
        Err(wrong) => return refused(&app, &sent, &subject, Err(wrong)).await,
    };
    match made {
        // A second click on the same button: it is made, as wanted.
        Ok(_) | Err(Error::Conflict(_)) => Ok(pages::saved(&ABOUT, &subject.fresh)),
        Err(error) => refused(&app, &sent, &subject, Ok(error)).await,
    }
}

pub async fn save(State(app): State<App>, Path(id): Path<String>, sent: Form) -> Result<Response, ConsoleError> {
    let (caller, id) = (sent.session.caller(), pages::parse(ABOUT.kind, &id)?);
    let subject = Subject::typed(&sent.fields, Some(id));
    let draft = match draft(&app, &sent, &subject).await? {
        Ok(draft) => draft,
        Err(wrong) => return refused(&app, &sent, &subject, Err(wrong)).await,
    };
    let typed = comparable(&draft.display_name, &draft.body, draft.targets.as_deref());
    match super::update(&app, &caller, id, &subject.expected(), |_, _| Ok(draft)).await {
        Ok(_) => Ok(pages::saved(&ABOUT, &id)),
        Err(Error::Changed) => {
            let row = super::get(&app, &caller, id).await?;
            let targets = assignments::of_policy(app.db.read(), id).await?;
            let mut page = open(&app, &sent.session, &subject, &sent.fields).await?;
            let before = comparable(&row.display_name, &Body::of(&row)?, Some(&targets));
            page.conflict(&row, &before, &typed);
            page.respond()
        }
        Err(error) => refused(&app, &sent, &subject, Ok(error)).await,
    }
}

/// Shows the form again, with what the operation or the form itself refused.
async fn refused(
    app: &App,
    sent: &Form,
    subject: &Subject,
    why: Result<Error, Wrong>,
) -> Result<Response, ConsoleError> {
    let mut page = open(app, &sent.session, subject, &sent.fields).await?;
    match why {
        Ok(error) => page.refuse(error)?,
        Err(wrong) => page.wrong = wrong,
    }
    page.respond()
}

/// Whose apps would be affected by what is typed; nothing is saved.
pub async fn preview(State(app): State<App>, sent: Form) -> Result<Response, ConsoleError> {
    let subject = Subject::typed(&sent.fields, None);
    let language = &sent.session.language;
    let wrong = |wrong: String| Affected {
        wrong,
        ..Affected::default()
    };
    let affected = match draft(&app, &sent, &subject).await? {
        Err(_) => wrong(language.t("affected-wrong")),
        Ok(draft) => match impact::of(&app, &sent.session.caller(), draft, NAMED).await {
            Ok(reach) => affected(&reach, language),
            Err(error @ Error::Invalid { .. }) => wrong(error.told(&**language)),
            Err(error) => return Err(error.into()),
        },
    };
    let mut page = open(&app, &sent.session, &subject, &sent.fields).await?;
    page.affected = Some(affected);
    page.respond()
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
    let id = pages::parse(ABOUT.kind, &id)?;
    let row = super::get(&app, &session.caller(), id).await?;
    let targets = assignments::of_policy(app.db.read(), id).await?;
    pages::download(&row.display_name, &super::graph::portable(&row, &targets)?)
}

#[derive(Template)]
#[template(path = "app_registrations.html")]
struct Registrations {
    frame: Frame,
    about: &'static About,
    policy: PolicyRow,
    reach: Reach,
}

impl Registrations {
    fn told(&self, reasons: &[Reason]) -> Vec<Explained> {
        let told = |reason| Explained::of(reason, &*self.frame.language);
        reasons.iter().map(told).collect()
    }
}

impl Registrations {
    fn mark(&self, app: &ReachedApp) -> (&'static str, &'static str, String) {
        let (class, shape, message) = mark(app.action);
        (class, shape, self.frame.t(message))
    }

    fn more(&self) -> usize {
        self.reach.apps - self.reach.first.len()
    }
}

/// The apps that checked in and that the policy is for.
pub async fn registrations(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, ConsoleError> {
    let (caller, id) = (session.caller(), pages::parse(ABOUT.kind, &id)?);
    let policy = super::get(&app, &caller, id).await?;
    let draft = Draft {
        display_name: policy.display_name.clone(),
        description: None,
        body: Body::of(&policy)?,
        targets: Some(assignments::of_policy(app.db.read(), id).await?),
    };
    Html(Registrations {
        frame: Frame::new(&session, ABOUT.base),
        about: &ABOUT,
        policy,
        reach: impact::of(&app, &caller, draft, MOST).await?,
    })
    .respond()
}

const fn mark(action: LaunchAction) -> (&'static str, &'static str, &'static str) {
    match action {
        LaunchAction::Allow => ("good", "✓", "launch-allowed"),
        LaunchAction::Warn => ("medium", "◆", "launch-warned"),
        LaunchAction::ResetPin => ("medium", "◆", "launch-new-pin"),
        LaunchAction::Block => ("high", "▲", "launch-blocked"),
        LaunchAction::Wipe => ("high", "▲", "launch-wiped"),
    }
}

/// A policy as it stands in the form.
fn shown(row: Option<&PolicyRow>, body: &Body, targets: &[moat_model::Target]) -> Fields {
    let mut fields = form::show(fields::PARTS, &json!(body.settings));
    let mut add = |name: &str, value: String| fields.push((name.to_string(), value));
    if let Some(row) = row {
        add("displayName", row.display_name.clone());
        add("description", row.description.clone().unwrap_or_default());
    }
    let apps: Vec<&str> = body.apps.iter().map(|app| app.bundle_id.as_str()).collect();
    add("apps", apps.join("\n"));
    add("appGroupType", body.app_group_type.to_string());
    add(
        "targetedAppManagementLevels",
        body.targeted_app_management_levels.to_string(),
    );
    fields.extend(targets::show(targets));
    fields.into_iter().collect()
}

async fn open(app: &App, session: &Session, subject: &Subject, typed: &Fields) -> Result<PolicyPage> {
    let (caller, language) = (session.caller(), &session.language);
    let groups = pages::groups(app, &caller).await?;
    let mut steps = vec![
        pages::basics("policy-basics", typed, true, language),
        apps_step(typed, language),
    ];
    let mut parts: Vec<Step> = fields::PARTS
        .iter()
        .map(|part| form::step(part, typed, language))
        .collect();
    if !evaluates_apps(app, &caller).await?
        && let Some(step) = parts.get_mut(fields::THREAT_PART)
    {
        step.notice = language.t("launch-no-connector");
    }
    steps.extend(parts);
    steps.push(targets::step(typed, &groups, false, language));
    let title = match subject.id {
        Some(id) => super::get(app, &caller, id).await?.display_name,
        None => language.t(ABOUT.new),
    };
    Ok(pages::page(&ABOUT, session, subject, title, steps))
}

/// Whether some connector is used for app protection: without one the threat level has no effect.
async fn evaluates_apps(app: &App, caller: &crate::Caller) -> Result<bool> {
    let all = connectors::list(app, caller).await?;
    Ok(all
        .iter()
        .any(|named| named.connector.ios_mobile_application_management_enabled))
}

fn apps_step(typed: &Fields, language: &Language) -> Step {
    let select = |name: &'static str, label: &str, words: &[Word]| Input {
        name,
        label: language.t(label),
        hint: String::new(),
        shape: Shape::Select(choices(words, &typed.all(name), language)),
    };
    Step {
        title: language.t("apps-apps"),
        text: language.t("apps-apps-text"),
        inputs: vec![
            select("appGroupType", "apps-group", GROUPS),
            select("targetedAppManagementLevels", "apps-devices", LEVELS),
            Input {
                name: "apps",
                label: language.t("apps-bundle-ids"),
                hint: language.t("apps-bundle-ids-hint"),
                shape: Shape::Area {
                    value: typed.get("apps").to_string(),
                },
            },
        ],
        ..Step::default()
    }
}

/// What is typed, on top of what the policy has that the form does not show; or what is wrong with it.
async fn draft(app: &App, sent: &Form, subject: &Subject) -> Result<Result<Draft, Wrong>> {
    let (typed, language) = (&sent.fields, &sent.session.language);
    let base = match subject.base() {
        Some(id) => Body::of(&super::get(app, &sent.session.caller(), id).await?)?,
        None => Body::default(),
    };
    let mut wrong = Wrong::new(form::FORM);
    if typed.text("displayName").is_none() {
        wrong.add("displayName", language.t("policy-wrong-no-name"));
    }
    let settings = form::read(fields::PARTS, typed, &mut wrong, language);
    let group = typed.get("appGroupType").parse::<AppGroup>().ok();
    let levels = typed
        .get("targetedAppManagementLevels")
        .parse::<AppManagementLevels>()
        .ok();
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    let ids = form::lines(typed.get("apps"));
    let mut body = Body {
        settings: face::merged(&base.settings, &settings)?,
        apps: ids
            .map(|id| moat_model::app_protection::AppIdentifier {
                bundle_id: id.to_string(),
            })
            .collect(),
        app_group_type: group.unwrap_or(base.app_group_type),
        targeted_app_management_levels: levels.unwrap_or(base.targeted_app_management_levels),
    };
    body.apps.dedup_by(|a, b| a.is(&b.bundle_id));
    Ok(Ok(Draft {
        display_name: typed.get("displayName").to_string(),
        description: typed.text("description"),
        body,
        targets: Some(targets::read(typed)?),
    }))
}

fn comparable(name: &str, body: &Body, targets: Option<&[moat_model::Target]>) -> Value {
    let mut targets: Vec<Value> = targets.unwrap_or_default().iter().map(|target| json!(target)).collect();
    targets.sort_by_key(ToString::to_string);
    let apps: Vec<&str> = body.apps.iter().map(|app| app.bundle_id.as_str()).collect();
    json!({
        "displayName": name.trim(),
        "settings": body.settings,
        "apps": apps,
        "appGroupType": body.app_group_type,
        "targetedAppManagementLevels": body.targeted_app_management_levels,
        "assignments": targets,
    })
}

fn affected(reach: &Reach, language: &Language) -> Affected {
    let count = |number, label: &str, class, shape| Count {
        number,
        label: language.t(label),
        class,
        shape,
    };
    let row = |app: &ReachedApp| {
        let (class, shape, message) = mark(app.action);
        AffectedRow {
            link: format!("/devices/{}", app.device_id),
            name: format!("{} ({})", app.device_name, app.bundle_id),
            class,
            shape,
            word: language.t(message),
            why: app
                .reasons
                .first()
                .map(|reason| Explained::of(reason, language).text)
                .unwrap_or_default(),
        }
    };
    let all = i64::try_from(reach.all).unwrap_or(i64::MAX);
    Affected {
        counts: vec![
            count(reach.users, "affected-users", "", ""),
            count(reach.devices, "affected-devices", "", ""),
            count(reach.apps, "affected-apps", "", ""),
            count(reach.wiped, "launch-wiped", "high", "▲"),
            count(reach.blocked, "launch-blocked", "high", "▲"),
            count(reach.warned, "launch-warned", "medium", "◆"),
        ],
        texts: vec![language.n("affected-of-apps", all)],
        rows: reach.first.iter().map(row).collect(),
        wrong: String::new(),
    }
}
