//! The page of sites that users reported, by site, each with what speaks for and against it.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_indicators::{Explanation, UrlPattern};

use super::{DECIDE, Decided, Decision, READ, ReportRow, Show};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Caller,
    console::{Chip, ConsoleError, Frame, Html, Pager, Shown, address, back_to, here, unknown_filter, words},
    error::{Error, Result},
    indicators,
};

const PAGE: u64 = 100;
const LIST: &str = "/reports";
/// Name in the address, message, and what is shown.
const FILTERS: [(&str, &str, Show); 3] = [
    ("", "reports-open", Show::Open),
    ("decided", "reports-decided", Show::Decided),
    ("all", "reports-all", Show::All),
];

#[derive(Template)]
#[template(path = "reports.html")]
struct Page {
    frame: Frame,
    sites: Vec<Site>,
    chips: Vec<Chip>,
    pager: Pager,
    /// The address of this page, to come back to.
    here: String,
    /// Whether it shows what waits for a decision.
    open: bool,
    refused: Option<Refused>,
    /// What was just decided.
    done: Option<Shown>,
    may_decide: bool,
}

/// Reports about one host.
struct Site {
    host: String,
    reports: Vec<ReportRow>,
    /// What devices do with it now.
    today: Option<Today>,
}

/// What devices do with a site, and how often they met it.
struct Today {
    said: String,
    indicator: Option<String>,
    hits: i64,
}

impl Site {
    fn reporters(&self) -> usize {
        let mut names: Vec<_> = self.reports.iter().map(|report| &report.device_name).collect();
        names.sort();
        names.dedup();
        names.len()
    }

    /// Those that wait for a decision.
    fn open(&self) -> Vec<&ReportRow> {
        self.reports.iter().filter(|report| report.status == "open").collect()
    }
}

/// A decision that could not be taken.
struct Refused {
    reports: Vec<String>,
    why: String,
    /// The word to whoever reported, as it was typed.
    message: String,
}

impl Refused {
    /// Whether it was about this report and no other.
    fn is_about(&self, id: &str) -> bool {
        matches!(self.reports.as_slice(), [one] if one == id)
    }
}

impl Page {
    fn refused(&self, row: &ReportRow) -> Option<&Refused> {
        self.refused.as_ref().filter(|refused| refused.is_about(&row.id))
    }

    /// What was refused for all reports of a site.
    fn refused_together(&self, site: &Site) -> Option<&Refused> {
        let open = |id: &String| site.open().iter().any(|row| row.id == *id);
        let refused = self.refused.as_ref().filter(|refused| refused.reports.len() > 1);
        refused.filter(|refused| refused.reports.iter().any(open))
    }

    /// What was refused for reports that are not on this page.
    fn refused_elsewhere(&self) -> Option<&str> {
        let shown = |id: &String| {
            self.sites
                .iter()
                .any(|site| site.reports.iter().any(|row| row.id == *id))
        };
        let refused = self
            .refused
            .as_ref()
            .filter(|refused| !refused.reports.iter().any(shown));
        refused.map(|refused| refused.why.as_str())
    }
}

/// The message that names what became of a report.
fn status_name(status: &str) -> &'static str {
    match status {
        "blocked" => "report-blocked",
        "allowed" => "report-allowed",
        "dismissed" => "report-dismissed",
        _ => "report-open",
    }
}

impl ReportRow {
    fn status_name(&self) -> &'static str {
        status_name(&self.status)
    }

    fn kind_name(&self) -> &'static str {
        match self.kind.as_str() {
            "mistake" => "report-mistake",
            _ => "report-unsafe",
        }
    }
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render(&app, &session, &here(&uri), None).await
}

pub async fn decide(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    decide_these(&app, form, vec![id]).await
}

/// Decides all reports that the form names.
pub async fn decide_all(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let ids = form.fields.all("id");
    decide_these(&app, form, ids).await
}

async fn decide_these(app: &App, form: Form, ids: Vec<String>) -> Result<Response, ConsoleError> {
    let decision = match form.fields.get("decision") {
        "block" => Decision::Block,
        "allow" => Decision::Allow,
        "dismiss" => Decision::Dismiss,
        other => return Err(Error::invalid("InvalidInput", format!("{other:?} is no decision")).into()),
    };
    let (frame, back) = (Frame::new(&form.session, LIST), back_to(LIST, form.fields.get("back")));
    let message = form.fields.get("message");
    match super::decide(app, &form.session.caller(), &ids, decision, message).await {
        Ok(decided) => {
            app.shown_once.put(&form.session, LIST, said(&frame, &decided));
            Ok(Redirect::to(&back).into_response())
        }
        // A second click on the same button: it is decided, as wanted.
        Err(Error::Conflict(_)) => Ok(Redirect::to(&back).into_response()),
        Err(error @ Error::Invalid { .. }) => {
            let field = match &error {
                Error::Invalid { field, .. } => *field,
                _ => None,
            };
            let refused = Refused {
                why: match field {
                    Some("message") => frame.t("report-message-wrong"),
                    _ => frame.with("report-no-indicator", [("why", &error.told(&*frame.language))]),
                },
                message: message.to_string(),
                reports: ids,
            };
            render(app, &form.session, &back, Some(refused)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What was decided, and what the indicator is for: over HTTPS devices see no page, so it may be the whole host.
fn said(frame: &Frame, decided: &[Decided]) -> Shown {
    let first = decided.first();
    let indicator = first.and_then(|first| first.indicator.as_ref());
    let note = first.and_then(Decided::note).map(|_| frame.t("report-whole-host"));
    let told = decided
        .iter()
        .filter(|decided| !decided.report.device_id.is_empty())
        .count();
    let lines = [
        ("id", indicator.map(|indicator| indicator.id.to_string())),
        ("value", indicator.map(|indicator| indicator.value.clone())),
        ("note", note),
        ("told", (told > 0).then(|| frame.t("report-told"))),
    ];
    let status = first.map(|first| frame.t(status_name(&first.report.status)));
    let status = status.unwrap_or_default();
    let what = match decided {
        [one] => frame.with("report-was", [("site", &one.report.url), ("status", &status)]),
        many => frame.with(
            "reports-were",
            [("number", &many.len().to_string()), ("status", &status)],
        ),
    };
    Shown {
        what,
        lines: lines
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .collect(),
    }
}

async fn render(app: &App, session: &Session, here: &str, refused: Option<Refused>) -> Result<Response, ConsoleError> {
    let (frame, caller) = (Frame::new(session, LIST), session.caller());
    caller.require_any(READ)?;
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
    let chip = |(name, message, _): &(&str, &str, Show)| Chip {
        label: frame.t(message),
        link: link(name),
        on: *name == filter,
        removable: false,
    };
    let mut chips: Vec<_> = FILTERS.iter().map(chip).collect();
    if known.is_none() {
        chips.push(unknown_filter(&frame, &filter, link("")));
    }
    Html(Page {
        sites: sites(app, &caller, &frame, rows).await?,
        chips,
        pager: Pager::new(LIST, &[("show", &filter)], skip, PAGE, has_more),
        here: back_to(LIST, here),
        open: show == Show::Open,
        refused,
        done: app.shown_once.take(session, LIST),
        may_decide: caller.require_any(DECIDE).is_ok(),
        frame,
    })
    .respond()
}

/// The reports by host, in the order in which the newest of each came, with what devices do about them.
async fn sites(app: &App, caller: &Caller, frame: &Frame, rows: Vec<ReportRow>) -> Result<Vec<Site>> {
    let mut sites: Vec<Site> = Vec::new();
    for report in rows {
        let host = UrlPattern::parse(&report.url).map_or_else(|_| report.url.clone(), |url| url.host().to_string());
        match sites.iter_mut().find(|site| site.host == host) {
            Some(site) => site.reports.push(report),
            None => sites.push(Site {
                host,
                reports: vec![report],
                today: None,
            }),
        }
    }
    let hosts: Vec<String> = sites.iter().map(|site| site.reports[0].url.clone()).collect();
    let Ok(explained) = indicators::explain_all(app, caller, &hosts).await else {
        return Ok(sites);
    };
    let deciding = |explained: &Explanation| explained.candidates.first().map(|first| first.indicator.id);
    let ids: Vec<_> = explained.iter().flatten().filter_map(deciding).collect();
    let hits = indicators::hits(app, caller, &ids).await?;
    for (site, explained) in sites.iter_mut().zip(explained) {
        site.today = explained.map(|explained| {
            let indicator = deciding(&explained);
            Today {
                said: indicators::console::said(frame, &explained),
                hits: indicator.and_then(|id| hits.get(&id.0).copied()).unwrap_or(0),
                indicator: indicator.map(|id| id.to_string()),
            }
        });
    }
    Ok(sites)
}
