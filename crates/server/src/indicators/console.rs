//! The page of indicators: list, add, import, explain.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_indicators::{Candidate, Explanation, Specificity, Tier, feed_of};
use moat_model::IndicatorId;

use super::{Indicator, Submission, create_or_update, csv, explain};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    caller::Role,
    console::{
        Chip, ConsoleError, Frame, Html, Inputs, Pager, Wrong, address, back_to, escape, here, unknown_filter, words,
    },
    error::{Error, Result},
    odata,
};

const LIST: &str = "/indicators";
const PAGE: u64 = 100;

/// Texts up to this are shown again when lines of them were refused.
const MAX_SHOWN_TEXT: usize = 1 << 20;
/// Refused lines that are named.
const MAX_NAMED: usize = 200;

/// The inputs of the form that adds one.
const INPUTS: Inputs = &[
    ("indicatorValue", "value", "indicator-value"),
    ("title", "title", "indicator-title"),
    ("expirationTime", "expires", "indicator-ends"),
    ("rbacGroupNames", "groups", "indicator-groups"),
    ("bypassDurationHours", "bypassHours", "indicator-bypass"),
];

#[derive(Template)]
#[template(path = "indicators.html")]
struct ListPage {
    frame: Frame,
    /// Each with how often it was hit.
    rows: Vec<(Indicator, i64)>,
    search: String,
    /// What narrows the list, each to be taken away.
    chips: Vec<Chip>,
    here: String,
    pager: Pager,
    /// What was typed in the form that was refused.
    typed: Fields,
    wrong: Wrong,
    asked: Asked,
    imported: Option<Imported>,
    may_edit: bool,
}

impl ListPage {
    fn action(&self, action: &str) -> &'static str {
        action_name(action)
    }

    /// What the explain box says.
    fn answer(&self, answer: &Explanation) -> String {
        said(&self.frame, answer)
    }

    fn because(&self, candidate: &Candidate) -> String {
        because(&self.frame, candidate)
    }

    /// Where a candidate is to be changed, what it is called, and the message of its tier.
    fn origin(&self, candidate: &Candidate) -> (String, String, &'static str) {
        let indicator = &candidate.indicator;
        match feed_of(indicator.id) {
            Some(number) => (format!("/feeds/{number}"), indicator.title.clone(), "tier-feed"),
            None => {
                let name = format!("{} {}", self.frame.t("col-indicator"), indicator.id);
                (format!("{LIST}?id={}", indicator.id), name, "tier-custom")
            }
        }
    }

    /// Whether the box is ticked: as it was typed, and in a new form.
    fn raises_alert(&self) -> bool {
        !self.wrong.is_on("add") || self.typed.get("generateAlert") == "on"
    }

    /// Whether more of the form was used than what is open at first.
    fn uses_more(&self) -> bool {
        ["expires", "groups", "bypassHours"]
            .iter()
            .any(|name| !self.typed.get(name).is_empty())
    }
}

/// A question to the explain box, and its answer.
#[derive(Default)]
struct Asked {
    value: String,
    group: String,
    answer: Option<Explanation>,
    error: Option<String>,
}

/// Outcome of an import, row by row.
struct Imported {
    good: usize,
    refused: usize,
    /// The first of the refused: line, value, reason.
    named: Vec<(u64, String, String)>,
    /// Whether the text was too long to stand in the form again.
    too_long: bool,
}

pub async fn list(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let here = here(&uri);
    let query = Fields::of_address(&here);
    let text = |name: &str| query.text(name).unwrap_or_default();
    // Alerts lead here by the number of what matched.
    if let Some(number) = text("id").parse().ok().and_then(|id| feed_of(IndicatorId(id))) {
        return Ok(Redirect::to(&format!("/feeds/{number}")).into_response());
    }
    let mut asked = Asked {
        value: text("explain"),
        group: text("group"),
        ..Asked::default()
    };
    if !asked.value.is_empty() {
        match explain(&app, &session.caller(), &asked.value, &asked.group).await {
            Ok(answer) => asked.answer = Some(answer),
            Err(error @ Error::Invalid { .. }) => asked.error = Some(error.told(&*session.language)),
            Err(error) => return Err(error.into()),
        }
    }
    let view = View {
        here,
        asked,
        ..View::default()
    };
    render(&app, &session, view).await
}

pub async fn add(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    match create_or_update(&app, &form.session.caller(), submission(&form.fields)).await {
        Ok(_) => Ok(Redirect::to(LIST).into_response()),
        Err(error) => {
            let view = View {
                wrong: Wrong::said(&Frame::new(&form.session, LIST), "add", error, INPUTS)?,
                typed: form.fields,
                ..View::default()
            };
            render(&app, &form.session, view).await
        }
    }
}

pub async fn delete(State(app): State<App>, Path(id): Path<u64>, form: Form) -> Result<Response, ConsoleError> {
    match super::delete(&app, &form.session.caller(), IndicatorId(id)).await {
        // A second click on the same button: it is gone, as wanted.
        Ok(()) | Err(Error::NotFound(_)) => Ok(Redirect::to(&back_to(LIST, form.fields.get("back"))).into_response()),
        Err(error) => Err(error.into()),
    }
}

pub async fn import(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let text = form.fields.get("csv");
    let mut view = match csv::import(&app, &form.session.caller(), text.as_bytes()).await {
        Ok(result) => View {
            imported: Some(outcome(&result, text)),
            ..View::default()
        },
        Err(error) => View {
            wrong: Wrong::said(&Frame::new(&form.session, LIST), "import", error, &[])?,
            ..View::default()
        },
    };
    let all_good = view.imported.as_ref().is_some_and(|imported| imported.refused == 0);
    if !all_good && text.len() <= MAX_SHOWN_TEXT {
        view.typed = Fields::from([("csv", text.to_string())]);
    }
    render(&app, &form.session, view).await
}

fn outcome(result: &csv::CsvResult, text: &str) -> Imported {
    let refused = result.rows.iter().filter_map(|row| {
        let error = row.result.as_ref().err()?;
        Some((row.line, row.value.clone(), error.to_string()))
    });
    let mut named: Vec<_> = refused.collect();
    let count = named.len();
    named.truncate(MAX_NAMED);
    Imported {
        good: result.rows.len() - count,
        refused: count,
        named,
        too_long: count > 0 && text.len() > MAX_SHOWN_TEXT,
    }
}

#[derive(Default)]
struct View {
    /// Address of the page, with what narrows the list.
    here: String,
    typed: Fields,
    wrong: Wrong,
    asked: Asked,
    imported: Option<Imported>,
}

/// What narrows the list, as its address says.
struct Filters {
    search: String,
    id: String,
    skip: u64,
}

impl Filters {
    fn of(address: &str) -> Self {
        let query = Fields::of_address(address);
        let text = |name: &str| query.text(name).unwrap_or_default();
        Self {
            search: text("q"),
            id: text("id"),
            skip: text("skip").parse().unwrap_or(0),
        }
    }

    fn odata(&self) -> String {
        let mut conditions = Vec::new();
        if !self.search.is_empty() {
            let text = self.search.replace('\'', "''");
            conditions.push(format!(
                "(contains(indicatorValue,'{text}') or contains(title,'{text}'))"
            ));
        }
        if let Ok(id) = self.id.parse::<u32>() {
            conditions.push(format!("id eq {id}"));
        }
        let odata = format!("$top={PAGE}&$skip={}&$orderby=lastUpdateTime%20desc", self.skip);
        match conditions.as_slice() {
            [] => odata,
            conditions => format!("{odata}&$filter={}", escape(&conditions.join(" and "))),
        }
    }

    fn chips(&self, frame: &Frame) -> Vec<Chip> {
        let chip = |label: String, link: String| Chip {
            label,
            link,
            on: true,
            removable: true,
        };
        let mut chips = Vec::new();
        if !self.search.is_empty() {
            let label = frame.with("indicators-has", [("text", &self.search)]);
            chips.push(chip(label, address(LIST, &[("id", &self.id)])));
        }
        let without_id = address(LIST, &[("q", &self.search)]);
        match self.id.parse::<u32>() {
            _ if self.id.is_empty() => {}
            Ok(id) => chips.push(chip(
                frame.with("alerts-of-indicator", [("text", &id.to_string())]),
                without_id,
            )),
            Err(_) => chips.push(unknown_filter(frame, &self.id, without_id)),
        }
        chips
    }
}

async fn render(app: &App, session: &Session, view: View) -> Result<Response, ConsoleError> {
    let filters = Filters::of(&view.here);
    let query = odata::Query::parse(Some(&filters.odata()))?;
    let (frame, caller) = (Frame::new(session, "/indicators"), session.caller());
    let page = super::list(app, &caller, &query).await?;
    let ids: Vec<_> = page.rows.iter().map(|row| row.id).collect();
    let hits = super::hits(app, &caller, &ids).await?;
    let rows = page.rows.into_iter().map(|row| {
        let hits = hits.get(&row.id.0).copied().unwrap_or(0);
        (row, hits)
    });
    let parameters = [("q", filters.search.as_str()), ("id", filters.id.as_str())];
    Html(ListPage {
        rows: rows.collect(),
        chips: filters.chips(&frame),
        may_edit: caller.require_any(&[Role::TiReadWriteAll, Role::TiReadWrite]).is_ok(),
        frame,
        here: back_to(LIST, &view.here),
        pager: Pager::new(LIST, &parameters, filters.skip, PAGE, page.has_more),
        search: filters.search,
        typed: view.typed,
        wrong: view.wrong,
        asked: view.asked,
        imported: view.imported,
    })
    .respond()
}

/// What would happen and why, in the reader's language.
pub fn said(frame: &Frame, explained: &Explanation) -> String {
    let action = frame.t(action_name(explained.action.as_str()));
    let mut said = match explained.candidates.first() {
        None => frame.t("explain-nothing"),
        Some(first) => {
            let indicator = &first.indicator;
            let (id, because) = (indicator.id.to_string(), because(frame, first));
            let (message, name, origin) = match indicator.tier {
                Tier::Own => ("explain-decides", "id", &id),
                Tier::Feed => ("explain-feed-decides", "feed", &indicator.title),
            };
            let variables = [
                ("action", action.as_str()),
                (name, origin),
                ("value", &indicator.value),
                ("because", &because),
            ];
            frame.with(message, variables)
        }
    };
    if explained.path_unseen {
        said.push(' ');
        said.push_str(&frame.t("explain-https"));
    }
    said
}

/// How closely an indicator names what was asked about.
fn because(frame: &Frame, candidate: &Candidate) -> String {
    let value = [("value", candidate.indicator.value.as_str())];
    match candidate.indicator.specificity {
        Specificity::Path(_) => frame.t("tier-path"),
        Specificity::ExactHost => frame.t("tier-host"),
        Specificity::ParentDomain(_) => frame.with("tier-parent", value),
        Specificity::IpPrefix(_) => frame.with("tier-range", value),
    }
}

/// The message that names what is done.
pub fn action_name(action: &str) -> &'static str {
    match action {
        "Allowed" => "action-allow",
        "Warn" => "action-warn",
        "Audit" | "Alert" => "action-audit",
        _ => "action-block",
    }
}

fn submission(fields: &Fields) -> Submission {
    let value = fields.text("value");
    let kind = fields
        .text("type")
        .or_else(|| value.as_deref().map(|value| guess_type(value).into()));
    let title = fields
        .text("title")
        .or_else(|| value.as_ref().map(|value| format!("{} {value}", fields.get("action"))));
    Submission {
        kind,
        title,
        action: fields.text("action"),
        description: Some(
            fields
                .text("description")
                .unwrap_or_else(|| "Added in the console".into()),
        ),
        severity: fields.text("severity"),
        expires: fields.text("expires"),
        generate_alert: Some(
            if fields.get("generateAlert") == "on" {
                "true"
            } else {
                "false"
            }
            .into(),
        ),
        bypass_hours: fields.text("bypassHours"),
        device_groups: groups(fields),
        value,
        ..Submission::default()
    }
}

/// Device groups, as they are typed: with commas between them.
pub fn groups(fields: &Fields) -> Vec<String> {
    let typed = fields.text("groups").unwrap_or_default();
    let names = typed.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_string).collect()
}

/// What a value looks like when the form does not say.
pub fn guess_type(value: &str) -> &'static str {
    let address = value.split('/').next().unwrap_or(value);
    if address.parse::<std::net::IpAddr>().is_ok() {
        "IpAddress"
    } else if value.contains('/') {
        "Url"
    } else {
        "DomainName"
    }
}
