use moat_model::Timestamp;

use super::Last;
use crate::{
    db::{self, Db},
    error::{Error, Result},
};

/// The name under which the last backup is kept.
const LAST: &str = "last_backup";

pub async fn last(db: &Db) -> Result<Option<Last>> {
    let text = db::meta(db.read(), LAST).await?;
    text.map(|text| serde_json::from_str(&text).map_err(Error::internal))
        .transpose()
}

pub async fn set_last(db: &Db, last: &Last) -> Result<()> {
    let text = serde_json::to_string(last).map_err(Error::internal)?;
    let mut tx = db.begin().await?;
    db::set_meta(&mut tx, LAST, &text).await?;
    Ok(tx.commit().await?)
}

/// Since when somebody works with this server.
pub async fn first_administrator(db: &Db) -> Result<Option<Timestamp>> {
    let query = sqlx::query_scalar::<_, Option<i64>>("SELECT MIN(created_at) FROM administrators");
    Ok(query.fetch_one(db.read()).await?.map(Timestamp::from_micros))
}
