//! The pages of groups.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::GroupId;
use uuid::Uuid;

use super::{Change, GroupRow, store::NamingRow};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Caller,
    console::{Chip, Clash, ConsoleError, Frame, Html, Inputs, Pager, Wrong, escape, here, version, words},
    directory::{self, ObjectRow, Of},
    edition::Expected,
    error::{Error, Result},
    odata::Query,
};

const LIST: &str = "/people/groups";
const PAGE: u64 = 100;
/// Found names that can be added, and groups that a group is in.
const SHOWN: u32 = 20;

const INPUTS: Inputs = &[
    ("displayName", "displayName", "display-name"),
    ("description", "description", "description"),
];

#[derive(Template)]
#[template(path = "groups.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<GroupRow>,
    search: String,
    chips: Vec<Chip>,
    pager: Pager,
    may_change: bool,
    typed: Fields,
    wrong: Wrong,
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render_list(&app, &session, &here(&uri), Fields::default(), Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let change = Change {
        mail_nickname: Some("group".into()),
        ..described(&form.fields)
    };
    match super::create(&app, &form.session.caller(), change).await {
        Ok(group) => Ok(Redirect::to(&format!("{LIST}/{}", group.id)).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "add", error, INPUTS)?;
            render_list(&app, &form.session, LIST, form.fields, wrong).await
        }
    }
}

async fn render_list(
    app: &App,
    session: &Session,
    here: &str,
    typed: Fields,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let query = Fields::of_address(here);
    let search = query.text("q").unwrap_or_default();
    let skip: u64 = query.get("skip").parse().unwrap_or(0);
    let mut odata = format!("$top={PAGE}&$skip={skip}");
    let frame = Frame::new(session, LIST);
    let mut chips = Vec::new();
    if !search.is_empty() {
        let filter = format!("contains(displayName,'{}')", search.replace('\'', "''"));
        odata = format!("{odata}&$filter={}", escape(&filter));
        chips.push(Chip {
            label: frame.with("name-has", [("text", &search)]),
            link: LIST.into(),
            on: true,
            removable: true,
        });
    }
    let caller = session.caller();
    let page = super::list(app, &caller, &Query::parse(Some(&odata))?).await?;
    Html(ListPage {
        rows: page.rows,
        pager: Pager::new(LIST, &[("q", &search)], skip, PAGE, page.has_more),
        may_change: caller.require_any(super::WRITE).is_ok(),
        frame,
        search,
        chips,
        typed,
        wrong,
    })
    .respond()
}

#[derive(Template)]
#[template(path = "group.html")]
struct GroupPage {
    frame: Frame,
    group: GroupRow,
    fields: Fields,
    clashes: Vec<Clash>,
    members: Vec<ObjectRow>,
    pager: Pager,
    /// With those of the groups within.
    all_members: i64,
    is_in: Vec<ObjectRow>,
    policies: Vec<NamingRow>,
    may_change: bool,
    may_add: bool,
    adding: Adding,
    wrong: Wrong,
}

/// The search for what to add.
#[derive(Default)]
struct Adding {
    text: String,
    /// Found, and whether it is a member already.
    found: Vec<(ObjectRow, bool)>,
}

impl ObjectRow {
    /// Where it has its page.
    fn page(&self) -> String {
        match self.kind.as_str() {
            "user" => format!("/people/users/{}", self.id),
            "group" => format!("{LIST}/{}", self.id),
            _ => format!("/devices/{}", self.id),
        }
    }

    /// The message that names its kind.
    fn kind_words(&self) -> &'static str {
        match self.kind.as_str() {
            "user" => "kind-user",
            "group" => "kind-group",
            _ => "kind-device",
        }
    }
}

impl NamingRow {
    /// Where the policy has its page.
    fn page(&self) -> String {
        let list = match self.kind.as_str() {
            "compliance" => "compliance",
            "appProtection" => "apps",
            _ => "access",
        };
        format!("/policies/{list}/{}", self.id)
    }

    /// The message that names its kind.
    fn kind_words(&self) -> &'static str {
        match self.kind.as_str() {
            "compliance" => "policy-compliance",
            "appProtection" => "policy-app-protection",
            _ => "policy-conditional-access",
        }
    }

    /// The message that says how it names the group.
    fn target_words(&self) -> &'static str {
        match self.target.as_str() {
            "group" => "policy-includes",
            "excludedGroup" => "policy-excludes",
            _ => "policy-names",
        }
    }
}

pub async fn show(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, &here(&uri), None).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let updated = super::update(
        &app,
        &caller,
        parse(&id)?,
        &version(&form.fields),
        described(&form.fields),
    )
    .await;
    finish(&app, form, &id, "details", updated).await
}

pub async fn add_member(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let member = form.fields.get("member").parse();
    let member: Uuid = member.map_err(|_| Error::invalid("BadRequest", "choose whom to add from the list"))?;
    let added = super::add_member(&app, &form.session.caller(), parse(&id)?, member).await;
    finish(&app, form, &id, "member", added).await
}

pub async fn remove_member(
    State(app): State<App>,
    Path((id, member)): Path<(String, String)>,
    form: Form,
) -> Result<Response, ConsoleError> {
    let member = member.parse().map_err(|_| Error::not_found("member", "of that id"))?;
    let removed = match super::remove_member(&app, &form.session.caller(), parse(&id)?, member).await {
        // A second click on the same button: it is gone, as wanted.
        Err(Error::NotFound(_)) => Ok(()),
        other => other,
    };
    finish(&app, form, &id, "member", removed).await
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let group = super::get(&app, &caller, parse(&id)?).await?;
    if form.fields.get("confirm").trim() != group.display_name {
        let mut wrong = Wrong::new("delete");
        let text = [("name", group.display_name.as_str())];
        wrong.add("confirm", form.session.language.with("type-to-confirm", text));
        return render(&app, &form.session, &id, LIST, Some((form.fields, wrong))).await;
    }
    match super::delete(&app, &caller, parse(&id)?, &Expected::Any).await {
        Ok(()) => Ok(Redirect::to(LIST).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "delete", error, INPUTS)?;
            render(&app, &form.session, &id, LIST, Some((form.fields, wrong))).await
        }
    }
}

/// Back to the page of the group, or to what was wrong on it.
async fn finish(
    app: &App,
    form: Form,
    id: &str,
    name: &'static str,
    outcome: Result<()>,
) -> Result<Response, ConsoleError> {
    match outcome {
        Ok(()) => Ok(Redirect::to(&format!("{LIST}/{id}")).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), name, error, INPUTS)?;
            render(app, &form.session, id, LIST, Some((form.fields, wrong))).await
        }
    }
}

fn described(fields: &Fields) -> Change {
    let typed = |name: &str| Some(fields.get(name).trim().to_string());
    Change {
        display_name: typed("displayName"),
        description: typed("description"),
        ..Change::default()
    }
}

fn stored(group: &GroupRow) -> Fields {
    Fields::from([
        ("displayName", group.display_name.clone()),
        ("description", group.description.clone().unwrap_or_default()),
    ])
}

fn parse(id: &str) -> Result<GroupId> {
    id.parse()
        .map_err(|_| Error::not_found("group", id.chars().take(80).collect::<String>()))
}

async fn render(
    app: &App,
    session: &Session,
    id: &str,
    here: &str,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, LIST));
    let id = parse(id)?;
    let group = super::get(app, &caller, id).await?;
    let (typed, wrong) = refused.unwrap_or_default();
    let kept = stored(&group);
    let changed = wrong.is_on("details") && !version(&typed).includes(group.updated_at);
    let clashes = match changed {
        true => Clash::between(&frame, INPUTS, &kept, &typed),
        false => Vec::new(),
    };
    let address_fields = Fields::of_address(here);
    let skip: u64 = address_fields.get("skip").parse().unwrap_or(0);
    let query = Query::parse(Some(&format!("$top={PAGE}&$skip={skip}")))?;
    let members = directory::members(app, &caller, &Of::Members(id), None, &query).await?;
    let all = directory::members(
        app,
        &caller,
        &Of::TransitiveMembers(id),
        None,
        &Query::default().counting(),
    )
    .await?;
    let above = Query::parse(Some(&format!("$top={SHOWN}")))?;
    let may_add = caller.require_any(super::WRITE_MEMBERS).is_ok();
    Html(GroupPage {
        pager: Pager::new(&format!("{LIST}/{id}"), &[], skip, PAGE, members.has_more),
        members: members.rows,
        all_members: all.count.unwrap_or_default(),
        is_in: directory::groups_of_group(app, &caller, id, Of::Memberships, &above)
            .await?
            .rows,
        policies: super::policies(app, &caller, id).await?,
        adding: match may_add {
            true => adding(app, &caller, id, address_fields.text("add").unwrap_or_default()).await?,
            false => Adding::default(),
        },
        fields: if wrong.is_on("details") { typed } else { kept },
        may_change: caller.require_any(super::WRITE).is_ok(),
        may_add,
        frame,
        group,
        clashes,
        wrong,
    })
    .respond()
}

async fn adding(app: &App, caller: &Caller, group: GroupId, text: String) -> Result<Adding> {
    if text.is_empty() {
        return Ok(Adding::default());
    }
    let found = directory::named(app, caller, &text, SHOWN).await?;
    let all = found.iter().map(|object| object.id.clone()).collect::<Vec<_>>();
    let members = super::store::direct(app.db.read(), group, &all).await?;
    let found = found.into_iter().filter(|object| object.id != group.to_string());
    let found = found.map(|object| {
        let member = members.contains(&object.id);
        (object, member)
    });
    Ok(Adding {
        found: found.collect(),
        text,
    })
}
