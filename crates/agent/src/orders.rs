//! Orders of the organisation: each is carried out once, and answered until the server has the answer.
//!
//! What came of an order is remembered before it is told, so a crash between the two repeats the answer and not the deed.
//! A crash between locking the screen and remembering it locks once more.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use moat_model::{
    Order, OrderAction, OrderId, OrderOutcome,
    sync::{CheckInReply, DeviceEvent},
};
use serde::{Deserialize, Serialize};
use tokio::{process::Command, time::timeout};

use crate::{
    run::{Agent, lock},
    state::{Leaving, Message},
};

/// Orders whose outcome is remembered: more than the server keeps open for one device.
const REMEMBERED: usize = 100;
/// Messages that are kept for the user.
const MESSAGES: usize = 20;
const PATIENCE: Duration = Duration::from_secs(20);
/// What is longer is the server's fault.
const MAX_TEXT: usize = 2_000;

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub id: OrderId,
    pub outcome: OrderOutcome,
    pub detail: String,
}

/// Takes the orders of a check-in's answer: new ones wait for [`run`], and what is answered already is told again. Says
/// whether the device has left: the server knows.
pub(crate) fn take(agent: &Agent, reply: &CheckInReply) -> bool {
    for order in &reply.orders {
        let remembered = lock(&agent.state).answered.iter().find(|a| a.id == order.id).cloned();
        if let Some(answered) = remembered {
            tell(agent, answered);
            continue;
        }
        let mut live = lock(&agent.live);
        if live.orders.iter().all(|waiting| waiting.id != order.id) {
            live.orders.push_back(order.clone());
            agent.wake.orders.notify_one();
        }
    }
    let Some(leaving) = lock(&agent.state).leaving else {
        return false;
    };
    let still_ordered = reply.orders.iter().any(|order| order.id == leaving.order);
    lock(&agent.live).farewell && !still_ordered && !agent.outbox().has_answer(leaving.order)
}

/// Carries orders out as they come.
pub(crate) async fn run(agent: Arc<Agent>) {
    loop {
        work(&agent).await;
        agent.wake.orders.notified().await;
    }
}

/// Carries out what waits.
pub(crate) async fn work(agent: &Agent) {
    say_farewell(agent);
    loop {
        let Some(order) = lock(&agent.live).orders.front().cloned() else {
            return;
        };
        carry_out(agent, &order).await;
        lock(&agent.live).orders.retain(|waiting| waiting.id != order.id);
    }
}

/// A device that was stopped on its way out tells again that it leaves.
fn say_farewell(agent: &Agent) {
    let leaving = lock(&agent.state).leaving;
    if let Some(leaving) = leaving.filter(|_| !lock(&agent.live).farewell) {
        tell(agent, Answered::done(leaving.order));
    }
}

async fn carry_out(agent: &Agent, order: &Order) {
    let (outcome, detail) = match &order.action {
        OrderAction::RemoteLock => lock_screen().await,
        OrderAction::Notify { .. } | OrderAction::Retire | OrderAction::Wipe => (OrderOutcome::Done, String::new()),
        OrderAction::Unknown => {
            let why = "this version of moat-agent does not know the order";
            (OrderOutcome::NotSupported, why.to_string())
        }
    };
    tracing::info!(order = order.action.word(), %outcome, detail, "an order of the organisation");
    let answered = Answered {
        id: order.id,
        outcome,
        detail,
    };
    let message = message(agent, order);
    agent.change_state(|state| {
        remember(&mut state.answered, answered.clone(), REMEMBERED);
        if let Some(message) = message.clone() {
            remember(&mut state.messages, message, MESSAGES);
        }
        if order.action.leaves() {
            state.leaving = state.leaving.or(Some(Leaving {
                order: order.id,
                wipe: order.action == OrderAction::Wipe,
            }));
        }
    });
    if let Some(message) = message {
        lock(&agent.notifications).add_message(message);
    }
    tell(agent, answered);
}

impl Answered {
    fn done(id: OrderId) -> Self {
        Self {
            id,
            outcome: OrderOutcome::Done,
            detail: String::new(),
        }
    }
}

fn message(agent: &Agent, order: &Order) -> Option<Message> {
    let OrderAction::Notify { title, body } = &order.action else {
        return None;
    };
    let short = |text: &str| text.chars().take(MAX_TEXT).collect();
    Some(Message {
        time: agent.clock.now(),
        title: short(title),
        body: short(body),
    })
}

fn remember<T>(list: &mut Vec<T>, new: T, most: usize) {
    list.push(new);
    let surplus = list.len().saturating_sub(most);
    list.drain(..surplus);
}

/// Puts the answer into the outbox, unless it waits there. What cannot be stored is told when the order comes again.
fn tell(agent: &Agent, answered: Answered) {
    let id = answered.id;
    let event = DeviceEvent::OrderDone {
        id,
        outcome: answered.outcome,
        detail: answered.detail,
    };
    let waits = agent.outbox().has_answer(id);
    let told = waits || agent.record(event);
    let leaving = lock(&agent.state).leaving;
    if told && leaving.is_some_and(|leaving| leaving.order == id) {
        lock(&agent.live).farewell = true;
    }
}

/// Locks every session that logind knows of.
async fn lock_screen() -> (OrderOutcome, String) {
    let loginctl = Command::new("loginctl")
        .arg("lock-sessions")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(PATIENCE, loginctl).await {
        Err(_) => (OrderOutcome::Failed, "loginctl does not answer".into()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            (OrderOutcome::NotSupported, "there is no loginctl on this device".into())
        }
        Ok(Err(error)) => (OrderOutcome::Failed, format!("loginctl cannot be run: {error}")),
        Ok(Ok(output)) if output.status.success() => (OrderOutcome::Done, String::new()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let why = format!("loginctl lock-sessions: {}", said.trim());
            match Path::new("/run/systemd/seats").exists() {
                true => (OrderOutcome::Failed, why),
                false => (
                    OrderOutcome::NotSupported,
                    format!("there is no logind on this device; {why}"),
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::StatusCode;
    use moat_model::sync::CheckIn;

    use super::*;
    use crate::{
        data_folder::{BUNDLE, CERTIFICATE, DataFolder, KEY, LEDGER, OUTBOX, RETIRED, STATE},
        retired::{self, Retired},
        sync::{self, fake_server},
    };

    fn order(id: u128, action: OrderAction) -> Order {
        Order {
            id: OrderId(uuid::Uuid::from_u128(id)),
            action,
        }
    }

    fn message(body: &str) -> OrderAction {
        OrderAction::Notify {
            title: "Office".into(),
            body: body.into(),
        }
    }

    /// What the server heard of orders, in its order.
    type Heard = Arc<Mutex<Vec<(OrderId, OrderOutcome)>>>;

    fn hear(heard: &Heard, check_in: &CheckIn) -> u64 {
        for entry in &check_in.events {
            if let DeviceEvent::OrderDone { id, outcome, .. } = &entry.event {
                lock(heard).push((*id, *outcome));
            }
        }
        check_in.events.last().map_or(0, |entry| entry.seq)
    }

    /// A server that repeats its orders whatever it hears, as one that was put back from an older copy.
    async fn stubborn(orders: Vec<Order>) -> (Agent, tempfile::TempDir, Heard) {
        let heard = Heard::default();
        let ears = heard.clone();
        let (agent, dir) = fake_server::agent(move |check_in| fake_server::Reply {
            status: StatusCode::OK,
            acknowledged: hear(&ears, check_in),
            orders: orders.clone(),
        })
        .await;
        (agent, dir, heard)
    }

    /// As after `kill -9`: nothing but the folder is left.
    fn restarted(agent: Agent) -> Agent {
        let data = agent.data.clone();
        drop(agent);
        Agent::open(data, None).unwrap()
    }

    async fn check_in(agent: &Agent) {
        sync::check_in(agent).await.unwrap();
        work(agent).await;
    }

    #[tokio::test]
    async fn an_order_is_carried_out_once_and_answered_until_it_is_heard() {
        let orders = vec![order(1, message("first")), order(2, message("second"))];
        let (mut agent, _dir, heard) = stubborn(orders.clone()).await;
        check_in(&agent).await;
        assert!(lock(&heard).is_empty());
        for _ in 0..3 {
            agent = restarted(agent);
            check_in(&agent).await;
        }
        // What was to be told is lost, and what was done is not.
        std::fs::remove_file(agent.data.path(OUTBOX)).unwrap();
        agent = restarted(agent);
        check_in(&agent).await;
        check_in(&agent).await;
        assert_eq!(
            lock(&agent.notifications).messages(),
            ["Office: first", "Office: second"]
        );
        let heard = lock(&heard);
        assert!(heard.len() >= 4, "{heard:?}");
        for (id, outcome) in heard.iter() {
            assert!(orders.iter().any(|order| order.id == *id));
            assert_eq!(*outcome, OrderOutcome::Done);
        }
    }

    #[tokio::test]
    async fn what_this_version_does_not_know_is_said_to_be_so() {
        let (agent, _dir, heard) = stubborn(vec![order(1, OrderAction::Unknown)]).await;
        check_in(&agent).await;
        check_in(&agent).await;
        assert_eq!(lock(&heard)[0].1, OrderOutcome::NotSupported);
    }

    #[test]
    fn only_so_many_messages_are_kept() {
        let mut kept = Vec::new();
        (0..50).for_each(|n| remember(&mut kept, n, MESSAGES));
        assert_eq!(
            (kept.len(), kept.first(), kept.last()),
            (MESSAGES, Some(&30), Some(&49))
        );
    }

    /// A server that orders to leave until it hears that it is done, and knows the device no more from then on.
    async fn retiring() -> (Agent, tempfile::TempDir, Heard) {
        let heard = Heard::default();
        let ears = heard.clone();
        let (agent, dir) = fake_server::agent(move |check_in| {
            let gone = !lock(&ears).is_empty();
            let acknowledged = hear(&ears, check_in);
            let left = !lock(&ears).is_empty();
            fake_server::Reply {
                status: if gone { StatusCode::FORBIDDEN } else { StatusCode::OK },
                acknowledged,
                orders: (!left).then(|| order(7, OrderAction::Retire)).into_iter().collect(),
            }
        })
        .await;
        agent.data.write(BUNDLE, b"policy").unwrap();
        (agent, dir, heard)
    }

    /// What the check-in loop does: whether the device has left.
    async fn has_left(agent: &Agent) -> bool {
        if let Err(error) = sync::check_in(agent).await {
            assert!(sync::is_revoked(&error), "{error:#}");
            return lock(&agent.state).leaving.is_some();
        }
        let left = timeout(Duration::from_millis(1), agent.wake.left.notified())
            .await
            .is_ok();
        work(agent).await;
        left
    }

    #[tokio::test]
    async fn a_device_leaves_when_the_server_knows_it() {
        let (agent, dir, heard) = retiring().await;
        assert!(!has_left(&agent).await);
        assert!(lock(&heard).is_empty());
        assert!(has_left(&agent).await, "the server has the answer");
        assert_eq!(lock(&heard).len(), 1);
        let retired = Retired {
            time: agent.clock.now(),
            wiped: false,
        };
        retired::leave(&agent.data, &retired).unwrap();
        drop(agent);
        let names = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [LEDGER, RETIRED]);
        let error = DataFolder::open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("retired") && error.contains("moat-agent enroll"),
            "{error}"
        );
        assert!(!DataFolder::at(dir.path()).unwrap().is_enrolled());
    }

    #[tokio::test]
    async fn a_device_that_is_killed_on_its_way_out_ends_outside() {
        // Before the answer is in the outbox.
        let (agent, _dir, heard) = retiring().await;
        assert!(!has_left(&agent).await);
        std::fs::remove_file(agent.data.path(OUTBOX)).unwrap();
        let agent = restarted(agent);
        work(&agent).await;
        assert!(has_left(&agent).await);
        assert_eq!(lock(&heard).len(), 1);
        // The server's last word was lost.
        let agent = restarted(agent);
        work(&agent).await;
        assert!(has_left(&agent).await);
        // In the middle of removing.
        agent.data.write(RETIRED, br#"{"time": 1, "wiped": false}"#).unwrap();
        std::fs::remove_file(agent.data.path(KEY)).unwrap();
        retired::finish(&agent.data.path("")).unwrap();
        for name in [CERTIFICATE, BUNDLE, STATE] {
            assert!(!agent.data.path(name).exists(), "{name}");
        }
    }
}
