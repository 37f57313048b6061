use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use moat_model::Management;

use super::{NewToken, TokenRow, create_token, list_tokens, revoke_token};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    app::now,
    console::{ConsoleError, Frame, Html, Inputs, Shown, Wrong, words},
    pki,
};

const PAGE: &str = "/enrollment";

#[derive(Template)]
#[template(path = "enrollment.html")]
struct Page {
    frame: Frame,
    rows: Vec<TokenRow>,
    /// A link that was just made.
    link: Option<String>,
    /// The form as it stands: as it was typed, or new.
    typed: Fields,
    wrong: Wrong,
    authority: Authority,
}

/// What a device needs to know whom it speaks with.
struct Authority {
    /// SHA-256 of Moat's authority, as openssl prints it.
    fingerprint: String,
    /// Whether this server shows a certificate that another authority signed.
    own_certificate: bool,
}

impl TokenRow {
    fn is_usable(&self) -> bool {
        self.revoked_at.is_none() && self.uses < self.max_uses && self.expires_at > now().as_micros()
    }
}

/// The inputs of the form.
const INPUTS: Inputs = &[
    ("lifetimeSeconds", "hours", "enroll-hours"),
    ("maxUses", "uses", "tab-devices"),
    ("deviceGroup", "group", "col-group"),
];
/// A year, as for every token.
const MAX_HOURS: u32 = 366 * 24;
const MAX_USES: u32 = 100_000;

pub async fn list(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let shown = app.shown_once.take(&session, PAGE);
    let link = shown.and_then(|shown| shown.lines.into_iter().next());
    let new = Fields::from([("hours", "24".into()), ("uses", "1".into())]);
    render(&app, &session, link.map(|(_, link)| link), new, Wrong::default()).await
}

pub async fn create(State(app): State<App>, form: Form) -> Result<Response, ConsoleError> {
    let mut wrong = Wrong::new("link");
    let frame = Frame::new(&form.session, PAGE);
    let new = typed(&frame, &form.fields, &mut wrong);
    if !wrong.is_empty() {
        return render(&app, &form.session, None, form.fields, wrong).await;
    }
    match create_token(&app, &form.session.caller(), new).await {
        Ok(issued) => {
            let shown = Shown {
                what: "Your enrolment link".into(),
                lines: vec![("Link", issued.link)],
            };
            app.shown_once.put(&form.session, PAGE, shown);
            Ok(Redirect::to(PAGE).into_response())
        }
        Err(error) => {
            let wrong = Wrong::said(&frame, "link", error, INPUTS)?;
            render(&app, &form.session, None, form.fields, wrong).await
        }
    }
}

fn typed(frame: &Frame, fields: &Fields, wrong: &mut Wrong) -> NewToken {
    let hours = wrong.number(frame, "hours", "enroll-hours", fields.get("hours"), 1..=MAX_HOURS);
    NewToken {
        lifetime_seconds: u64::from(hours) * 3600,
        max_uses: wrong.number(frame, "uses", "tab-devices", fields.get("uses"), 1..=MAX_USES),
        management: match fields.get("management") {
            "unmanaged" => Management::Unmanaged,
            _ => Management::Managed,
        },
        device_group: fields.get("group").trim().to_string(),
        user: fields.text("user"),
    }
}

pub async fn revoke(State(app): State<App>, Path(id): Path<String>, form: Form) -> Result<Response, ConsoleError> {
    revoke_token(&app, &form.session.caller(), &id).await?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn render(
    app: &App,
    session: &Session,
    link: Option<String>,
    typed: Fields,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let rows = list_tokens(app, &session.caller()).await?;
    Html(Page {
        frame: Frame::new(session, "/enrollment"),
        rows,
        link,
        typed,
        wrong,
        authority: Authority {
            fingerprint: words::fingerprint(&pki::fingerprint(app.authority.certificate())),
            own_certificate: app.config.certificate.is_some(),
        },
    })
    .respond()
}
