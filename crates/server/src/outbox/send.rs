//! Sending what waits: a few at a time, again and again with growing pauses, until it is sent or given up.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use futures_util::StreamExt as _;
use lettre::Address;
use tokio::{sync::watch, time::sleep};

use super::{
    Queued, State,
    mail::{CONNECTIONS, Mail, Mailer, NotSent, Sending},
    store,
};
use crate::{
    App, access,
    app::now,
    error::{Error, Result},
    notifications,
};

/// Read at once.
const BATCH: i64 = 50;
/// Attempts until one is given up: with an hour between them at last, about three days.
const MOST_ATTEMPTS: i64 = 80;
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// Longest pause of everything while the mail server does not answer.
const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(60);
/// People in copy.
const MOST_COPIES: usize = 500;
/// A look without a cause.
const IDLE: Duration = Duration::from_secs(600);
/// How long those on their way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long the link in a mail works.
const LINK_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Sends what waits until `stop` turns true; without a mail server it goes on waiting.
pub async fn run(app: &App, mailer: Option<Mailer>, mut stop: watch::Receiver<bool>) {
    let Some(mailer) = mailer else { return };
    let mut changes = app.hub.changes();
    let mut outages = 0;
    let mut stopping = stop.clone();
    loop {
        let round = send_due(app, &mailer, &stop).await.unwrap_or_else(|error| {
            error.log();
            Round::Outage
        });
        let outage = matches!(round, Round::Outage);
        outages = if outage { outages + 1 } else { 0 };
        let wait = match round {
            Round::Outage => pause(outages).min(LONGEST_OUTAGE_PAUSE),
            Round::Idle(next) => next.map_or(IDLE, |at| at.max(Duration::from_millis(50)).min(IDLE)),
        };
        let news = async {
            match outage {
                // Nothing new makes the mail server answer.
                true => std::future::pending().await,
                false => changes.changed().await,
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = news => sleep(Duration::from_millis(200)).await,
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        if *stop.borrow_and_update() {
            return;
        }
    }
}

/// How a round ended.
enum Round {
    /// Nothing more is due; the next one is in so long.
    Idle(Option<Duration>),
    /// The mail server does not answer.
    Outage,
}

async fn send_due(app: &App, mailer: &Mailer, stop: &watch::Receiver<bool>) -> Result<Round> {
    loop {
        let due = store::due(&app.db, BATCH).await?;
        if due.is_empty() {
            let next = store::next_due(&app.db).await?;
            let wait = |at| moat_model::Timestamp::from_micros(at).since(now());
            return Ok(Round::Idle(next.map(wait)));
        }
        let outage = AtomicBool::new(false);
        let mut stopping = stop.clone();
        let sending = async {
            let over = || outage.load(Ordering::Relaxed) || *stop.borrow();
            let each = due.iter().map(|queued| async {
                if over() {
                    return Ok(());
                }
                let unreachable = send_one(app, mailer, queued).await?;
                outage.fetch_or(unreachable, Ordering::Relaxed);
                Ok::<(), Error>(())
            });
            let results: Vec<Result<()>> = futures_util::stream::iter(each)
                .buffer_unordered(CONNECTIONS)
                .collect()
                .await;
            results.into_iter().collect::<Result<()>>()
        };
        let farewell = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            sleep(FAREWELL).await;
        };
        tokio::select! {
            sent = sending => sent?,
            () = farewell => {}
        }
        app.hub.changed();
        if outage.load(Ordering::Relaxed) {
            return Ok(Round::Outage);
        }
        if *stop.borrow() {
            return Ok(Round::Idle(None));
        }
    }
}

/// Sends one and notes what became of it; whether the mail server does not answer.
async fn send_one(app: &App, mailer: &Mailer, queued: &Queued) -> Result<bool> {
    let outcome = attempt(app, mailer, queued).await?;
    let mut tx = app.db.begin().await?;
    let mut unreachable = false;
    match outcome {
        Ok(Outcome::Sent(note)) => store::finish(&mut tx, &queued.id, State::Sent, note.as_deref()).await?,
        Ok(Outcome::Dropped(why)) => store::finish(&mut tx, &queued.id, State::Dropped, Some(why)).await?,
        Err(not_sent) => {
            unreachable = not_sent.unreachable;
            let error: String = not_sent.error.chars().take(500).collect();
            let attempts = queued.attempts + 1;
            if attempts >= MOST_ATTEMPTS {
                tracing::warn!(id = queued.id, error, "a mail is given up");
                store::finish(&mut tx, &queued.id, State::Failed, Some(&error)).await?;
            } else {
                tracing::debug!(id = queued.id, error, "a mail could not be sent");
                let until = now().saturating_add(pause(attempts)).as_micros();
                store::put_off(&mut tx, &queued.id, &error, until).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(unreachable)
}

enum Outcome {
    /// Perhaps not to everybody: the note says so.
    Sent(Option<String>),
    Dropped(&'static str),
}

async fn attempt(app: &App, mailer: &Mailer, queued: &Queued) -> Result<Result<Outcome, NotSent>> {
    let mail: Mail = serde_json::from_str(&queued.body).map_err(Error::internal)?;
    if let Some(because) = &mail.because
        && !store::still_holds(&app.db, because).await?
    {
        return Ok(Ok(Outcome::Dropped(
            "the device is compliant again, or the policy does not apply to it any more",
        )));
    }
    let to: Option<Address> = mail.to.as_deref().and_then(|to| to.parse().ok());
    let (cc, cut) = copies(app, &mail, to.as_ref()).await?;
    if to.is_none() && cc.is_empty() {
        return Ok(Ok(Outcome::Dropped("nobody to send it to has a mail address")));
    }
    let link = mail
        .letter
        .link_to
        .map(|device| access::why::link_for(app, device, LINK_LIFETIME));
    let micros = u64::try_from(queued.created_at).unwrap_or_default();
    let sending = Sending {
        id: &queued.id,
        queued: SystemTime::UNIX_EPOCH + Duration::from_micros(micros),
        to: &to,
        cc: &cc,
        letter: &mail.letter,
        link: link.as_deref(),
    };
    Ok(mailer.send(&sending).await.map(|refused| {
        let mut notes = Vec::new();
        if !refused.is_empty() {
            notes.push(format!("the mail server refused {}", refused.join("; ")));
        }
        if cut {
            notes.push(format!("only the first {MOST_COPIES} people of the groups got a copy"));
        }
        let note = Some(notes.join("; ")).filter(|note| !note.is_empty());
        Outcome::Sent(note.map(|note| note.chars().take(500).collect()))
    }))
}

/// Addresses of whoever gets a copy, each once, and whether some were left out.
async fn copies(app: &App, mail: &Mail, to: Option<&Address>) -> Result<(Vec<Address>, bool)> {
    let mut addresses: Vec<Address> = Vec::new();
    for group in &mail.cc_groups {
        let most = i64::try_from(MOST_COPIES + 2).unwrap_or(i64::MAX);
        for (address, principal) in store::people_in(&app.db, *group, most).await? {
            let address = notifications::address(address.as_deref(), &principal).and_then(|text| text.parse().ok());
            addresses.extend(address.filter(|address| Some(address) != to));
        }
        addresses.sort();
        addresses.dedup();
        if addresses.len() > MOST_COPIES {
            addresses.truncate(MOST_COPIES);
            return Ok((addresses, true));
        }
    }
    Ok((addresses, false))
}

/// The pause after so many attempts: 2 seconds, 4, 8, up to an hour.
fn pause(attempts: i64) -> Duration {
    let seconds = 1_u64 << attempts.clamp(1, 12);
    Duration::from_secs(seconds).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_it_is_given_up_after_days() {
        let total: Duration = (1..MOST_ATTEMPTS).map(pause).sum();
        assert_eq!(
            (pause(1), pause(2), pause(11)),
            (
                Duration::from_secs(2),
                Duration::from_secs(4),
                Duration::from_secs(2048)
            )
        );
        assert_eq!(pause(12), LONGEST_PAUSE);
        assert!((60..84).contains(&(total.as_secs() / 3_600)), "{total:?}");
    }
}
