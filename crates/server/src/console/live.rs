use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use tokio::time::sleep;

use crate::{App, accounts::Session};

/// Changes within this time make one event.
const SETTLE: Duration = Duration::from_millis(250);

/// Tells an open page that something changed; it fetches its own live part again.
pub async fn events(State(app): State<App>, _: Session) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = app.hub.changes();
    let events = stream::unfold(changes, |mut changes| async move {
        changes.changed().await.ok()?;
        sleep(SETTLE).await;
        changes.mark_unchanged();
        Some((Ok(Event::default().event("change").data("1")), changes))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(25)))
}
