use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use tokio::time::{Instant, sleep_until};

use crate::{App, accounts::Session};

/// Changes within this time make one event.
const SETTLE: Duration = Duration::from_millis(250);
/// Events are at least this far apart: a busy fleet must not have every open page fetched all the time.
const APART: Duration = Duration::from_secs(2);

/// Tells an open page that something changed; it fetches its own live part again.
pub async fn events(State(app): State<App>, _: Session) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start = (app.hub.changes(), Instant::now());
    let events = stream::unfold(start, |(mut changes, earliest)| async move {
        changes.changed().await.ok()?;
        sleep_until(earliest.max(Instant::now() + SETTLE)).await;
        changes.mark_unchanged();
        let event = Event::default().event("change").data("1");
        Some((Ok(event), (changes, Instant::now() + APART)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(25)))
}
