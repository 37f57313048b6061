//! Reporting a site, and what became of earlier reports as far as this device knows.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form, Query, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use moat_indicators::UrlPattern;
use moat_model::sync::ReportKind;
use serde::Deserialize;

use super::{
    Agent, Frame, Shared,
    agent::{self, Reported},
    language, page, see_other,
};
use crate::{
    control::{self, Command},
    ledger,
    run::MAX_TEXT,
};

/// Reports that are listed.
const LISTED: usize = 20;

#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    frame: Frame,
    here: &'static str,
    agent: Option<Agent>,
    typed: Typed,
    wrong: Wrong,
    thanks: bool,
    reports: Vec<Reported>,
}

#[derive(Default, Deserialize)]
pub struct Typed {
    #[serde(default)]
    url: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    once: String,
}

/// What is wrong with the form: messages beside fields, and what the agent said of it as a whole.
#[derive(Default)]
struct Wrong {
    url: Option<&'static str>,
    comment: Option<&'static str>,
    form: Option<String>,
}

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    said: String,
}

pub async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let thanks = asked.said == "thanks";
    render(&shared, &headers, Typed::default(), Wrong::default(), thanks).await
}

pub async fn send(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(typed): Form<Typed>) -> Response {
    let wrong = check(&typed);
    if wrong.is_some() {
        return render(&shared, &headers, typed, wrong, false).await;
    }
    if !shared.is_first(&typed.once, &typed.url) {
        return see_other("report?said=thanks");
    }
    let report = Command::Report {
        url: typed.url.trim().into(),
        comment: typed.comment.trim().into(),
        report: match typed.kind.as_str() {
            "mistake" => ReportKind::Mistake,
            _ => ReportKind::Unsafe,
        },
    };
    match control::ask(&shared.data.socket(), &report).await {
        Ok(_) => see_other("report?said=thanks"),
        Err(error) => {
            shared.forget(&typed.once, &typed.url);
            let wrong = Wrong {
                form: Some(format!("{error:#}")),
                ..Wrong::default()
            };
            render(&shared, &headers, typed, wrong, false).await
        }
    }
}

impl Wrong {
    fn is_some(&self) -> bool {
        self.url.is_some() || self.comment.is_some() || self.form.is_some()
    }
}

fn check(typed: &Typed) -> Wrong {
    let url = match typed.url.trim() {
        "" => Some("url-missing"),
        url if url.len() > MAX_TEXT => Some("too-long"),
        url if UrlPattern::parse(url).is_err() => Some("url-wrong"),
        _ => None,
    };
    Wrong {
        url,
        comment: (typed.comment.trim().len() > MAX_TEXT).then_some("too-long"),
        form: None,
    }
}

async fn render(shared: &Shared, headers: &HeaderMap, typed: Typed, wrong: Wrong, thanks: bool) -> Response {
    let agent = shared.agent().await;
    let frame = Frame::new(language::choose(headers), agent.as_ref());
    let entries = ledger::read(&shared.data).unwrap_or_default();
    let status = match &wrong {
        Wrong { form: Some(_), .. } => StatusCode::CONFLICT,
        wrong if wrong.is_some() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let reports = agent::reports(&entries, agent.as_ref())
        .into_iter()
        .take(LISTED)
        .collect();
    let report = Report {
        frame,
        here: "report",
        agent,
        typed,
        wrong,
        thanks,
        reports,
    };
    page(status, &report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_wrong_is_told_beside_its_field() {
        let typed = |url: &str, comment: &str| Typed {
            url: url.into(),
            comment: comment.into(),
            ..Typed::default()
        };
        let url = |url: &str| check(&typed(url, "")).url;
        assert_eq!(url(" "), Some("url-missing"));
        assert_eq!(url("https://"), Some("url-wrong"));
        assert_eq!(url("not a site"), Some("url-wrong"));
        assert_eq!(
            url(&format!("https://site.example/{}", "x".repeat(MAX_TEXT))),
            Some("too-long")
        );
        for fine in ["site.example", "https://site.example/a?b", "192.0.2.1", "[2001:db8::1]"] {
            assert_eq!(url(fine), None, "{fine}");
        }
        let wrong = check(&typed("site.example", &"ä".repeat(MAX_TEXT)));
        assert_eq!((wrong.url, wrong.comment), (None, Some("too-long")));
    }
}
