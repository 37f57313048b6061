use moat_model::{Connector, ConnectorId, PartnerState};
use sqlx::{Any, Executor};

use super::{Named, OWN};
use crate::{
    db::Transaction,
    error::{Error, Result},
};

/// Every connector, Moat's own first.
pub async fn all(executor: impl Executor<'_, Database = Any>) -> Result<Vec<Named>> {
    let query = "SELECT display_name, body, updated_at FROM connectors ORDER BY id";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(query).fetch_all(executor).await?;
    let mut all = rows.into_iter().map(named).collect::<Result<Vec<_>>>()?;
    match all.iter().position(|named| named.connector.id == OWN) {
        Some(at) => all[..=at].rotate_right(1),
        None => all.insert(0, own()),
    }
    Ok(all)
}

pub async fn get(executor: impl Executor<'_, Database = Any>, id: ConnectorId) -> Result<Option<Named>> {
    let query = "SELECT display_name, body, updated_at FROM connectors WHERE id = $1";
    let row = sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    let found = row.map(named).transpose()?;
    Ok(found.or_else(|| (id == OWN).then(own)))
}

pub async fn insert(tx: &mut Transaction, named: &Named) -> Result<()> {
    let query = "INSERT INTO connectors (id, display_name, body, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
                 ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name, body = excluded.body, \
                 updated_at = excluded.updated_at";
    let query = sqlx::query(query)
        .bind(named.connector.id.to_string())
        .bind(named.display_name.clone())
        .bind(serde_json::to_string(&named.connector).map_err(Error::internal)?)
        .bind(named.updated_at);
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Moat's own connector has a row from its first change on.
pub async fn update(tx: &mut Transaction, named: &Named) -> Result<()> {
    insert(tx, named).await
}

pub async fn delete(tx: &mut Transaction, id: ConnectorId) -> Result<()> {
    for sql in [
        "DELETE FROM partner_reports WHERE connector_id = $1",
        "DELETE FROM connectors WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

fn named((display_name, body, updated_at): (String, String, i64)) -> Result<Named> {
    let connector = serde_json::from_str(&body).map_err(Error::internal)?;
    Ok(Named {
        display_name,
        connector,
        updated_at,
    })
}

/// Moat's own, as it is before anybody changed it: set up, every use switched off.
fn own() -> Named {
    Named {
        display_name: "Moat".into(),
        connector: Connector {
            id: OWN,
            partner_state: PartnerState::Available,
            ..Connector::default()
        },
        updated_at: 0,
    }
}
