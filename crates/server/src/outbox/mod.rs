//! What is to leave the server. It is queued in the transaction of what caused it and sent at least once: after a crash between
//! sending and noting it, a mail goes out again with the same Message-ID.

pub mod admin;
pub mod mail;
mod send;
mod store;

use serde::Serialize;

use crate::{
    App, audit,
    caller::{Caller, Role},
    db::Transaction,
    error::{Error, Result},
};

pub use send::run;
pub use store::OutboxRow;

/// Why mail waits.
pub const NO_MAIL: &str = "no mail server is configured: add [mail] to the server's configuration and start it again";

/// Rows that are listed at once.
const MOST_LISTED: i64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    Sent,
    /// Given up.
    Failed,
    /// Not needed any more before it could be sent.
    Dropped,
}

impl State {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sent, Self::Failed, Self::Dropped];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// One that is due.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Queued {
    pub id: String,
    pub body: String,
    pub created_at: i64,
    pub attempts: i64,
}

/// How full the outbox is.
pub struct Summary {
    /// In the order of [`State::ALL`].
    pub counts: [(State, i64); 4],
    /// Why something waits.
    pub last_error: Option<String>,
}

impl Summary {
    pub fn count(&self, state: State) -> i64 {
        let found = self.counts.iter().find(|(of, _)| *of == state);
        found.map_or(0, |(_, count)| *count)
    }
}

/// Queues a mail. It leaves after the transaction is committed.
pub async fn queue_mail(tx: &mut Transaction, mail: &mail::Mail) -> Result<()> {
    let id = uuid::Uuid::now_v7().to_string();
    let to = mail.to.as_deref().unwrap_or("groups");
    let title = format!("to {to}: {}", mail.letter.subject);
    let body = serde_json::to_string(mail).map_err(Error::internal)?;
    store::insert(tx, &id, "mail", &title, &body).await
}

pub async fn list(app: &App, caller: &Caller, state: Option<State>, top: i64, skip: i64) -> Result<Vec<OutboxRow>> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut rows = store::list(&app.db, state, top.min(MOST_LISTED), skip).await?;
    if app.config.mail.is_none() {
        let waiting = |row: &&mut OutboxRow| row.state == State::Waiting.as_str();
        for row in rows.iter_mut().filter(waiting) {
            row.last_error = Some(NO_MAIL.into());
        }
    }
    Ok(rows)
}

pub async fn summary(app: &App, caller: &Caller) -> Result<Summary> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let counted = store::counts(app.db.read()).await?;
    let count = |state: State| {
        counted
            .iter()
            .find(|(name, _)| name == state.as_str())
            .map_or(0, |(_, n)| *n)
    };
    let last_error = match &app.config.mail {
        None if count(State::Waiting) > 0 => Some(NO_MAIL.into()),
        _ => store::last_error(&app.db).await?,
    };
    Ok(Summary {
        counts: State::ALL.map(|state| (state, count(state))),
        last_error,
    })
}

/// What the audit log says of one that is taken up again.
#[derive(Serialize)]
struct Retried {}

/// Takes one that was given up up again.
pub async fn retry(app: &App, caller: &Caller, id: &str) -> Result<()> {
    caller.require_any(&[Role::MoatAdministrate])?;
    let mut tx = app.db.begin().await?;
    if !store::retry(&mut tx, id).await? {
        let shown: String = id.chars().take(80).collect();
        return Err(Error::not_found("failed message", shown));
    }
    let change = audit::Change::<Retried> {
        action: "retry",
        noun: "outbox",
        id,
        before: None,
        after: None,
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}
