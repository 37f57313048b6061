use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{Decided, Decision, ReportRow, Show};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    console::{Chip, ConsoleError, Frame, Html, Pager, Shown, address, back_to, here, words},
    error::Error,
};

const PAGE: u64 = 100;
const LIST: &str = "/reports";
/// Name in the address, label, and what is shown.
const FILTERS: [(&str, &str, Show); 3] = [
    ("", "Open", Show::Open),
    ("decided", "Decided", Show::Decided),
    ("all", "All", Show::All),
];

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    rows: Vec<ReportRow>,
    chips: Vec<Chip>,
    pager: Pager,
    /// The address of this page, to come back to.
    here: String,
    /// Whether it shows what waits for a decision.
    open: bool,
    refused: Option<Refused>,
    /// What was just decided.
    done: Option<Shown>,
}

/// A decision that could not be taken.
struct Refused {
    report: String,
    why: String,
}

impl Page {
    fn refused(&self, row: &ReportRow) -> Option<&str> {
        let refused = self.refused.as_ref().filter(|refused| refused.report == row.id);
        refused.map(|refused| refused.why.as_str())
    }

    /// What was refused for a report that is not on this page.
    fn refused_elsewhere(&self) -> Option<&str> {
        let refused = self.refused.as_ref();
        let refused = refused.filter(|refused| !self.rows.iter().any(|row| row.id == refused.report));
        refused.map(|refused| refused.why.as_str())
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render(&app, &session, &here(&uri), None).await
}

pub async fn decide(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    let decision = match form.fields.get("decision") {
        "block" => Decision::Block,
        "allow" => Decision::Allow,
        "dismiss" => Decision::Dismiss,
        other => return Err(Error::invalid("InvalidInput", format!("{other:?} is no decision")).into()),
    };
    let back = back_to(LIST, form.fields.get("back"));
    match super::decide(&app, &form.session.caller(), &id, decision).await {
        Ok(decided) => {
            app.shown_once.put(&form.session, LIST, said(&decided));
            Ok(Redirect::to(&back).into_response())
        }
        // A second click on the same button: it is decided, as wanted.
        Err(Error::Conflict(_)) => Ok(Redirect::to(&back).into_response()),
        Err(Error::Invalid { message, .. }) => {
            let why = format!("No indicator can be made of this address: {message}.");
            render(&app, &form.session, &back, Some(Refused { report: id, why })).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What was decided, and what the indicator is for: over HTTPS devices see no page, so it may be the whole host.
fn said(decided: &Decided) -> Shown {
    let indicator = decided.indicator.as_ref();
    let lines = [
        ("id", indicator.map(|indicator| indicator.id.to_string())),
        ("value", indicator.map(|indicator| indicator.value.clone())),
        ("note", decided.note().map(String::from)),
    ];
    Shown {
        what: format!("{} was {}", decided.report.url, decided.report.status),
        lines: lines
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .collect(),
    }
}

async fn render(app: &App, session: &Session, here: &str, refused: Option<Refused>) -> Result<Response, ConsoleError> {
    let query = Fields::of_address(here);
    let filter = query.text("show").filter(|show| show != "open").unwrap_or_default();
    let skip = query
        .text("skip")
        .and_then(|skip| skip.parse().ok())
        .unwrap_or(0u64)
        .min(10_000_000);
    let known = FILTERS.iter().find(|(name, ..)| *name == filter);
    let show = known.map_or(Show::Open, |(.., show)| *show);
    let mut rows = super::list(&app.db, show, PAGE.cast_signed() + 1, skip.cast_signed()).await?;
    let has_more = rows.len() as u64 > PAGE;
    rows.truncate(PAGE as usize);
    let link = |name: &str| address(LIST, &[("show", name)]);
    let chip = |(name, label, _): &(&str, &str, Show)| Chip {
        label: (*label).into(),
        link: link(name),
        on: *name == filter,
        removable: false,
    };
    let mut chips: Vec<_> = FILTERS.iter().map(chip).collect();
    if known.is_none() {
        chips.push(Chip::unknown(&filter, link("")));
    }
    Html(Page {
        frame: Frame::new(session, "/reports"),
        rows,
        chips,
        pager: Pager::new(LIST, &[("show", &filter)], skip, PAGE, has_more),
        here: back_to(LIST, here),
        open: show == Show::Open,
        refused,
        done: app.shown_once.take(session, LIST),
    })
    .respond()
}
