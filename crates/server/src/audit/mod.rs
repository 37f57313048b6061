//! The audit log: one row per change, in the transaction of the change, each chained to the one before it.

pub mod admin;
pub mod chain;
pub mod console;
mod difference;
mod export;
mod store;

use std::fmt;

use axum::response::Response;
use serde::Serialize;

use crate::{
    App,
    app::now,
    caller::{Caller, Role},
    db::Transaction,
    error::{Error, Result},
};

pub use chain::Verdict;
pub use store::{AuditRow, Filter, Words, of};

/// Who may read it.
pub const READ: &[Role] = &[Role::AuditLogReadAll, Role::MoatAdministrate];

/// One change. `before` and `after` are the thing's public shape; secrets and their hashes never go in.
pub struct Change<'a, T: Serialize> {
    /// A verb: create, update, delete, revoke, sign-in.
    pub action: &'a str,
    /// The noun's name in the singular, such as `indicator`.
    pub noun: &'a str,
    pub id: &'a str,
    pub before: Option<&'a T>,
    pub after: Option<&'a T>,
}

/// `actor` is a [`crate::Actor`], or one in its text form.
pub async fn record<T: Serialize>(
    tx: &mut Transaction,
    actor: &(impl fmt::Display + Sync + ?Sized),
    change: Change<'_, T>,
) -> Result<()> {
    record_all(tx, actor, &[change]).await
}

/// Records changes that are made together, many to a statement.
pub async fn record_all<T: Serialize>(
    tx: &mut Transaction,
    actor: &(impl fmt::Display + Sync + ?Sized),
    changes: &[Change<'_, T>],
) -> Result<()> {
    let json = |value: Option<&T>| value.map(serde_json::to_string).transpose().map_err(Error::internal);
    let (at, actor) = (now().as_micros(), actor.to_string());
    let row = |change: &Change<'_, T>| {
        Ok(AuditRow {
            id: uuid::Uuid::now_v7().to_string(),
            at,
            actor: actor.clone(),
            action: change.action.to_string(),
            noun: change.noun.to_string(),
            noun_id: change.id.to_string(),
            before: json(change.before)?,
            after: json(change.after)?,
            ..AuditRow::default()
        })
    };
    let rows = changes.iter().map(row).collect::<Result<Vec<_>>>()?;
    chain::append(tx, rows).await
}

/// A page of the audit log, newest first.
pub async fn list(app: &App, caller: &Caller, filter: &Filter, top: i64, skip: i64) -> Result<Vec<AuditRow>> {
    caller.require_any(READ)?;
    store::list(&app.db, filter, None, top, skip).await
}

/// What can be filtered by: every actor, noun and action that the log has.
pub async fn words(app: &App, caller: &Caller) -> Result<Words> {
    caller.require_any(READ)?;
    store::words(&app.db).await
}

/// The log as a file.
pub fn export(app: App, caller: &Caller, filter: Filter, format: export::Format) -> Result<Response> {
    caller.require_any(READ)?;
    Ok(export::respond(app, filter, format))
}

/// Checks the whole chain. `known` is the number and hash of a row as somebody noted it outside the server.
pub async fn verify(app: &App, caller: &Caller, known: Option<&(i64, String)>) -> Result<Verdict> {
    caller.require_any(READ)?;
    chain::verify(&app.db, known).await
}
