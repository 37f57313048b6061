//! Message templates: what is written to people whose devices are not compliant, in their languages.

pub mod branding;
pub mod console;
pub mod graph;
pub mod letter;
pub mod locale;
pub mod store;
mod variables;

use lettre::Address;
use moat_model::compliance::NoncomplianceAction;
use moat_policy::{Message, say};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::Transaction,
    edition::{self, Expected},
    error::{Error, Result},
    odata::{Page, Query},
    outbox::{self, mail::Mail},
    settings,
    users::checked,
};
use branding::Branding;
use letter::{About, Letter, Sender};
use locale::Locale;

pub const READ: &[Role] = &[Role::ServiceConfigReadAll, Role::ServiceConfigReadWriteAll];
pub const WRITE: &[Role] = &[Role::ServiceConfigReadWriteAll];

/// Longest subject and message, in characters, as Intune has them.
const SUBJECT: usize = 78;
const MESSAGE: usize = 2_000;
/// Languages of one template.
const MOST_MESSAGES: usize = 200;

/// Actions of one policy.
const MOST_ACTIONS: usize = 100;

/// A template without its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    pub id: Uuid,
    pub display_name: String,
    pub description: Option<String>,
    /// That of the default message, once there is one.
    pub default_locale: String,
    pub branding: Branding,
    pub updated_at: i64,
}

/// A template's message in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalizedMessage {
    pub id: Uuid,
    pub locale: String,
    pub subject: String,
    pub message: String,
    pub is_default: bool,
    pub updated_at: i64,
}

/// What may be said of a template. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct TemplateChange {
    pub display_name: Option<String>,
    pub description: Option<Option<String>>,
    pub default_locale: Option<String>,
    pub branding: Option<String>,
}

/// What may be said of a message. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct MessageChange {
    pub locale: Option<String>,
    pub subject: Option<String>,
    pub message: Option<String>,
    pub is_default: Option<bool>,
}

/// What the audit log keeps of a template.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    display_name: &'a str,
    default_locale: &'a str,
    branding_options: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageRecord<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageRecord<'a> {
    locale: &'a str,
    subject: &'a str,
    message_template: &'a str,
    is_default: bool,
}

impl<'a> Record<'a> {
    fn of(template: &'a Template, message: Option<&'a LocalizedMessage>) -> Self {
        Self {
            display_name: &template.display_name,
            default_locale: &template.default_locale,
            branding_options: template.branding.text(),
            message: message.map(|message| MessageRecord {
                locale: &message.locale,
                subject: &message.subject,
                message_template: &message.message,
                is_default: message.is_default,
            }),
        }
    }
}

pub async fn list(app: &App, caller: &Caller, query: &Query) -> Result<Page<Template>> {
    caller.require_any(READ)?;
    store::page(&app.db, query).await
}

pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Template> {
    caller.require_any(READ)?;
    store::get(app.db.read(), id).await?.ok_or_else(|| unknown(id))
}

pub async fn messages(app: &App, caller: &Caller, id: Uuid) -> Result<Vec<LocalizedMessage>> {
    get(app, caller, id).await?;
    store::messages(app.db.read(), id).await
}

pub async fn create(app: &App, caller: &Caller, change: TemplateChange) -> Result<Template> {
    caller.require_any(WRITE)?;
    let mut template = Template {
        id: Uuid::now_v7(),
        default_locale: "en-US".into(),
        ..Template::default()
    };
    apply(&mut template, &change)?;
    if template.display_name.is_empty() {
        return Err(Error::rule("BadRequest", "displayName", say("rule-missing")));
    }
    let mut tx = app.db.begin().await?;
    store::insert(&mut tx, &template).await?;
    record(&mut tx, caller, "create", None, Some((&template, None))).await?;
    tx.commit().await?;
    Ok(template)
}

/// Changes a template. Another default locale makes another message the default.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: Uuid,
    expected: &Expected,
    change: TemplateChange,
) -> Result<Template> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let before = found(&mut tx, id).await?;
    expected.check(before.updated_at)?;
    let mut template = before.clone();
    apply(&mut template, &change)?;
    if template.default_locale != before.default_locale {
        let messages = store::messages(&mut *tx, id).await?;
        match messages
            .iter()
            .find(|message| message.locale == template.default_locale)
        {
            Some(message) => store::set_default(&mut tx, id, message.id).await?,
            None if messages.is_empty() => {}
            None => {
                let rule = say("rule-message-first").with("locale", &template.default_locale);
                return Err(Error::rule("BadRequest", "defaultLocale", rule));
            }
        }
    }
    template.updated_at = edition::next(before.updated_at);
    store::update(&mut tx, &template).await?;
    record(
        &mut tx,
        caller,
        "update",
        Some((&before, None)),
        Some((&template, None)),
    )
    .await?;
    tx.commit().await?;
    Ok(template)
}

/// Deletes a template that no policy uses.
pub async fn delete(app: &App, caller: &Caller, id: Uuid) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let template = found(&mut tx, id).await?;
    refuse_when_used(&mut tx, &template).await?;
    store::delete(&mut tx, id).await?;
    record(&mut tx, caller, "delete", Some((&template, None)), None).await?;
    Ok(tx.commit().await?)
}

pub async fn message(app: &App, caller: &Caller, template: Uuid, id: Uuid) -> Result<LocalizedMessage> {
    let messages = messages(app, caller, template).await?;
    let found = messages.into_iter().find(|message| message.id == id);
    found.ok_or_else(|| unknown_message(id))
}

/// Adds a message. The first of a template is its default.
pub async fn add_message(app: &App, caller: &Caller, id: Uuid, change: MessageChange) -> Result<LocalizedMessage> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let template = found(&mut tx, id).await?;
    let others = store::messages(&mut *tx, id).await?;
    if others.len() >= MOST_MESSAGES {
        let text = format!("a template has at most {MOST_MESSAGES} messages");
        return Err(Error::invalid("BadRequest", text));
    }
    let mut message = LocalizedMessage {
        id: Uuid::now_v7(),
        ..LocalizedMessage::default()
    };
    apply_message(&mut message, &change)?;
    message.is_default = change.is_default == Some(true) || others.is_empty();
    check_message(&message, &others)?;
    store::insert_message(&mut tx, id, &message).await?;
    keep_default(&mut tx, template, &message).await?;
    let template = found(&mut tx, id).await?;
    record(&mut tx, caller, "add message", None, Some((&template, Some(&message)))).await?;
    tx.commit().await?;
    Ok(message)
}

pub async fn update_message(
    app: &App,
    caller: &Caller,
    id: Uuid,
    message: Uuid,
    expected: &Expected,
    change: MessageChange,
) -> Result<LocalizedMessage> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let template = found(&mut tx, id).await?;
    let (before, others) = split(store::messages(&mut *tx, id).await?, message)?;
    expected.check(before.updated_at)?;
    let mut after = before.clone();
    apply_message(&mut after, &change)?;
    match change.is_default {
        Some(false) if before.is_default => {
            return Err(Error::rule("BadRequest", "isDefault", say("rule-one-default")));
        }
        Some(is_default) => after.is_default = is_default,
        None => {}
    }
    check_message(&after, &others)?;
    store::update_message(&mut tx, &after).await?;
    keep_default(&mut tx, template.clone(), &after).await?;
    let (was, is) = ((&template, Some(&before)), (&template, Some(&after)));
    record(&mut tx, caller, "change message", Some(was), Some(is)).await?;
    tx.commit().await?;
    Ok(after)
}

/// Deletes a message: never the default while there are others, and never the last of a template that a policy uses.
pub async fn delete_message(app: &App, caller: &Caller, id: Uuid, message: Uuid) -> Result<()> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let template = found(&mut tx, id).await?;
    let (message, others) = split(store::messages(&mut *tx, id).await?, message)?;
    if others.is_empty() {
        refuse_when_used(&mut tx, &template).await?;
    } else if message.is_default {
        return Err(Error::conflict(say("conflict-default-message")));
    }
    store::delete_message(&mut tx, message.id).await?;
    record(
        &mut tx,
        caller,
        "delete message",
        Some((&template, Some(&message))),
        None,
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Sends the default message to the address that mail comes from, with made-up values.
pub async fn send_test_message(app: &App, caller: &Caller, id: Uuid) -> Result<()> {
    caller.require_any(WRITE)?;
    let Some(mail) = &app.config.mail else {
        return Err(Error::conflict(say("conflict-no-mail")));
    };
    let mut tx = app.db.begin().await?;
    let template = found(&mut tx, id).await?;
    let messages = store::messages(&mut *tx, id).await?;
    let message = messages.iter().find(|message| message.is_default);
    let message = message.ok_or_else(|| Error::conflict(say("conflict-no-message")))?;
    let letter = sample(app, &template, message, &sender(&mut tx).await?);
    let to = mail.from_address().map(|address| address.to_string());
    let mail = Mail {
        to: Some(to.map_err(Error::internal)?),
        cc_groups: Vec::new(),
        letter,
        because: None,
    };
    outbox::queue_mail(&mut tx, &mail).await?;
    record(
        &mut tx,
        caller,
        "send test message",
        None,
        Some((&template, Some(message))),
    )
    .await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

/// How a message reads that is not kept, with made-up values.
pub async fn preview(app: &App, caller: &Caller, id: Uuid, change: MessageChange) -> Result<Letter> {
    let template = get(app, caller, id).await?;
    let mut message = LocalizedMessage::default();
    apply_message(&mut message, &change)?;
    check_message(&message, &[])?;
    let settings = settings::get(&app.db).await?;
    let sender = Sender {
        organisation: settings.organisation,
        contact: settings.help_url,
    };
    Ok(sample(app, &template, &message, &sender))
}

fn sample(app: &App, template: &Template, message: &LocalizedMessage, sender: &Sender) -> Letter {
    let about = About {
        user: "UserName".into(),
        device: "DeviceName".into(),
        device_id: Uuid::nil().to_string(),
        os: "iOS 18.7".into(),
        model: "iPhone".into(),
    };
    let mut letter = Letter::new(&app.languages, template, message, &about, sender);
    // There is no such device.
    letter.link_to = None;
    letter
}

/// Checks what actions of a policy name: templates that have a message, and groups.
pub async fn check_actions(tx: &mut Transaction, actions: &[NoncomplianceAction]) -> Result<()> {
    if actions.len() > MOST_ACTIONS {
        let text = format!("scheduledActionConfigurations must hold at most {MOST_ACTIONS} actions");
        return Err(Error::invalid("BadRequest", text));
    }
    for (n, action) in actions.iter().enumerate() {
        let wrong = |field: &str, rule: String| {
            let text = format!("scheduledActionConfigurations[{n}].{field}: {rule}");
            Err(Error::invalid("BadRequest", text))
        };
        if let Some(text) = template_of(action) {
            let field = "notificationTemplateId";
            let template = match text.parse() {
                Ok(id) => store::get(&mut **tx, id).await?,
                Err(_) => None,
            };
            let Some(template) = template else {
                let shown: String = text.chars().take(80).collect();
                return wrong(field, format!("there is no message template {shown}"));
            };
            if store::messages(&mut **tx, template.id).await?.is_empty() {
                return wrong(
                    field,
                    format!("the template {:?} has no message yet", template.display_name),
                );
            }
        }
        if action.notification_message_cc_list.len() > 100 {
            return wrong("notificationMessageCCList", "must hold at most 100 groups".into());
        }
        for group in &action.notification_message_cc_list {
            if crate::groups::store::get(&mut **tx, *group).await?.is_none() {
                return wrong("notificationMessageCCList", format!("there is no group {group}"));
            }
        }
    }
    Ok(())
}

/// The template that an action names; empty and all zeros mean none.
pub fn template_of(action: &NoncomplianceAction) -> Option<&str> {
    let text = action.notification_template_id.trim();
    (!text.is_empty() && text.parse::<Uuid>() != Ok(Uuid::nil())).then_some(text)
}

/// What the organisation says of itself in letters.
pub async fn sender(tx: &mut Transaction) -> Result<Sender> {
    let settings = settings::read(&mut **tx).await?;
    Ok(Sender {
        organisation: settings.organisation,
        contact: settings.help_url,
    })
}

/// A person's address for mail: what is said to be it, else the principal name when that is one.
pub fn address(mail: Option<&str>, principal: &str) -> Option<String> {
    let valid = |text: &&str| text.parse::<Address>().is_ok();
    mail.into_iter().chain([principal]).find(valid).map(String::from)
}

async fn refuse_when_used(tx: &mut Transaction, template: &Template) -> Result<()> {
    let policies = store::policies_using(tx, template.id).await?;
    if policies.is_empty() {
        return Ok(());
    }
    let names = policies.join(", ");
    Err(Error::conflict(
        say("conflict-template-used")
            .with("template", format!("{:?}", template.display_name))
            .with("policies", names),
    ))
}

fn apply(template: &mut Template, change: &TemplateChange) -> Result<()> {
    if let Some(name) = &change.display_name {
        template.display_name = checked("displayName", name, 256)?;
    }
    if let Some(description) = &change.description {
        let filled = description.as_deref().filter(|text| !text.trim().is_empty());
        template.description = filled.map(|text| checked("description", text, 1_024)).transpose()?;
    }
    if let Some(locale) = &change.default_locale {
        template.default_locale = locale_in("defaultLocale", locale)?;
    }
    if let Some(branding) = &change.branding {
        template.branding = Branding::parse(branding)?;
    }
    Ok(())
}

fn apply_message(message: &mut LocalizedMessage, change: &MessageChange) -> Result<()> {
    if let Some(locale) = &change.locale {
        message.locale = locale_in("locale", locale)?;
    }
    if let Some(subject) = &change.subject {
        message.subject = subject.trim().to_string();
    }
    if let Some(text) = &change.message {
        message.message = text.replace("\r\n", "\n");
    }
    message.updated_at = edition::next(message.updated_at);
    Ok(())
}

fn locale_in(field: &'static str, text: &str) -> Result<String> {
    let locale = Locale::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        let rule = say("rule-language-tag").with("found", format!("{shown:?}"));
        Error::rule("BadRequest", field, rule)
    })?;
    Ok(locale.to_string())
}

fn check_message(message: &LocalizedMessage, others: &[LocalizedMessage]) -> Result<()> {
    let wrong = |field, rule: Message| Err(Error::rule("BadRequest", field, rule));
    if message.locale.is_empty() {
        return wrong("locale", say("rule-missing"));
    }
    if others.iter().any(|other| other.locale == message.locale) {
        return Err(Error::conflict(say("conflict-message").with("locale", &message.locale)));
    }
    if message.subject.chars().any(char::is_control) || !(1..=SUBJECT).contains(&message.subject.chars().count()) {
        return wrong("subject", say("rule-one-line").with("most", SUBJECT));
    }
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    let length = message.message.chars().count();
    if message.message.trim().is_empty() || length > MESSAGE || message.message.chars().any(control) {
        return wrong("messageTemplate", say("rule-lines").with("most", MESSAGE));
    }
    variables::check("subject", &message.subject)?;
    variables::check("messageTemplate", &message.message)
}

/// One default per template, and the template says which.
async fn keep_default(tx: &mut Transaction, mut template: Template, message: &LocalizedMessage) -> Result<()> {
    if message.is_default {
        store::set_default(tx, template.id, message.id).await?;
        template.default_locale = message.locale.clone();
    }
    template.updated_at = now().as_micros();
    store::update(tx, &template).await
}

fn split(messages: Vec<LocalizedMessage>, id: Uuid) -> Result<(LocalizedMessage, Vec<LocalizedMessage>)> {
    let (mut one, others): (Vec<_>, Vec<_>) = messages.into_iter().partition(|message| message.id == id);
    Ok((one.pop().ok_or_else(|| unknown_message(id))?, others))
}

async fn found(tx: &mut Transaction, id: Uuid) -> Result<Template> {
    store::get(&mut **tx, id).await?.ok_or_else(|| unknown(id))
}

type Shown<'a> = (&'a Template, Option<&'a LocalizedMessage>);

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    action: &str,
    before: Option<Shown<'_>>,
    after: Option<Shown<'_>>,
) -> Result<()> {
    let id = before
        .or(after)
        .map(|(template, _)| template.id.to_string())
        .unwrap_or_default();
    let (was, is) = (
        before.map(|(template, message)| Record::of(template, message)),
        after.map(|(template, message)| Record::of(template, message)),
    );
    let change = audit::Change {
        action,
        noun: "message template",
        id: &id,
        before: was.as_ref(),
        after: is.as_ref(),
    };
    audit::record(tx, &caller.actor, change).await
}

fn unknown(id: Uuid) -> Error {
    Error::not_found("message template", id)
}

fn unknown_message(id: Uuid) -> Error {
    Error::not_found("message", id)
}
