use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};

use moat_model::Target;

use super::{About, assigned, groups, parse};
use crate::{
    App,
    accounts::{Session, session::Form},
    console::{ConsoleError, Frame, Html, words},
    policies::{
        self, PolicyRow,
        versions::{TARGETS, Version, list, write_roles},
    },
};

/// Versions of a page.
const SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "policy_versions.html")]
struct Page {
    frame: Frame,
    about: &'static About,
    policy: PolicyRow,
    versions: Vec<Version>,
    writable: bool,
}

impl Page {
    fn action(&self, version: &Version) -> String {
        self.frame.t(match version.action.as_str() {
            "create" => "policy-version-create",
            "assign" => "policy-version-assign",
            _ => "policy-version-update",
        })
    }

    fn number(&self, version: &Version) -> String {
        self.frame.n("policy-version-number", version.number)
    }

    fn back_to(&self, version: &Version) -> String {
        format!("{}: {}", self.frame.t("policy-version-restore"), self.number(version))
    }
}

pub async fn page(app: &App, session: &Session, about: &'static About, id: &str) -> Result<Response, ConsoleError> {
    let id = parse(about.kind, id)?;
    let caller = session.caller();
    let mut versions = list(app, &caller, about.kind, id, SHOWN).await?;
    let groups = groups(app, &caller).await?;
    for difference in versions.iter_mut().flat_map(|version| &mut version.differences) {
        if difference.path == TARGETS {
            let said = |text: Option<String>| {
                let targets: Vec<Target> = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
                Some(assigned(&targets, &groups, &session.language))
            };
            (difference.before, difference.after) = (said(difference.before.take()), said(difference.after.take()));
        }
    }
    Html(Page {
        frame: Frame::new(session, about.base),
        policy: policies::get(app, about.kind, id).await?,
        writable: caller.require_any(write_roles(about.kind)).is_ok(),
        versions,
        about,
    })
    .respond()
}

pub async fn restore(app: &App, form: &Form, about: &'static About, id: &str) -> Result<Response, ConsoleError> {
    let id = parse(about.kind, id)?;
    policies::versions::restore(app, &form.session.caller(), about.kind, id, form.fields.get("version")).await?;
    Ok(Redirect::to(&format!("{}/{id}/versions", about.base)).into_response())
}
