//! The page of backups.

use askama::Template;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::header;

use super::{Last, Overdue, PASSPHRASE};
use crate::{
    App,
    accounts::{Session, session::Form},
    app::now,
    caller::Role,
    console::{ConsoleError, Frame, Html, Inputs, Wrong, words},
};

const PAGE: &str = "/settings/backup";
const INPUTS: Inputs = &[("passphrase", "passphrase", "backup-passphrase")];

#[derive(Template)]
#[template(path = "settings_backup.html")]
struct Page {
    frame: Frame,
    last: Option<Last>,
    overdue: Option<Overdue>,
    folder: String,
    /// Files that the configuration names and no backup holds.
    left_out: Vec<String>,
    wrong: Wrong,
}

impl Page {
    fn size(&self, bytes: &u64) -> String {
        words::bytes(bytes)
    }
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    session.caller().require_any(&[Role::MoatAdministrate])?;
    render(&app, &session, Wrong::default()).await
}

/// A backup as a file that the browser keeps. It always has a passphrase: a download lands in places that nobody thinks of.
pub async fn download(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let caller = form.session.caller();
    caller.require_any(&[Role::MoatAdministrate])?;
    let frame = Frame::new(&form.session, PAGE);
    let passphrase = form.fields.get("passphrase");
    let mut wrong = Wrong::new("backup");
    let length = passphrase.chars().count();
    if length < *PASSPHRASE.start() {
        wrong.add("passphrase", frame.t("setup-wrong-short"));
    } else if length > *PASSPHRASE.end() {
        wrong.add("passphrase", frame.t("setup-wrong-long"));
    } else if passphrase != form.fields.get("again") {
        wrong.add("again", frame.t("backup-wrong-again"));
    }
    if !wrong.is_empty() {
        return render(&app, &form.session, wrong).await;
    }
    match super::make(&app, &caller, Some(passphrase.to_string())).await {
        Ok(parts) => {
            let name = format!("attachment; filename=\"moat-{}.backup\"", name_of_now());
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream".to_string()),
                (header::CONTENT_DISPOSITION, name),
            ];
            Ok((headers, Body::from_stream(parts)).into_response())
        }
        Err(error) => render(&app, &form.session, Wrong::said(&frame, "backup", error, INPUTS)?).await,
    }
}

/// `2026-11-26T10-00-00Z`: a time that every file system takes.
fn name_of_now() -> String {
    let iso = now().to_string();
    format!("{}Z", iso.get(..19).unwrap_or_default().replace(':', "-"))
}

async fn render(app: &App, session: &Session, wrong: Wrong) -> Result<Response, ConsoleError> {
    let caller = session.caller();
    Html(Page {
        frame: Frame::new(session, PAGE),
        last: super::last(app, &caller).await?,
        overdue: super::overdue(app, &caller).await?,
        folder: app.data.path().display().to_string(),
        left_out: app
            .config
            .files()
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        wrong,
    })
    .respond()
}
