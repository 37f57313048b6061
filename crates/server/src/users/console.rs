//! The pages of users.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Change, UserRow};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    app_protection::{
        self,
        registrations::{self, RegistrationRow},
    },
    console::{Chip, Clash, ConsoleError, Frame, Html, Inputs, Pager, Wrong, address, escape, here, version, words},
    devices::managed::{self, ManagedDeviceRow},
    directory::{self, ObjectRow, Of},
    edition::Expected,
    error::{Error, Result},
    odata::Query,
};

const LIST: &str = "/people/users";
const PAGE: u64 = 100;
/// Devices, groups and apps that the page of one user shows.
const SHOWN: u32 = 200;

const INPUTS: Inputs = &[
    ("userPrincipalName", "userPrincipalName", "user-principal-name"),
    ("displayName", "displayName", "display-name"),
    ("mail", "mail", "user-mail"),
    ("preferredLanguage", "preferredLanguage", "user-language"),
    ("accountEnabled", "accountEnabled", "user-enabled"),
    ("moatBreakGlass", "moatBreakGlass", "user-break-glass"),
];

#[derive(Template)]
#[template(path = "users.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<UserRow>,
    search: String,
    filter: String,
    chips: Vec<Chip>,
    pager: Pager,
    may_change: bool,
    typed: Fields,
    wrong: Wrong,
}

/// Name in the address, message, OData.
const FILTERS: [(&str, &str, &str); 2] = [
    ("disabled", "user-filter-disabled", "accountEnabled eq false"),
    ("break-glass", "user-filter-break-glass", "moatBreakGlass eq true"),
];

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render_list(&app, &session, &here(&uri), Fields::default(), Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let change = Change {
        account_enabled: Some(true),
        ..named(&form.fields)
    };
    match super::create(&app, &form.session.caller(), change).await {
        Ok(user) => Ok(Redirect::to(&format!("{LIST}/{}", user.id)).into_response()),
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
    let text = |name: &str| query.text(name).unwrap_or_default();
    let (search, filter) = (text("q"), text("filter"));
    let skip: u64 = text("skip").parse().unwrap_or(0);
    let mut conditions = Vec::new();
    if !search.is_empty() {
        let text = search.replace('\'', "''");
        conditions.push(format!(
            "(contains(displayName,'{text}') or contains(userPrincipalName,'{text}') or contains(mail,'{text}'))"
        ));
    }
    let known = FILTERS.iter().find(|(name, ..)| *name == filter);
    conditions.extend(known.map(|(_, _, condition)| (*condition).to_string()));
    let mut odata = format!("$top={PAGE}&$skip={skip}");
    if !conditions.is_empty() {
        odata = format!("{odata}&$filter={}", escape(&conditions.join(" and ")));
    }
    let caller = session.caller();
    let page = super::list(app, &caller, &Query::parse(Some(&odata))?).await?;
    let frame = Frame::new(session, LIST);
    let parameters = [("q", search.as_str()), ("filter", filter.as_str())];
    Html(ListPage {
        rows: page.rows,
        chips: chips(&frame, &search, &filter),
        pager: Pager::new(LIST, &parameters, skip, PAGE, page.has_more),
        may_change: caller.require_any(super::WRITE).is_ok(),
        frame,
        search,
        filter,
        typed,
        wrong,
    })
    .respond()
}

fn chips(frame: &Frame, search: &str, filter: &str) -> Vec<Chip> {
    let link = |search: &str, filter: &str| address(LIST, &[("q", search), ("filter", filter)]);
    let mut chips = Vec::new();
    if !search.is_empty() {
        chips.push(Chip {
            label: frame.with("name-has", [("text", search)]),
            link: link("", filter),
            on: true,
            removable: true,
        });
    }
    for (name, label, _) in FILTERS {
        let on = name == filter;
        chips.push(Chip {
            label: frame.t(label),
            link: link(search, if on { "" } else { name }),
            on,
            removable: true,
        });
    }
    if !filter.is_empty() && !FILTERS.iter().any(|(name, ..)| *name == filter) {
        chips.push(Chip::unknown(filter, link(search, "")));
    }
    chips
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    frame: Frame,
    user: UserRow,
    fields: Fields,
    clashes: Vec<Clash>,
    devices: Vec<ManagedDeviceRow>,
    /// Groups that the user is in, and whether through another one only.
    groups: Vec<(ObjectRow, bool)>,
    /// None where the reader may not see apps.
    apps: Option<Apps>,
    may_change: bool,
    wrong: Wrong,
}

/// The apps of a user that registered.
struct Apps {
    rows: Vec<RegistrationRow>,
    /// Those whose wipe was ordered and is not confirmed yet.
    wiping: BTreeSet<String>,
    /// Devices by the tag that names them in an order.
    devices: BTreeMap<String, String>,
    may_wipe: bool,
}

pub async fn show(State(app): State<App>, session: Session, Path(id): Path<String>) -> Result<Response, ConsoleError> {
    render(&app, &session, &id, None).await
}

pub async fn update(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let ticked = |name: &str| Some(form.fields.get(name) == "on");
    let change = Change {
        account_enabled: ticked("accountEnabled"),
        break_glass: ticked("moatBreakGlass"),
        ..named(&form.fields)
    };
    match super::update(&app, &form.session.caller(), &id, &version(&form.fields), change).await {
        Ok(user) => Ok(Redirect::to(&format!("{LIST}/{}", user.id)).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "details", error, INPUTS)?;
            render(&app, &form.session, &id, Some((form.fields, wrong))).await
        }
    }
}

pub async fn wipe(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let user = super::get(&app, &caller, &id).await?;
    let wrong = match confirmed(&form, "wipe", &user) {
        Ok(()) => match registrations::wipe(&app, &caller, &user.id, form.fields.get("device")).await {
            Ok(_) => return Ok(Redirect::to(&format!("{LIST}/{id}")).into_response()),
            Err(Error::NotFound(text)) => Wrong::said(
                &Frame::new(&form.session, LIST),
                "wipe",
                Error::invalid("BadRequest", text),
                INPUTS,
            )?,
            Err(error) => return Err(error.into()),
        },
        Err(wrong) => wrong,
    };
    render(&app, &form.session, &id, Some((form.fields, wrong))).await
}

pub async fn delete(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    let user = super::get(&app, &caller, &id).await?;
    let wrong = match confirmed(&form, "delete", &user) {
        Ok(()) => match super::delete(&app, &caller, &user.id, &Expected::Any).await {
            Ok(()) => return Ok(Redirect::to(LIST).into_response()),
            Err(error) => Wrong::said(&Frame::new(&form.session, LIST), "delete", error, INPUTS)?,
        },
        Err(wrong) => wrong,
    };
    render(&app, &form.session, &id, Some((form.fields, wrong))).await
}

/// Whether the user's name was typed, in any letter case.
fn confirmed(form: &Form, name: &'static str, user: &UserRow) -> Result<(), Wrong> {
    let typed = form.fields.get("confirm").trim().to_lowercase();
    if typed == user.user_principal_name.to_lowercase() {
        return Ok(());
    }
    let mut wrong = Wrong::new(name);
    let text = [("name", user.user_principal_name.as_str())];
    wrong.add("confirm", form.session.language.with("type-to-confirm", text));
    Err(wrong)
}

fn named(fields: &Fields) -> Change {
    let typed = |name: &str| Some(fields.get(name).trim().to_string());
    Change {
        user_principal_name: typed("userPrincipalName"),
        display_name: typed("displayName"),
        mail: typed("mail"),
        preferred_language: typed("preferredLanguage"),
        ..Change::default()
    }
}

/// The form as the user is.
fn stored(user: &UserRow) -> Fields {
    let ticked = |on: i64| if on == 0 { String::new() } else { "on".to_string() };
    Fields::from([
        ("userPrincipalName", user.user_principal_name.clone()),
        ("displayName", user.display_name.clone()),
        ("mail", user.mail.clone().unwrap_or_default()),
        ("preferredLanguage", user.preferred_language.clone().unwrap_or_default()),
        ("accountEnabled", ticked(user.account_enabled)),
        ("moatBreakGlass", ticked(user.break_glass)),
    ])
}

async fn render(
    app: &App,
    session: &Session,
    id: &str,
    refused: Option<(Fields, Wrong)>,
) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    let frame = Frame::new(session, LIST);
    let user = super::get(app, &caller, id).await?;
    let (typed, wrong) = refused.unwrap_or_default();
    let kept = stored(&user);
    let changed = wrong.is_on("details") && !version(&typed).includes(user.updated_at);
    let clashes = match changed {
        true => Clash::between(&frame, INPUTS, &kept, &typed),
        false => Vec::new(),
    };
    let query = Query::parse(Some(&format!("$top={SHOWN}")))?;
    caller.require_any(managed::READ)?;
    Html(UserPage {
        devices: managed::page(&app.db, &query, Some(&user.id)).await?.rows,
        groups: groups(app, session, &user, &query).await?,
        apps: apps(app, session, &user).await?,
        fields: if wrong.is_on("details") { typed } else { kept },
        may_change: caller.require_any(super::WRITE).is_ok(),
        frame,
        user,
        clashes,
        wrong,
    })
    .respond()
}

async fn groups(app: &App, session: &Session, user: &UserRow, query: &Query) -> Result<Vec<(ObjectRow, bool)>> {
    let caller = session.caller();
    let direct = directory::groups_of_user(app, &caller, &user.id, Of::Memberships, query).await?;
    let direct: BTreeSet<String> = direct.rows.into_iter().map(|group| group.id).collect();
    let all = directory::groups_of_user(app, &caller, &user.id, Of::AllMemberships, query).await?;
    let through = |group: ObjectRow| {
        let indirect = !direct.contains(&group.id);
        (group, indirect)
    };
    Ok(all.rows.into_iter().map(through).collect())
}

async fn apps(app: &App, session: &Session, user: &UserRow) -> Result<Option<Apps>> {
    let caller = session.caller();
    if caller.require_any(app_protection::READ).is_err() {
        return Ok(None);
    }
    let filter = escape(&format!("userId eq '{}'", user.id));
    let query = Query::parse(Some(&format!("$top={SHOWN}&$filter={filter}")))?;
    let rows = registrations::page(&app.db, &query).await?.rows;
    let devices = rows
        .iter()
        .map(|row| (row.device_tag.clone(), row.device_name.clone()))
        .collect();
    Ok(Some(Apps {
        wiping: registrations::wiping(app, &caller, &user.id).await?,
        devices,
        rows,
        may_wipe: caller.require_any(app_protection::WRITE).is_ok(),
    }))
}
