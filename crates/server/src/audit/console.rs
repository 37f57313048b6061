//! The page of the audit log, and the log as a file.

use askama::Template;
use axum::{extract::State, http::Uri, response::Response};
use jiff::{civil::Date, tz::TimeZone};

use super::{
    AuditRow, Filter, Verdict, Words,
    chain::Fault,
    difference::{self, Difference},
    export::Format,
};
use crate::{
    App,
    accounts::{Session, session::Fields},
    console::{Chip, ConsoleError, Frame, Html, Pager, address, here, words},
    error::Result,
};

const LIST: &str = "/audit";
const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    rows: Vec<AuditRow>,
    filters: Filters,
    chips: Vec<Chip>,
    words: Words,
    pager: Pager,
    /// Where the same rows are as a file.
    csv: String,
    json_lines: String,
    verdict: Option<Verdict>,
}

impl AuditRow {
    fn differences(&self) -> Vec<Difference> {
        difference::between(self.before.as_deref(), self.after.as_deref())
    }
}

impl Fault {
    /// The message that says it.
    fn words(&self) -> &'static str {
        match self {
            Self::Missing => "audit-fault-missing",
            Self::Altered => "audit-fault-altered",
            Self::Foreign => "audit-fault-foreign",
            Self::Rewritten => "audit-fault-rewritten",
        }
    }
}

/// What narrows the list, as its address says.
#[derive(Default)]
struct Filters {
    who: String,
    noun: String,
    action: String,
    from: String,
    to: String,
    q: String,
}

impl Filters {
    fn of(query: &Fields) -> Self {
        let text = |name: &str| query.text(name).unwrap_or_default();
        Self {
            who: text("who"),
            noun: text("noun"),
            action: text("action"),
            from: text("from"),
            to: text("to"),
            q: text("q"),
        }
    }

    fn parameters(&self) -> [(&'static str, &str); 6] {
        [
            ("who", &self.who),
            ("noun", &self.noun),
            ("action", &self.action),
            ("from", &self.from),
            ("to", &self.to),
            ("q", &self.q),
        ]
    }

    fn without(&self, name: &str) -> String {
        let rest: Vec<_> = self
            .parameters()
            .into_iter()
            .filter(|(other, _)| *other != name)
            .collect();
        address(LIST, &rest)
    }

    /// Days as people write them in UTC; the last one is whole.
    fn filter(&self) -> Filter {
        Filter {
            actor: self.who.clone(),
            noun: self.noun.clone(),
            action: self.action.clone(),
            from: day(&self.from),
            to: day(&self.to).map(|start| start.saturating_add(86_400_000_000)),
            text: self.q.clone(),
        }
    }

    fn chips(&self, frame: &Frame) -> Vec<Chip> {
        let set = self.parameters().into_iter().filter(|(_, value)| !value.is_empty());
        let chip = |(name, value): (&'static str, &str)| {
            let without = self.without(name);
            if matches!(name, "from" | "to") && day(value).is_none() {
                return Chip::unknown(value, without);
            }
            let variables = [("text", value)];
            let label = match name {
                "who" => frame.with("audit-chip-who", variables),
                "noun" => frame.with("audit-chip-noun", variables),
                "action" => frame.with("audit-chip-action", variables),
                "from" => frame.with("audit-chip-from", variables),
                "to" => frame.with("audit-chip-to", variables),
                _ => frame.with("audit-chip-text", variables),
            };
            Chip {
                label,
                link: without,
                on: true,
                removable: true,
            }
        };
        set.map(chip).collect()
    }
}

/// When a day begins; none when it is no day.
fn day(text: &str) -> Option<i64> {
    let day: Date = text.parse().ok()?;
    let start = day.to_zoned(TimeZone::UTC).ok()?;
    Some(start.timestamp().as_microsecond())
}

pub async fn page(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    let query = Fields::of_address(&here(&uri));
    let filters = Filters::of(&query);
    let skip = query.get("skip").parse().unwrap_or(0u64).min(1_000_000);
    let (caller, frame) = (session.caller(), Frame::new(&session, LIST));
    let most = PAGE.cast_signed() + 1;
    let mut rows = super::list(&app, &caller, &filters.filter(), most, skip.cast_signed()).await?;
    let has_more = rows.len() as u64 > PAGE;
    rows.truncate(PAGE as usize);
    let verdict = match query.get("check") {
        "" => None,
        _ => Some(super::verify(&app, &caller, None).await?),
    };
    Html(Page {
        rows,
        chips: filters.chips(&frame),
        words: super::words(&app, &caller).await?,
        pager: Pager::new(LIST, &filters.parameters(), skip, PAGE, has_more),
        csv: address("/audit/export.csv", &filters.parameters()),
        json_lines: address("/audit/export.jsonl", &filters.parameters()),
        verdict,
        filters,
        frame,
    })
    .respond()
}

pub async fn csv(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    file(app, &session, &uri, Format::Csv)
}

pub async fn json_lines(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    file(app, &session, &uri, Format::JsonLines)
}

fn file(app: App, session: &Session, uri: &Uri, format: Format) -> Result<Response, ConsoleError> {
    let filter = Filters::of(&Fields::of_address(&here(uri))).filter();
    Ok(super::export(app, &session.caller(), filter, format)?)
}
