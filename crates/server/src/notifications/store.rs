use sqlx::{Any, Executor, FromRow};
use uuid::Uuid;

use super::{LocalizedMessage, Template, branding::Branding};
use crate::{
    app::now,
    db::{Db, Transaction},
    error::{Error, Result},
    odata::{Clause, Kind, Page, Property, Query, Table},
};

#[derive(FromRow)]
struct TemplateRow {
    id: String,
    display_name: String,
    description: Option<String>,
    default_locale: String,
    branding: String,
    updated_at: i64,
}

impl TemplateRow {
    fn read(self) -> Result<Template> {
        Ok(Template {
            id: self.id.parse().map_err(Error::internal)?,
            display_name: self.display_name,
            description: self.description,
            default_locale: self.default_locale,
            branding: Branding::parse(&self.branding)?,
            updated_at: self.updated_at,
        })
    }
}

#[derive(FromRow)]
struct MessageRow {
    id: String,
    locale: String,
    subject: String,
    message: String,
    is_default: i64,
    updated_at: i64,
}

impl MessageRow {
    fn read(self) -> Result<LocalizedMessage> {
        Ok(LocalizedMessage {
            id: self.id.parse().map_err(Error::internal)?,
            locale: self.locale,
            subject: self.subject,
            message: self.message,
            is_default: self.is_default != 0,
            updated_at: self.updated_at,
        })
    }
}

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: Kind::Text("t.id"),
    },
    Property {
        name: "displayName",
        kind: Kind::Text("t.display_name"),
    },
    Property {
        name: "description",
        kind: Kind::Text("t.description"),
    },
    Property {
        name: "defaultLocale",
        kind: Kind::Text("t.default_locale"),
    },
    Property {
        name: "lastModifiedDateTime",
        kind: Kind::Time("t.updated_at"),
    },
]);

pub async fn page(db: &Db, query: &Query) -> Result<Page<Template>> {
    let from = Clause::new("FROM message_templates t WHERE 1 = 1");
    let page = TABLE.page(db, "t.*", &from, query, "t.display_name, t.id").await?;
    page.try_map(TemplateRow::read)
}

pub async fn get(executor: impl Executor<'_, Database = Any>, id: Uuid) -> Result<Option<Template>> {
    let query = sqlx::query_as("SELECT * FROM message_templates WHERE id = $1").bind(id.to_string());
    let row: Option<TemplateRow> = query.fetch_optional(executor).await?;
    row.map(TemplateRow::read).transpose()
}

pub async fn insert(tx: &mut Transaction, template: &Template) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO message_templates (id, display_name, description, default_locale, branding, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    );
    let query = query
        .bind(template.id.to_string())
        .bind(template.display_name.clone())
        .bind(template.description.clone())
        .bind(template.default_locale.clone())
        .bind(template.branding.text())
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn update(tx: &mut Transaction, template: &Template) -> Result<()> {
    let query = sqlx::query(
        "UPDATE message_templates SET display_name = $1, description = $2, default_locale = $3, branding = $4, \
         updated_at = $5 WHERE id = $6",
    );
    let query = query
        .bind(template.display_name.clone())
        .bind(template.description.clone())
        .bind(template.default_locale.clone())
        .bind(template.branding.text())
        .bind(template.updated_at)
        .bind(template.id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: Uuid) -> Result<()> {
    for sql in [
        "DELETE FROM localized_messages WHERE template_id = $1",
        "DELETE FROM message_templates WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// A template's messages by locale.
pub async fn messages(executor: impl Executor<'_, Database = Any>, template: Uuid) -> Result<Vec<LocalizedMessage>> {
    let query = "SELECT id, locale, subject, message, is_default, updated_at FROM localized_messages \
                 WHERE template_id = $1 ORDER BY locale";
    let rows: Vec<MessageRow> = sqlx::query_as(query)
        .bind(template.to_string())
        .fetch_all(executor)
        .await?;
    rows.into_iter().map(MessageRow::read).collect()
}

/// Adds a message; [`set_default`] makes it the default.
pub async fn insert_message(tx: &mut Transaction, template: Uuid, message: &LocalizedMessage) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO localized_messages (id, template_id, locale, subject, message, is_default, updated_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6)",
    );
    let query = query
        .bind(message.id.to_string())
        .bind(template.to_string())
        .bind(message.locale.clone())
        .bind(message.subject.clone())
        .bind(message.message.clone())
        .bind(message.updated_at);
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Changes all of a message but whether it is the default.
pub async fn update_message(tx: &mut Transaction, message: &LocalizedMessage) -> Result<()> {
    let query = sqlx::query(
        "UPDATE localized_messages SET locale = $1, subject = $2, message = $3, updated_at = $4 WHERE id = $5",
    );
    let query = query
        .bind(message.locale.clone())
        .bind(message.subject.clone())
        .bind(message.message.clone())
        .bind(message.updated_at)
        .bind(message.id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_default(tx: &mut Transaction, template: Uuid, message: Uuid) -> Result<()> {
    // One after the other: there is never a moment with two.
    for sql in [
        "UPDATE localized_messages SET is_default = 0 WHERE template_id = $1 AND id <> $2",
        "UPDATE localized_messages SET is_default = 1 WHERE template_id = $1 AND id = $2",
    ] {
        let query = sqlx::query(sql).bind(template.to_string()).bind(message.to_string());
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn delete_message(tx: &mut Transaction, id: Uuid) -> Result<()> {
    let query = sqlx::query("DELETE FROM localized_messages WHERE id = $1").bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Names of the compliance policies whose actions name a template.
pub async fn policies_using(tx: &mut Transaction, id: Uuid) -> Result<Vec<String>> {
    let query =
        "SELECT display_name FROM policies WHERE kind = 'compliance' AND REPLACE(body, $1, '') <> body ORDER BY 1";
    Ok(sqlx::query_scalar(query)
        .bind(id.to_string())
        .fetch_all(&mut **tx)
        .await?)
}
