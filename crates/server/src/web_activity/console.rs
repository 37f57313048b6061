//! The page of what web protection did. From each of its rows a site is blocked, warned about or allowed.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use moat_indicators::feed_of;
use moat_model::{Action, IndicatorId};

use super::{Activity, DayRow, Narrowed, SiteRow, today};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    app::now,
    caller::Role,
    console::{
        Chip, ConsoleError, Frame, Html, Shown, address, back_to,
        chart::{Columns, Series},
        escape, here, unknown_filter, words,
    },
    error::{Error, Result},
    indicators::{self, Submission, console::guess_type},
};

const PAGE: &str = "/activity";
/// In the address, and in days.
const TIMES: [(&str, i64); 3] = [("1", 1), ("", 7), ("30", 30)];
/// Action, message, class and shape of its colour.
const ACTIONS: [(Action, &str, &str, &str); 3] = [
    (Action::Block, "activity-blocked", "high", "▲"),
    (Action::Warn, "activity-warned", "medium", "◆"),
    (Action::Audit, "activity-audited", "low", "●"),
];
/// What may be decided of a site: the action, and the message of its choice.
const DECISIONS: [(Action, &str); 3] = [
    (Action::Block, "decide-block"),
    (Action::Warn, "decide-warn"),
    (Action::Allowed, "decide-allow"),
];
/// Hours for which a decision holds, with its message; the empty one holds until somebody ends it.
const DURATIONS: [(&str, &str); 5] = [
    ("", "for-ever"),
    ("1", "for-an-hour"),
    ("24", "for-a-day"),
    ("168", "for-a-week"),
    ("720", "for-a-month"),
];

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    frame: Frame,
    chips: Vec<Vec<Chip>>,
    search: String,
    chart: Columns,
    found: Activity,
    here: String,
    done: Option<Shown>,
    /// The site that is decided of; empty when none is.
    site: String,
    refused: Option<Refused>,
    may_decide: bool,
    may_see_indicators: bool,
}

/// A decision that could not be taken, as it was typed.
struct Refused {
    fields: Fields,
    why: String,
}

impl Page {
    /// What decided, and where it is to be changed.
    fn source(&self, id: &i64) -> (String, String) {
        match feed_of(IndicatorId(id.cast_unsigned())) {
            Some(number) => (format!("{} {number}", self.frame.t("feed")), format!("/feeds/{number}")),
            None => (id.to_string(), format!("/indicators?id={id}")),
        }
    }

    /// The page with the form for a site.
    fn to_decide(&self, row: &SiteRow) -> String {
        let (path, query) = self.here.split_once('?').unwrap_or((&self.here, ""));
        let and = if query.is_empty() { "" } else { "&" };
        format!("{path}?{query}{and}decide={}#decide", escape(&row.site))
    }

    /// Whether this is how long a decision was to hold.
    fn lasts(&self, hours: &str) -> bool {
        self.typed("hours") == hours
    }

    /// What was typed in the form that was refused.
    fn typed(&self, name: &str) -> &str {
        self.refused.as_ref().map_or("", |refused| refused.fields.get(name))
    }
}

/// What the page shows, as its address says.
struct View {
    days: String,
    action: String,
    search: String,
    decide: String,
}

impl View {
    fn of(address: &str) -> Self {
        let query = Fields::of_address(address);
        let text = |name: &str| query.text(name).unwrap_or_default();
        Self {
            days: Some(text("days")).filter(|days| days != "7").unwrap_or_default(),
            action: text("action"),
            search: text("q"),
            decide: text("decide"),
        }
    }

    fn link(&self, days: &str, action: &str, search: &str) -> String {
        address(PAGE, &[("q", search), ("days", days), ("action", action)])
    }

    fn length(&self) -> i64 {
        let known = TIMES.iter().find(|(name, _)| *name == self.days);
        known.map_or(7, |(_, days)| *days)
    }

    fn narrowed(&self) -> Narrowed {
        Narrowed {
            since: today() - self.length() + 1,
            action: ACTIONS
                .iter()
                .map(|(action, ..)| *action)
                .find(|action| action.as_str() == self.action),
            search: self.search.clone(),
        }
    }

    fn chips(&self, frame: &Frame) -> Vec<Vec<Chip>> {
        let mut chips = vec![self.times(frame), self.actions(frame)];
        if !self.search.is_empty() {
            chips.push(vec![Chip {
                label: frame.with("indicators-has", [("text", &self.search)]),
                link: self.link(&self.days, &self.action, ""),
                on: true,
                removable: true,
            }]);
        }
        chips
    }

    fn times(&self, frame: &Frame) -> Vec<Chip> {
        let chip = |(name, days): &(&str, i64)| Chip {
            label: frame.n("alerts-of-days", days),
            link: self.link(name, &self.action, &self.search),
            on: self.days == *name,
            removable: false,
        };
        let mut chips: Vec<Chip> = TIMES.iter().map(chip).collect();
        if !chips.iter().any(|chip| chip.on) {
            chips.push(unknown_filter(
                frame,
                &self.days,
                self.link("", &self.action, &self.search),
            ));
        }
        chips
    }

    fn actions(&self, frame: &Frame) -> Vec<Chip> {
        let chip = |(action, message, _, shape): &(Action, &str, &str, &str)| {
            let on = self.action == action.as_str();
            Chip {
                label: format!("{shape} {}", frame.t(message)),
                link: self.link(&self.days, if on { "" } else { action.as_str() }, &self.search),
                on,
                removable: true,
            }
        };
        let mut chips: Vec<Chip> = ACTIONS.iter().map(chip).collect();
        if !self.action.is_empty() && !chips.iter().any(|chip| chip.on) {
            chips.push(unknown_filter(
                frame,
                &self.action,
                self.link(&self.days, "", &self.search),
            ));
        }
        chips
    }

    fn chart(&self, frame: &Frame, rows: &[DayRow]) -> Columns {
        let (last, length) = (today(), self.length());
        let days = last - length + 1..=last;
        let count = |action: Action, day: i64| {
            let of = |row: &&DayRow| row.day == day && row.action == action.as_str();
            rows.iter().find(of).map_or(0, |row| row.count)
        };
        let series = ACTIONS.iter().map(|(action, message, class, shape)| Series {
            class,
            shape,
            label: frame.t(message),
            link: self.link(&self.days, action.as_str(), &self.search),
            counts: days.clone().map(|day| count(*action, day)).collect(),
        });
        Columns {
            labels: days
                .clone()
                .map(|day| words::exact(&(day * super::DAY)).chars().take(10).collect())
                .collect(),
            series: series.filter(|series| series.total() > 0).collect(),
        }
    }
}

pub async fn page(State(app): State<App>, session: Session, uri: Uri) -> Result<Response, ConsoleError> {
    render(&app, &session, &here(&uri), None).await
}

/// Makes an indicator of a site and goes back to the list.
pub async fn decide(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let back = back_to(PAGE, form.fields.get("back"));
    let frame = Frame::new(&form.session, PAGE);
    match indicators::create_or_update(&app, &form.session.caller(), submission(&form.fields)).await {
        Ok(made) => {
            let action = frame.t(indicators::console::action_name(made.action.as_str()));
            let shown = Shown {
                what: frame.with("activity-decided", [("site", &made.value), ("action", &action)]),
                lines: vec![("id", made.id.to_string())],
            };
            app.shown_once.put(&form.session, PAGE, shown);
            Ok(Redirect::to(&back).into_response())
        }
        Err(Error::Invalid { message, .. }) => {
            let refused = Refused {
                why: frame.with("report-no-indicator", [("why", &message)]),
                fields: form.fields,
            };
            render(&app, &form.session, &back, Some(refused)).await
        }
        Err(error) => Err(error.into()),
    }
}

fn submission(fields: &Fields) -> Submission {
    let site = fields.text("site").unwrap_or_default();
    let hours = fields.get("hours").parse::<u32>().ok();
    let until = hours.map(|hours| now().saturating_add(Duration::from_secs(3_600 * u64::from(hours))));
    let action = fields.text("action");
    Submission {
        kind: Some(guess_type(&site).into()),
        title: Some(format!("{} {site}", action.as_deref().unwrap_or_default())),
        description: Some(fields.text("note").unwrap_or_else(|| "Decided in the console".into())),
        severity: Some("Medium".into()),
        generate_alert: Some((action.as_deref() != Some("Allowed")).to_string()),
        expires: until.map(|until| until.to_string()),
        device_groups: indicators::console::groups(fields),
        action,
        value: Some(site),
        ..Submission::default()
    }
}

async fn render(app: &App, session: &Session, here: &str, refused: Option<Refused>) -> Result<Response, ConsoleError> {
    let (view, caller, frame) = (View::of(here), session.caller(), Frame::new(session, PAGE));
    let found = super::get(app, &caller, &view.narrowed()).await?;
    Html(Page {
        chips: view.chips(&frame),
        chart: view.chart(&frame, &found.days),
        found,
        here: view.link(&view.days, &view.action, &view.search),
        site: refused
            .as_ref()
            .map_or(view.decide, |refused| refused.fields.get("site").to_string()),
        done: app.shown_once.take(session, PAGE),
        refused,
        may_decide: caller.require_any(&[Role::TiReadWriteAll, Role::TiReadWrite]).is_ok(),
        may_see_indicators: caller.require_any(indicators::READ).is_ok(),
        search: view.search,
        frame,
    })
    .respond()
}
