//! The list of devices.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};

use super::super::{
    READ,
    list::{ListedRow, Narrowed, Place, is_filter, page, platforms},
    managed,
};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    console::{Chip, ConsoleError, Frame, Html, Pager, Wrong, address, back_to, here, unknown_filter, words},
    views::{self, List, console::Views},
};

const LIST: &str = "/devices";
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "devices.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<(ListedRow, bool)>,
    narrowed: Narrowed,
    chips: Vec<Vec<Chip>>,
    here: String,
    pager: Pager,
    may_enrol: bool,
    views: Views,
    wrong: Wrong,
}

impl ListPage {
    fn is_narrowed(&self) -> bool {
        !(self.narrowed.search.is_empty() && self.narrowed.filter.is_empty() && self.narrowed.platform.is_empty())
    }
}

/// Filters that are links, in groups: the name in the address, and the message that labels it.
const FILTERS: [&[(&str, &str)]; 3] = [
    &[
        ("high", "filter-high"),
        ("medium", "filter-medium"),
        ("low", "filter-low"),
        ("jailbroken", "filter-jailbroken"),
    ],
    &[
        ("noncompliant", "filter-noncompliant"),
        ("grace", "filter-grace"),
        ("nopolicy", "filter-nopolicy"),
        ("retire", "filter-retire"),
    ],
    &[
        ("impaired", "filter-impaired"),
        ("silent", "filter-silent"),
        ("healthy", "filter-healthy"),
        ("removed", "filter-removed"),
    ],
];

/// Filters that only links from elsewhere set.
const OTHERS: [(&str, &str); 4] = [
    ("failed", "filter-failed"),
    ("secured", "filter-secured"),
    ("compliant", "filter-compliant"),
    ("unjudged", "filter-unjudged"),
];

impl Narrowed {
    fn link(&self) -> String {
        let parameters = [
            ("q", self.search.as_str()),
            ("filter", &self.filter),
            ("platform", &self.platform),
        ];
        address(LIST, &parameters)
    }

    fn chip(&self, frame: &Frame, name: &str, message: &str) -> Chip {
        let on = self.filter == name;
        let filter = if on { String::new() } else { name.to_string() };
        Chip {
            label: frame.t(message),
            link: Self { filter, ..self.clone() }.link(),
            on,
            removable: true,
        }
    }

    /// The filters as links, each to be switched off by itself.
    fn chips(&self, frame: &Frame, platforms: &[String]) -> Vec<Vec<Chip>> {
        let mut set = Vec::new();
        if !self.search.is_empty() {
            set.push(Chip {
                label: frame.with("name-has", [("text", &self.search)]),
                link: Self {
                    search: String::new(),
                    ..self.clone()
                }
                .link(),
                on: true,
                removable: true,
            });
        }
        for (name, message) in OTHERS {
            set.extend((self.filter == name).then(|| self.chip(frame, name, message)));
        }
        if !self.filter.is_empty() && !is_filter(&self.filter) {
            let without = Self {
                filter: String::new(),
                ..self.clone()
            }
            .link();
            set.push(unknown_filter(frame, &self.filter, without));
        }
        let mut chips = vec![set];
        for group in FILTERS {
            chips.push(
                group
                    .iter()
                    .map(|(name, message)| self.chip(frame, name, message))
                    .collect(),
            );
        }
        chips.push(self.platforms(platforms));
        chips.retain(|group| !group.is_empty());
        chips
    }

    fn platforms(&self, platforms: &[String]) -> Vec<Chip> {
        // One system is no choice.
        let names = platforms
            .iter()
            .filter(|_| platforms.len() > 1 || !self.platform.is_empty());
        let chip = |name: &String| {
            let on = self.platform == *name;
            let platform = if on { String::new() } else { name.clone() };
            Chip {
                label: name.clone(),
                link: Self {
                    platform,
                    ..self.clone()
                }
                .link(),
                on,
                removable: true,
            }
        };
        names.map(chip).collect()
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render(&app, &session, &here(&uri), &Fields::default(), Wrong::default()).await
}

pub async fn save_view(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    match views::console::save(&app, &form, List::Devices).await? {
        Ok(list) => Ok(Redirect::to(&list).into_response()),
        Err(wrong) => {
            let back = back_to(LIST, form.fields.get("back"));
            render(&app, &form.session, &back, &form.fields, wrong).await
        }
    }
}

pub async fn delete_view(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let list = views::console::delete(&app, &form, List::Devices, &id).await?;
    Ok(Redirect::to(&list).into_response())
}

async fn render(
    app: &App,
    session: &Session,
    here: &str,
    typed: &Fields,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    caller.require_any(READ)?;
    caller.require_any(managed::READ)?;
    let query = Fields::of_address(here);
    let text = |name: &str| query.text(name).unwrap_or_default();
    let narrowed = Narrowed {
        search: text("q"),
        filter: text("filter"),
        platform: text("platform"),
    };
    let place = match (query.text("after"), query.text("before")) {
        (Some(id), _) => Place::After(id),
        (_, Some(id)) => Place::Before(id),
        _ => Place::First,
    };
    let listed = page(&app.db, &narrowed, &place, PAGE).await?;
    let first_and_last = listed.rows.first().zip(listed.rows.last());
    let frame = Frame::new(session, LIST);
    let parameters = [
        ("q", narrowed.search.as_str()),
        ("filter", &narrowed.filter),
        ("platform", &narrowed.platform),
    ];
    let at = |side: &str, id: &str| address(LIST, &[&parameters[..], &[(side, id)]].concat());
    let pager = first_and_last.map_or_else(Pager::default, |(first, last)| Pager {
        previous: listed.has_previous.then(|| at("before", &first.id)),
        next: listed.has_next.then(|| at("after", &last.id)),
    });
    let connected = |row: &ListedRow| row.id.parse().is_ok_and(|id| app.hub.is_connected(id));
    let rows = listed.rows.into_iter().map(|row| {
        let on = connected(&row);
        (row, on)
    });
    Html(ListPage {
        rows: rows.collect(),
        chips: narrowed.chips(&frame, &platforms(&app.db).await?),
        frame,
        narrowed,
        here: here.to_string(),
        pager,
        may_enrol: caller.has(Role::MoatAdministrate),
        views: Views::of(app, session, List::Devices, here, typed).await?,
        wrong,
    })
    .respond()
}
