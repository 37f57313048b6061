//! The console's frame: layout, errors, static files, live rows, and words for people.

mod address;
mod assets;
pub mod chart;
mod form;
mod go;
mod health;
mod live;
mod once;
mod overview;
mod settings;
mod store;
pub mod words;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    App,
    accounts::Session,
    alerts, app_protection, audit,
    caller::{Caller, Role},
    compliance, conditional_access, connectors, devices,
    error::{Error, Result},
    feeds, groups, indicators, json,
    language::Language,
    notifications, reports, retire_list, users, web_activity,
};

pub use address::{Chip, Pager, address, back_to, escape, here, local, unknown_filter};
pub use assets::{asset, asset_version};
pub use form::{Clash, Inputs, Wrong, version};
pub use go::page as go;
pub use health::page as health;
pub use live::events;
pub use once::{Shown, ShownOnce};
pub use overview::page as overview;
pub use settings::{page as settings, save as save_settings};

/// A section of the console: its message and its pages. The first page that one may see is where the section opens.
pub struct Section {
    pub name: &'static str,
    pub pages: &'static [Page],
}

/// A page in the navigation: its message, its address, and who may see it; empty is everybody who signed in.
pub struct Page {
    pub name: &'static str,
    pub path: &'static str,
    roles: &'static [Role],
}

impl Page {
    fn is_for(&self, caller: &Caller) -> bool {
        self.roles.is_empty() || caller.require_any(self.roles).is_ok()
    }
}

const fn section(name: &'static str, pages: &'static [Page]) -> Section {
    Section { name, pages }
}

const fn of(name: &'static str, path: &'static str, roles: &'static [Role]) -> Page {
    Page { name, path, roles }
}

/// Whoever runs the server.
const ADMINISTRATE: &[Role] = &[Role::MoatAdministrate];

/// The navigation. A section with one page has no tabs.
pub const SECTIONS: &[Section] = &[
    section("nav-overview", &[of("nav-overview", "/", &[])]),
    section(
        "nav-devices",
        &[
            of("tab-devices", "/devices", devices::READ),
            of("tab-retire-list", "/retire-list", retire_list::READ),
            of("tab-enrollment", "/enrollment", ADMINISTRATE),
        ],
    ),
    section(
        "nav-alerts",
        &[
            of("tab-alerts", "/alerts", alerts::triage::READ),
            of("tab-suppression", "/alerts/suppression", alerts::suppression::READ),
        ],
    ),
    section(
        "nav-web-protection",
        &[
            of("tab-indicators", "/indicators", indicators::READ),
            of("tab-activity", "/activity", web_activity::READ),
            of("tab-feeds", "/feeds", feeds::READ),
            of("tab-reports", "/reports", reports::READ),
        ],
    ),
    section(
        "nav-policies",
        &[
            of("tab-compliance", "/policies/compliance", compliance::READ),
            of("tab-app-protection", "/policies/apps", app_protection::READ),
            of("tab-access", "/policies/access", conditional_access::READ),
            of("tab-locations", "/policies/locations", conditional_access::READ),
        ],
    ),
    section(
        "nav-people",
        &[
            of("tab-users", "/people/users", users::READ),
            of("tab-groups", "/people/groups", groups::READ),
        ],
    ),
    section(
        "nav-connectors",
        &[of("nav-connectors", "/connectors", connectors::READ)],
    ),
    section(
        "nav-settings",
        &[
            of("tab-general", "/settings", ADMINISTRATE),
            of("tab-notifications", "/settings/notifications", notifications::READ),
            of("tab-administrators", "/settings/administrators", ADMINISTRATE),
            of("tab-clients", "/settings/clients", ADMINISTRATE),
            of("tab-gateways", "/settings/gateways", ADMINISTRATE),
            of("tab-backup", "/settings/backup", ADMINISTRATE),
            of("tab-health", "/settings/health", ADMINISTRATE),
        ],
    ),
    section("nav-audit", &[of("nav-audit", "/audit", audit::READ)]),
];

/// A rendered page.
pub struct Html<T>(pub T);

impl<T: Template> Html<T> {
    pub fn respond(self) -> Result<Response, ConsoleError> {
        let text = self.0.render().map_err(Error::internal)?;
        Ok(axum::response::Html(text).into_response())
    }
}

/// What every page behind the sign-in shows around its content.
pub struct Frame {
    /// The address of the page that is marked in the navigation.
    pub page: &'static str,
    pub user: String,
    pub csrf: String,
    pub language: Arc<Language>,
    caller: Caller,
}

impl Frame {
    pub fn new(session: &Session, page: &'static str) -> Self {
        Self {
            page,
            user: session.name.clone(),
            csrf: session.csrf.clone(),
            language: Arc::clone(&session.language),
            caller: session.caller(),
        }
    }

    /// Sections of which one may see something, each with the address where it opens.
    pub fn sections(&self) -> Vec<(&'static Section, &'static str)> {
        let opened = |section: &'static Section| Some((section, self.tabs(section).first()?.path));
        SECTIONS.iter().filter_map(opened).collect()
    }

    /// The pages of a section that one may see.
    pub fn tabs(&self, section: &'static Section) -> Vec<&'static Page> {
        section.pages.iter().filter(|page| page.is_for(&self.caller)).collect()
    }

    /// Whether the page of the navigation behind a link is one that one may see.
    pub fn may_open(&self, link: &str) -> bool {
        let path = link.split('?').next().unwrap_or_default();
        let pages = SECTIONS.iter().flat_map(|section| section.pages);
        pages
            .filter(|page| page.path == path)
            .all(|page| page.is_for(&self.caller))
    }

    /// The section that the page is in.
    pub fn section(&self) -> Option<&'static Section> {
        let here = |section: &&Section| section.pages.iter().any(|page| page.path == self.page);
        SECTIONS.iter().find(here)
    }

    pub fn is_in(&self, section: &Section) -> bool {
        self.section().is_some_and(|here| here.name == section.name)
    }

    /// A message in the reader's language.
    pub fn t(&self, message: &str) -> String {
        self.language.t(message)
    }

    pub fn n(&self, message: &str, count: impl std::borrow::Borrow<i64>) -> String {
        self.language.n(message, count)
    }

    /// A message with one variable, as templates call it.
    pub fn say(&self, message: &str, name: &str, value: &str) -> String {
        self.with(message, [(name, value)])
    }

    /// The same for how many there are of something.
    pub fn count(&self, message: &str, count: impl std::borrow::Borrow<usize>) -> String {
        self.n(message, i64::try_from(*count.borrow()).unwrap_or(i64::MAX))
    }

    pub fn with<const N: usize>(&self, message: &str, variables: [(&str, &str); N]) -> String {
        self.language.with(message, variables)
    }

    /// The same for templates, which pass what they make by reference.
    pub fn tell<const N: usize>(&self, message: &str, variables: &[(&str, &str); N]) -> String {
        self.language.with(message, *variables)
    }
}

/// An error as a page.
pub struct ConsoleError(pub Error);

impl<E: Into<Error>> From<E> for ConsoleError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    language: Arc<Language>,
    title: String,
    text: String,
}

/// What an error page says, kept with it until the language of its reader is known.
#[derive(Clone)]
struct Failed {
    title: &'static str,
    /// A message for whoever does not read English; none where the text has a language itself.
    text: Option<&'static str>,
    broken: Arc<Error>,
}

impl IntoResponse for ConsoleError {
    fn into_response(self) -> Response {
        self.0.log();
        let (title, text) = match &self.0 {
            Error::NotFound(_) => ("error-not-found", Some("error-not-found-text")),
            Error::Forbidden(_) => ("error-forbidden", Some("error-forbidden-text")),
            Error::Internal(_) => ("error-internal", Some("error-internal-text")),
            Error::StorageFull => ("error-full", Some("error-full-text")),
            _ => ("error-other", None),
        };
        let (status, text_in_english) = (self.0.status(), self.0.to_string());
        let failed = Failed {
            title,
            text,
            broken: Arc::new(self.0),
        };
        let mut response = (status, text_in_english).into_response();
        response.extensions_mut().insert(failed);
        response
    }
}

/// Shows what went wrong as a page in the language of its reader.
pub async fn errors_as_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let language = app.languages.choose(request.headers());
    let mut response = next.run(request).await;
    let Some(failed) = response.extensions_mut().remove::<Failed>() else {
        return response;
    };
    let text = match failed.text.filter(|_| language.tag != "en") {
        Some(message) => language.t(message),
        None => failed.broken.told(&*language),
    };
    let page = ErrorPage {
        title: language.t(failed.title),
        text,
        language,
    };
    let text = page.render().unwrap_or_else(|_| "Something went wrong.".into());
    (response.status(), axum::response::Html(text)).into_response()
}

/// What a browser sees at an address where nothing is.
pub async fn not_found() -> ConsoleError {
    ConsoleError(Error::NotFound("There is no page at this address.".into()))
}

/// An address that only takes forms, opened or loaded again: the way leads to the page that has the form.
pub async fn only_forms(method: Method, uri: Uri) -> Response {
    let parts: Vec<&str> = uri.path().split('/').skip(1).collect();
    let page = match parts.as_slice() {
        ["policies", list, id, "delete" | "restore"] => format!("/policies/{list}/{id}"),
        ["policies", list, ..] => format!("/policies/{list}"),
        ["alerts", "suppression", id, "switch"] => format!("/alerts/suppression/{id}"),
        ["alerts", "suppression", ..] => "/alerts/suppression".into(),
        ["devices", "views", ..] => "/devices".into(),
        ["devices", id, _] => format!("/devices/{id}"),
        ["people", list @ ("users" | "groups"), id, ..] => format!("/people/{list}/{id}"),
        ["connectors", id, _] => format!("/connectors/{id}"),
        ["feeds", id, _] if id.bytes().all(|b| b.is_ascii_digit()) => format!("/feeds/{id}"),
        ["feeds", ..] => "/feeds".into(),
        ["settings", "notifications", "outbox", ..] => "/settings/notifications".into(),
        ["settings", list @ ("notifications" | "gateways"), id, _, ..] => format!("/settings/{list}/{id}"),
        ["settings", list @ ("administrators" | "clients"), ..] => format!("/settings/{list}"),
        [
            list @ ("alerts" | "indicators" | "activity" | "reports" | "enrollment" | "settings" | "retire-list"),
            ..,
        ] => format!("/{list}"),
        ["start", _] => "/".into(),
        _ => return not_found().await.into_response(),
    };
    match method {
        Method::GET => Redirect::to(&page).into_response(),
        _ => not_found().await.into_response(),
    }
}

/// Refuses what another site makes a browser send. Programs send neither header and have no session to abuse.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_same_origin(&app, &request) {
        return next.run(request).await;
    }
    let text = "This form was sent from another site. Open the page here and repeat what you did.";
    ConsoleError(Error::Forbidden(text.into())).into_response()
}

fn is_same_origin(app: &App, request: &Request) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    // Fetch Metadata Request Headers, §2.4.
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let own = json::origin_of(app, request.uri(), request.headers());
    text("origin").is_none_or(|origin| origin.eq_ignore_ascii_case(own.trim_end_matches('/')))
}

/// Headers of every answer to a browser: nothing from elsewhere, nothing inline, no framing.
pub async fn secure_headers(request: Request, next: Next) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                          form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
