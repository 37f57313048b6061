//! Actions for noncompliance, carried out when their hour comes. Judging a device only notes when the next one falls due, so that
//! it stays fast however many devices stop being compliant at once; the actions themselves are carried out right after, some at
//! a time, each in one transaction with what it causes.

use std::collections::HashMap;

use moat_model::{
    DeviceId, OrderAction, Timestamp,
    compliance::{NoncomplianceAction, NoncomplianceActionType as Type},
};
use moat_policy::compliance::{DueAction, due_actions};
use serde::Serialize;
use sqlx::FromRow;

use super::{Body, tenant};
use crate::{
    App,
    app::now,
    audit,
    caller::Actor,
    db::Transaction,
    devices::commands,
    error::{Error, Result},
    language::Languages,
    notifications::{
        self, LocalizedMessage, Template,
        letter::{About, Letter, Sender},
        locale::{self, Locale},
    },
    outbox::{
        self,
        mail::{Because, Mail},
    },
    policies::{self, Kind},
    retire_list,
};

/// Whether there is more to do than the mark, which is part of judging.
pub fn act(actions: &[NoncomplianceAction]) -> bool {
    let more = |action: &NoncomplianceAction| !matches!(action.action_type, Type::NoAction | Type::Block);
    actions.iter().any(more)
}

/// Carries out what is due for up to `most` pairs of a device and a policy; gives when the next one is.
pub async fn due(app: &App, most: i64) -> Result<Option<Timestamp>> {
    if !tenant::get(app.db.read()).await?.is_scheduled_action_enabled {
        return Ok(None);
    }
    let next = next_due(app).await?;
    if next.is_none_or(|at| at > now()) {
        return Ok(next);
    }
    let mut tx = app.db.begin().await?;
    let pairs = load(&mut tx, most).await?;
    let mut batch = Batch::new(&app.languages, notifications::sender(&mut tx).await?);
    for pair in &pairs {
        batch.carry_out(&mut tx, pair).await?;
    }
    record(&mut tx, &batch.done).await?;
    tx.commit().await?;
    for device in batch.ordered {
        app.deliver(device);
    }
    app.hub.changed();
    next_due(app).await
}

/// After a policy's actions changed: looks at every device that it applies to, and takes off the retire list what no action asks
/// for any more.
pub async fn changed(tx: &mut Transaction, policy: &str, actions: &[NoncomplianceAction]) -> Result<()> {
    let query = "UPDATE device_policy_states SET actions_at = CASE WHEN $1 = 1 THEN noncompliant_since END \
                 WHERE policy_id = $2 AND noncompliant_since IS NOT NULL";
    let query = sqlx::query(query)
        .bind(i64::from(act(actions)))
        .bind(policy.to_string());
    query.execute(&mut **tx).await?;
    let asks = |action: &&NoncomplianceAction| matches!(action.action_type, Type::Retire | Type::Wipe);
    let kept: Vec<&str> = actions.iter().filter(asks).map(|action| action.id.as_str()).collect();
    retire_list::store::keep_only(tx, policy, &kept).await
}

async fn next_due(app: &App) -> Result<Option<Timestamp>> {
    let query = "SELECT MIN(actions_at) FROM device_policy_states WHERE actions_at IS NOT NULL";
    let next: Option<i64> = sqlx::query_scalar(query).fetch_one(app.db.read()).await?;
    Ok(next.map(Timestamp::from_micros))
}

/// A device and a policy that it does not meet, with whose it is.
#[derive(FromRow)]
struct Pair {
    device_id: String,
    policy_id: String,
    noncompliant_since: Option<i64>,
    revoked_at: Option<i64>,
    name: String,
    model: String,
    os_platform: String,
    os_version: String,
    user_name: Option<String>,
    user_principal_name: Option<String>,
    mail: Option<String>,
    preferred_language: Option<String>,
}

impl Pair {
    fn device(&self) -> Result<DeviceId> {
        self.device_id.parse().map_err(Error::internal)
    }

    fn about(&self) -> About {
        let user = self.user_name.as_deref().or(self.user_principal_name.as_deref());
        About {
            user: user.unwrap_or("–").to_string(),
            device: self.name.clone(),
            device_id: self.device_id.clone(),
            os: format!("{} {}", self.os_platform, self.os_version).trim().to_string(),
            model: self.model.clone(),
        }
    }

    fn locale(&self) -> Option<Locale> {
        self.preferred_language.as_deref().and_then(Locale::parse)
    }

    fn address(&self) -> Option<String> {
        let principal = self.user_principal_name.as_deref()?;
        notifications::address(self.mail.as_deref(), principal)
    }
}

async fn load(tx: &mut Transaction, most: i64) -> Result<Vec<Pair>> {
    // An account that was switched off is nobody to write to.
    let query = "SELECT s.device_id, s.policy_id, s.noncompliant_since, d.revoked_at, d.name, d.model, d.os_platform, d.os_version, \
                 u.display_name AS user_name, u.user_principal_name, u.mail, u.preferred_language \
                 FROM device_policy_states s JOIN devices d ON d.id = s.device_id \
                 LEFT JOIN users u ON u.id = d.user_id AND u.account_enabled = 1 \
                 WHERE s.actions_at <= $1 ORDER BY s.actions_at LIMIT $2";
    let query = sqlx::query_as(query).bind(now().as_micros()).bind(most);
    Ok(query.fetch_all(&mut **tx).await?)
}

/// What the audit log says of an action that was carried out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    #[serde(skip)]
    device: String,
    policy: String,
    policy_name: String,
    action: &'static str,
    grace_period_hours: i32,
    /// When its hour came.
    due_at: String,
}

/// A template with its messages.
type Loaded = Option<(Template, Vec<LocalizedMessage>)>;

/// What several devices share.
struct Batch<'a> {
    languages: &'a Languages,
    sender: Sender,
    policies: HashMap<String, Option<(String, Body)>>,
    templates: HashMap<String, Loaded>,
    done: Vec<Done>,
    /// Devices that got an order.
    ordered: Vec<DeviceId>,
}

impl<'a> Batch<'a> {
    fn new(languages: &'a Languages, sender: Sender) -> Self {
        Self {
            languages,
            sender,
            policies: HashMap::new(),
            templates: HashMap::new(),
            done: Vec::new(),
            ordered: Vec::new(),
        }
    }

    async fn carry_out(&mut self, tx: &mut Transaction, pair: &Pair) -> Result<()> {
        let since = pair.noncompliant_since.filter(|_| pair.revoked_at.is_none());
        let (Some(since), Some((name, actions))) = (since, self.policy(tx, &pair.policy_id).await?) else {
            return set_next(tx, pair, None).await;
        };
        let done = done(tx, pair).await?;
        let done: Vec<(&str, Timestamp)> = done
            .iter()
            .map(|(id, at)| (id.as_str(), Timestamp::from_micros(*at)))
            .collect();
        let (due, next) = due_actions(&actions, Timestamp::from_micros(since), &done, now());
        for action in &due {
            mark_done(tx, pair, &action.action.id).await?;
            self.done.push(Done {
                device: pair.device_id.clone(),
                policy: pair.policy_id.clone(),
                policy_name: name.clone(),
                action: action.action.action_type.as_str(),
                grace_period_hours: action.action.grace_period_hours,
                due_at: action.at.to_string(),
            });
        }
        for action in once(&due) {
            self.effect(tx, pair, action).await?;
        }
        set_next(tx, pair, next).await
    }

    async fn effect(&mut self, tx: &mut Transaction, pair: &Pair, due: &DueAction<'_>) -> Result<()> {
        match due.action.action_type {
            Type::Notification => self.write(tx, pair, due.action).await,
            Type::Retire | Type::Wipe => {
                let kind = due.action.action_type.as_str();
                let (device, policy) = (&pair.device_id, &pair.policy_id);
                retire_list::store::add(tx, device, policy, &due.action.id, kind, due.at.as_micros()).await
            }
            // The mark is part of judging; Moat has no resource access profiles.
            Type::NoAction | Type::Block | Type::RemoveResourceAccessProfiles => Ok(()),
            Type::PushNotification => {
                let locale = pair.locale().map(|locale| locale.to_string());
                let language = self.languages.of_letters(&locale.unwrap_or_default());
                let (title, body) = (language.t("note-title"), language.t("note-text"));
                self.order(tx, pair, OrderAction::Notify { title, body }).await
            }
            Type::RemoteLock => self.order(tx, pair, OrderAction::RemoteLock).await,
        }
    }

    async fn order(&mut self, tx: &mut Transaction, pair: &Pair, action: OrderAction) -> Result<()> {
        let device = pair.device()?;
        let known = self.policies.get(&pair.policy_id).and_then(Option::as_ref);
        let by = format!("compliance policy {}", known.map_or("", |(name, _)| name.as_str()));
        commands::order(tx, device, action, &by).await?;
        self.ordered.push(device);
        Ok(())
    }

    /// Queues the letter for the device's user and the groups in copy.
    async fn write(&mut self, tx: &mut Transaction, pair: &Pair, action: &NoncomplianceAction) -> Result<()> {
        let locale = pair.locale();
        let (sender, languages) = (self.sender.clone(), self.languages);
        let Some((template, messages)) = self.template(tx, action).await? else {
            return Ok(());
        };
        let locale_of = |message: &LocalizedMessage| Locale::parse(&message.locale);
        let Some(message) = locale::choose(messages, locale.as_ref(), locale_of, |message| message.is_default) else {
            return Ok(());
        };
        let mail = Mail {
            to: pair.address(),
            cc_groups: action.notification_message_cc_list.clone(),
            letter: Letter::new(languages, template, message, &pair.about(), &sender),
            because: Some(Because {
                device: pair.device()?,
                policy: pair.policy_id.clone(),
                action: action.id.clone(),
            }),
        };
        outbox::queue_mail(tx, &mail).await
    }

    async fn policy(&mut self, tx: &mut Transaction, id: &str) -> Result<Option<(String, Vec<NoncomplianceAction>)>> {
        if !self.policies.contains_key(id) {
            let policy =
                policies::store::get(&mut **tx, Kind::Compliance, id.parse().map_err(Error::internal)?).await?;
            let read = policy.map(|row| Ok::<_, Error>((row.display_name.clone(), Body::of(&row)?)));
            self.policies.insert(id.to_string(), read.transpose()?);
        }
        let known = self.policies.get(id).and_then(Option::as_ref);
        Ok(known.map(|(name, body)| (name.clone(), body.actions.clone())))
    }

    async fn template(
        &mut self,
        tx: &mut Transaction,
        action: &NoncomplianceAction,
    ) -> Result<Option<&(Template, Vec<LocalizedMessage>)>> {
        let id = notifications::template_of(action).unwrap_or_default();
        if !self.templates.contains_key(id) {
            let template = match id.parse() {
                Ok(id) => notifications::store::get(&mut **tx, id).await?,
                Err(_) => None,
            };
            let loaded = match template {
                Some(template) => {
                    let messages = notifications::store::messages(&mut **tx, template.id).await?;
                    Some((template, messages))
                }
                None => None,
            };
            self.templates.insert(id.to_string(), loaded);
        }
        Ok(self.templates.get(id).and_then(Option::as_ref))
    }
}

/// Of several that would say or do the same at this moment, because nobody looked in between, the last.
fn once<'a, 'b>(due: &'b [DueAction<'a>]) -> Vec<&'b DueAction<'a>> {
    let same = |a: &NoncomplianceAction, b: &NoncomplianceAction| {
        a.action_type == b.action_type
            && a.notification_template_id == b.notification_template_id
            && a.notification_message_cc_list == b.notification_message_cc_list
    };
    let later = |n: usize| due.iter().skip(n + 1);
    due.iter()
        .enumerate()
        .filter(|(n, one)| !later(*n).any(|other| same(one.action, other.action)))
        .map(|(_, one)| one)
        .collect()
}

async fn done(tx: &mut Transaction, pair: &Pair) -> Result<Vec<(String, i64)>> {
    let query = "SELECT action_id, done_at FROM noncompliance_actions WHERE device_id = $1 AND policy_id = $2";
    let query = sqlx::query_as(query)
        .bind(pair.device_id.clone())
        .bind(pair.policy_id.clone());
    Ok(query.fetch_all(&mut **tx).await?)
}

async fn mark_done(tx: &mut Transaction, pair: &Pair, action: &str) -> Result<()> {
    let query = "INSERT INTO noncompliance_actions (device_id, policy_id, action_id, done_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (device_id, policy_id, action_id) DO UPDATE SET done_at = excluded.done_at";
    let query = sqlx::query(query)
        .bind(pair.device_id.clone())
        .bind(pair.policy_id.clone())
        .bind(action.to_string())
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

async fn set_next(tx: &mut Transaction, pair: &Pair, next: Option<Timestamp>) -> Result<()> {
    let query = "UPDATE device_policy_states SET actions_at = $1 WHERE device_id = $2 AND policy_id = $3";
    let query = sqlx::query(query)
        .bind(next.map(Timestamp::as_micros))
        .bind(pair.device_id.clone())
        .bind(pair.policy_id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

async fn record(tx: &mut Transaction, done: &[Done]) -> Result<()> {
    let changes: Vec<audit::Change<'_, Done>> = done
        .iter()
        .map(|done| audit::Change {
            action: "carry out",
            noun: "action for noncompliance",
            id: &done.device,
            before: None,
            after: Some(done),
        })
        .collect();
    audit::record_all(tx, &Actor::System, &changes).await
}
