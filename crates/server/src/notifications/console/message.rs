//! One language of a template: what is written, and how the letter reads.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use uuid::Uuid;

use super::{LIST, parse};
use crate::{
    App,
    accounts::{
        Session,
        session::{Fields, Form},
    },
    console::{Clash, ConsoleError, Frame, Html, Inputs, Wrong, version},
    error::{Error, Result},
    notifications::{self, LocalizedMessage, MessageChange, Template, letter::Letter, variables::VARIABLES},
};

const INPUTS: Inputs = &[
    ("locale", "locale", "message-locale"),
    ("subject", "subject", "message-subject"),
    ("messageTemplate", "message", "message-text"),
    ("isDefault", "isDefault", "message-default"),
];

#[derive(askama::Template)]
#[template(path = "settings_message.html")]
struct Page {
    frame: Frame,
    template: Template,
    /// The id in the address; `new` for one that is not there yet.
    id: String,
    locale: String,
    fields: Fields,
    /// The letter as it reads with made-up values.
    preview: Option<Preview>,
    variables: Vec<String>,
    /// The edition that the form was filled from, or that it is shown beside.
    edition: i64,
    clashes: Vec<Clash>,
    may_change: bool,
    wrong: Wrong,
}

struct Preview {
    subject: String,
    text: String,
}

impl From<Letter> for Preview {
    fn from(letter: Letter) -> Self {
        Self {
            text: letter.text(None),
            subject: letter.subject,
        }
    }
}

type Address = Path<(String, String)>;

pub async fn show(
    State(app): State<App>,
    session: Session,
    Path((id, message)): Address,
) -> Result<Response, ConsoleError> {
    let fields = match which(&message)? {
        None => Fields::default(),
        Some(message) => stored(&notifications::message(&app, &session.caller(), parse(&id)?, message).await?),
    };
    let preview = match message.as_str() {
        "new" => None,
        _ => Some(notifications::preview(&app, &session.caller(), parse(&id)?, change(&fields)).await?),
    };
    render(&app, &session, (&id, &message), fields, preview, Wrong::default()).await
}

/// Keeps the message, or shows how the letter would read.
pub async fn save(State(app): State<App>, Path((id, message)): Address, form: Form) -> Result<Response, ConsoleError> {
    let (caller, template) = (form.session.caller(), parse(&id)?);
    let preview = notifications::preview(&app, &caller, template, change(&form.fields)).await;
    let outcome = match (form.fields.get("do"), preview) {
        ("preview", Ok(preview)) => {
            let address = (id.as_str(), message.as_str());
            return render(
                &app,
                &form.session,
                address,
                form.fields,
                Some(preview),
                Wrong::default(),
            )
            .await;
        }
        (_, Err(error)) => Err(error),
        (_, Ok(_)) => match which(&message)? {
            None => notifications::add_message(&app, &caller, template, change(&form.fields)).await,
            Some(message) => {
                let expected = version(&form.fields);
                notifications::update_message(&app, &caller, template, message, &expected, change(&form.fields)).await
            }
        },
    };
    match outcome {
        Ok(_) => Ok(Redirect::to(&format!("{LIST}/{id}")).into_response()),
        Err(error) => {
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "message", error, INPUTS)?;
            render(&app, &form.session, (&id, &message), form.fields, None, wrong).await
        }
    }
}

pub async fn delete(
    State(app): State<App>,
    Path((id, message)): Address,
    form: Form,
) -> Result<Response, ConsoleError> {
    let (caller, template) = (form.session.caller(), parse(&id)?);
    let Some(which) = which(&message)? else {
        return Ok(Redirect::to(&format!("{LIST}/{id}")).into_response());
    };
    match notifications::delete_message(&app, &caller, template, which).await {
        Ok(()) | Err(Error::NotFound(_)) => Ok(Redirect::to(&format!("{LIST}/{id}")).into_response()),
        Err(error) => {
            let fields = stored(&notifications::message(&app, &caller, template, which).await?);
            let wrong = Wrong::said(&Frame::new(&form.session, LIST), "delete", error, INPUTS)?;
            render(&app, &form.session, (&id, &message), fields, None, wrong).await
        }
    }
}

fn which(message: &str) -> Result<Option<Uuid>> {
    match message {
        "new" => Ok(None),
        id => id
            .parse()
            .map(Some)
            .map_err(|_| Error::not_found("message", id.chars().take(80).collect::<String>())),
    }
}

/// A default message stays one until another becomes it, so an empty box changes nothing.
fn change(fields: &Fields) -> MessageChange {
    let typed = |name: &str| Some(fields.get(name).to_string());
    MessageChange {
        locale: typed("locale"),
        subject: typed("subject"),
        message: typed("message"),
        is_default: (fields.get("isDefault") == "on").then_some(true),
    }
}

fn stored(message: &LocalizedMessage) -> Fields {
    Fields::from([
        ("locale", message.locale.clone()),
        ("subject", message.subject.clone()),
        ("message", message.message.clone()),
        (
            "isDefault",
            if message.is_default { "on".into() } else { String::new() },
        ),
    ])
}

async fn render(
    app: &App,
    session: &Session,
    (id, message): (&str, &str),
    fields: Fields,
    preview: Option<Letter>,
    wrong: Wrong,
) -> Result<Response, ConsoleError> {
    let (caller, frame) = (session.caller(), Frame::new(session, LIST));
    let kept = match which(message)? {
        None => LocalizedMessage::default(),
        Some(message) => notifications::message(app, &caller, parse(id)?, message).await?,
    };
    let sent = !fields.get("version").is_empty();
    let clashes = match sent && !version(&fields).includes(kept.updated_at) {
        true => Clash::between(&frame, INPUTS, &stored(&kept), &fields),
        false => Vec::new(),
    };
    // A preview is no save: what it was filled from stays what it was filled from.
    let edition = match sent && wrong == Wrong::default() {
        true => fields.get("version").parse().unwrap_or_default(),
        false => kept.updated_at,
    };
    Html(Page {
        frame,
        template: notifications::get(app, &caller, parse(id)?).await?,
        id: message.to_string(),
        locale: kept.locale,
        edition,
        clashes: if wrong == Wrong::default() { Vec::new() } else { clashes },
        fields,
        preview: preview.map(Preview::from),
        variables: VARIABLES.map(|name| format!("{{{{{name}}}}}")).to_vec(),
        may_change: caller.require_any(notifications::WRITE).is_ok(),
        wrong,
    })
    .respond()
}
