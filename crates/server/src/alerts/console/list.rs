//! The list of alerts, and triage of many at once.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::AlertStatus;

use super::{
    super::{
        list::{GroupBy, GroupRow, Narrowed},
        triage::{self, AlertRow, Change},
    },
    judgement,
};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    console::{Chip, ConsoleError, Frame, Html, Inputs, Pager, Wrong, address, back_to, here, unknown_filter, words},
    error::{Error, Result},
    views::{self, List, console::Views},
};

const LIST: &str = "/alerts";
const PAGE: usize = 100;

const STATUSES: [(&str, &str); 4] = [
    ("", "alerts-open"),
    ("resolved", "alerts-resolved"),
    ("suppressed", "alerts-suppressed"),
    ("all", "alerts-all"),
];
const SEVERITIES: [&str; 4] = ["High", "Medium", "Low", "Informational"];
const GROUPS: [(&str, &str); 3] = [("", "group-none"), ("title", "group-title"), ("device", "group-device")];

/// The inputs of the form for many.
const INPUTS: Inputs = &[
    ("assignedTo", "assignedTo", "alert-assigned-to"),
    ("comment", "comment", "alert-comment"),
];

#[derive(Template)]
#[template(path = "alerts.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<AlertRow>,
    groups: Vec<(GroupRow, String)>,
    by: Option<GroupBy>,
    search: String,
    filters: Vec<Vec<Chip>>,
    /// The address of this page, to come back to.
    here: String,
    export: String,
    pager: Pager,
    judgements: Vec<judgement::Group>,
    typed: Fields,
    wrong: Wrong,
    may_triage: bool,
    views: Views,
}

impl ListPage {
    fn is_chosen(&self, alert: &AlertRow) -> bool {
        self.typed.all("id").contains(&alert.id)
    }
}

/// What the list shows, as its address says.
pub(super) struct View {
    pub narrowed: Narrowed,
    group: String,
    skip: u64,
}

impl View {
    pub fn of(address: &str) -> Self {
        let query = Fields::of_address(address);
        let text = |name: &str| query.text(name).unwrap_or_default();
        Self {
            narrowed: Narrowed {
                // The first is what one sees when the address says nothing.
                status: Some(text("status"))
                    .filter(|status| status != "open")
                    .unwrap_or_default(),
                severity: text("severity"),
                kind: text("kind"),
                title: text("title"),
                device: text("device"),
                indicator: text("indicator"),
                rule: text("rule"),
                days: text("days"),
                search: text("q"),
            },
            group: text("group"),
            skip: text("skip").parse().unwrap_or(0),
        }
    }

    fn by(&self) -> Option<GroupBy> {
        match self.group.as_str() {
            "title" => Some(GroupBy::Title),
            "device" => Some(GroupBy::Device),
            _ => None,
        }
    }
}

/// The parameters of an address.
fn parameters<'a>(narrowed: &'a Narrowed, group: &'a str) -> [(&'static str, &'a str); 10] {
    [
        ("q", &narrowed.search),
        ("status", &narrowed.status),
        ("severity", &narrowed.severity),
        ("kind", &narrowed.kind),
        ("title", &narrowed.title),
        ("device", &narrowed.device),
        ("indicator", &narrowed.indicator),
        ("rule", &narrowed.rule),
        ("days", &narrowed.days),
        ("group", group),
    ]
}

impl View {
    fn link(&self, change: impl FnOnce(&mut Narrowed)) -> String {
        let mut narrowed = self.narrowed.clone();
        change(&mut narrowed);
        address(LIST, &parameters(&narrowed, &self.group))
    }

    fn filters(&self, frame: &Frame) -> Vec<Vec<Chip>> {
        let mut all = vec![
            self.statuses(frame),
            self.severities(frame),
            self.groupings(frame),
            self.others(frame),
        ];
        all.retain(|chips| !chips.is_empty());
        all
    }

    fn statuses(&self, frame: &Frame) -> Vec<Chip> {
        let chip = |(name, message): &(&str, &str)| Chip {
            label: frame.t(message),
            link: self.link(|narrowed| narrowed.status = (*name).into()),
            on: self.narrowed.status == *name,
            removable: false,
        };
        let mut chips: Vec<Chip> = STATUSES.iter().map(chip).collect();
        if !chips.iter().any(|chip| chip.on) {
            chips.push(unknown_filter(
                frame,
                &self.narrowed.status,
                self.link(|n| n.status.clear()),
            ));
        }
        chips
    }

    fn severities(&self, frame: &Frame) -> Vec<Chip> {
        let now = &self.narrowed.severity;
        let chip = |name: &&str| {
            let on = now == *name;
            Chip {
                label: format!("{} {}", words::shape(name), frame.t(words::severity(name))),
                link: self.link(|narrowed| narrowed.severity = if on { String::new() } else { (*name).into() }),
                on,
                removable: true,
            }
        };
        let mut chips: Vec<Chip> = SEVERITIES.iter().map(chip).collect();
        if !now.is_empty() && !chips.iter().any(|chip| chip.on) {
            chips.push(unknown_filter(frame, now, self.link(|n| n.severity.clear())));
        }
        chips
    }

    fn groupings(&self, frame: &Frame) -> Vec<Chip> {
        let chip = |(name, message): &(&str, &str)| Chip {
            label: frame.t(message),
            link: address(LIST, &parameters(&self.narrowed, name)),
            on: self.group == *name,
            removable: false,
        };
        GROUPS.iter().map(chip).collect()
    }

    /// Filters that only links set, each to be taken away.
    fn others(&self, frame: &Frame) -> Vec<Chip> {
        let n = &self.narrowed;
        let mut chips = Vec::new();
        let mut chip = |is_set: bool, label: String, clear: fn(&mut Narrowed)| {
            chips.extend(is_set.then(|| Chip {
                label,
                link: self.link(clear),
                on: true,
                removable: true,
            }));
        };
        let with = |message: &str, text: &str| frame.with(message, [("text", text)]);
        chip(!n.search.is_empty(), with("alerts-has", &n.search), |n| {
            n.search.clear()
        });
        chip(!n.title.is_empty(), with("alerts-titled", &n.title), |n| {
            n.title.clear()
        });
        chip(!n.kind.is_empty(), with("alerts-of-kind", &n.kind), |n| n.kind.clear());
        chip(!n.device.is_empty(), frame.t("alerts-of-device"), |n| n.device.clear());
        chip(
            !n.indicator.is_empty(),
            with("alerts-of-indicator", &n.indicator),
            |n| n.indicator.clear(),
        );
        chip(!n.rule.is_empty(), frame.t("alerts-of-rule"), |n| n.rule.clear());
        let days = n.days.parse::<u16>().unwrap_or(0);
        chip(!n.days.is_empty(), frame.n("alerts-of-days", i64::from(days)), |n| {
            n.days.clear()
        });
        chips
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render(&app, &session, &here(&uri), Fields::default(), Wrong::default()).await
}

pub async fn save_view(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    match views::console::save(&app, &form, List::Alerts).await? {
        Ok(list) => Ok(Redirect::to(&list).into_response()),
        Err(wrong) => {
            let back = back_to(LIST, form.fields.get("back"));
            render(&app, &form.session, &back, form.fields, wrong).await
        }
    }
}

pub async fn delete_view(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let list = views::console::delete(&app, &form, List::Alerts, &id).await?;
    Ok(Redirect::to(&list).into_response())
}

/// Triages the ticked alerts and goes back to the list that they were ticked in.
pub async fn triage_many(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let back = back_to(LIST, form.fields.get("back"));
    let frame = Frame::new(&form.session, LIST);
    let ids = form.fields.all("id");
    let change = change_of(&form)?;
    let mut wrong = Wrong::new("triage");
    if ids.is_empty() {
        wrong.add("", frame.t("alerts-choose"));
    } else if change == Change::default() {
        wrong.add("", frame.t("alerts-say-what"));
    }
    if wrong.is_empty() {
        match triage::update(&app, &form.session.caller(), &ids, &change).await {
            Ok(()) => return Ok(Redirect::to(&back).into_response()),
            Err(error) => wrong = Wrong::said(&frame, "triage", error, INPUTS)?,
        }
    }
    render(&app, &form.session, &back, form.fields, wrong).await
}

/// What is to become of all of them. What was left empty stays as it is.
fn change_of(form: &Form) -> Result<Change> {
    let status = match form.fields.get("quick") {
        "resolve" => Some(AlertStatus::Resolved),
        _ => {
            let word = form.fields.text("status").map(|text| text.parse()).transpose();
            word.map_err(|e: moat_model::UnknownWord| Error::invalid("InvalidInput", e))?
        }
    };
    let (classification, determination) = judgement::parse(form.fields.get("judgement"))?;
    Ok(Change {
        status,
        assigned_to: match form.fields.get("quick") {
            "me" => Some(form.session.name.clone()),
            _ => form.fields.text("assignedTo"),
        },
        classification,
        determination,
        comment: form.fields.text("comment"),
    })
}

async fn render(
    app: &App,
    session: &Session,
    here: &str,
    typed: Fields,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let (view, caller, frame) = (View::of(here), session.caller(), Frame::new(session, LIST));
    let (rows, has_more) = match view.by() {
        Some(_) => (Vec::new(), false),
        None => triage::find(app, &caller, &view.narrowed, view.skip, PAGE).await?,
    };
    let groups = match view.by() {
        Some(by) => triage::groups(app, &caller, &view.narrowed, by).await?,
        None => Vec::new(),
    };
    let opened = |group: GroupRow| {
        let mut narrowed = view.narrowed.clone();
        match view.by() {
            Some(GroupBy::Device) => narrowed.device.clone_from(&group.key),
            _ => narrowed.title.clone_from(&group.key),
        }
        (group, address(LIST, &parameters(&narrowed, "")))
    };
    let parameters = parameters(&view.narrowed, &view.group);
    Html(ListPage {
        rows,
        by: view.by(),
        filters: view.filters(&frame),
        search: view.narrowed.search.clone(),
        here: back_to(LIST, here),
        export: address("/alerts.csv", &parameters),
        pager: Pager::new(LIST, &parameters, view.skip, PAGE as u64, has_more),
        groups: groups.into_iter().map(opened).collect(),
        judgements: judgement::groups(&frame),
        views: Views::of(app, session, List::Alerts, here, &typed).await?,
        typed,
        wrong,
        may_triage: caller.has(Role::AlertReadWriteAll),
        frame,
    })
    .respond()
}
