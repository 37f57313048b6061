//! The chain of the audit log. Whoever alters, deletes or slips in a row without writing all later ones anew is found out;
//! whoever writes all of them anew is found out by a hash that somebody noted elsewhere.

use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};

use super::store::{self, AuditRow};
use crate::{
    db::{Db, Transaction},
    error::{Error, Result},
};

/// Rows that are chained at once at the first start.
const AT_ONCE: i64 = 1_000;

/// What a check of the chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// `rows` rows up to the number `last`, whose hash is `hash`.
    Intact { rows: i64, last: i64, hash: String },
    /// The first row that is wrong; none has an id where one is missing.
    Broken { seq: i64, id: Option<String>, fault: Fault },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A number is left out.
    Missing,
    /// Its content does not fit its hash.
    Altered,
    /// It has no place in the chain, or one that is taken.
    Foreign,
    /// It does not have the hash that somebody noted.
    Rewritten,
}

impl Fault {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "it is missing",
            Self::Altered => "what it says does not fit its hash",
            Self::Foreign => "it was not written by the server: it has no place in the chain",
            Self::Rewritten => "its hash is not the one that was noted: the log was written anew",
        }
    }
}

/// Adds rows to the end of the chain.
pub async fn append(tx: &mut Transaction, mut rows: Vec<AuditRow>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut seq, mut hash) = store::lock_head(tx).await?;
    for row in &mut rows {
        seq += 1;
        hash = place(row, seq, &hash)?;
    }
    store::insert(tx, &rows).await?;
    store::set_end(tx, "head", seq, &hash).await
}

/// Chains the rows of a log that has no chain yet.
pub async fn adopt(db: &Db) -> Result<()> {
    let mut tx = db.begin().await?;
    let (mut seq, mut hash) = store::lock_head(&mut tx).await?;
    // Once there is a chain, a row outside it is not the server's.
    if seq > 0 {
        return Ok(());
    }
    loop {
        let mut rows = store::unchained(&mut tx, AT_ONCE).await?;
        if rows.is_empty() {
            break;
        }
        for row in &mut rows {
            seq += 1;
            hash = place(row, seq, &hash)?;
            store::set_place(&mut tx, row).await?;
        }
    }
    store::set_end(&mut tx, "head", seq, &hash).await?;
    Ok(tx.commit().await?)
}

/// Deletes up to `most` rows from the start of the chain that are older than `oldest`, and keeps the hash of the last of
/// them; gives how many.
pub async fn purge(db: &Db, oldest: i64, most: i64) -> Result<u64> {
    let mut tx = db.begin().await?;
    let (anchor, _) = store::end(&mut tx, "anchor").await?;
    let first = store::first(&mut tx, anchor, 1).await?;
    if first.iter().all(|(.., at)| *at >= oldest) {
        return Ok(0);
    }
    let rows = store::first(&mut tx, anchor, most).await?;
    let Some((seq, hash, _)) = rows.into_iter().take_while(|(.., at)| *at < oldest).last() else {
        return Ok(0);
    };
    let deleted = store::delete_up_to(&mut tx, seq).await?;
    store::set_end(&mut tx, "anchor", seq, &hash).await?;
    tx.commit().await?;
    Ok(deleted)
}

/// Checks every row, in one view of the database. `known` is a number with the hash that somebody noted for it.
pub async fn verify(db: &Db, known: Option<&(i64, String)>) -> Result<Verdict> {
    let mut tx = db.read().begin().await?;
    let (anchor, start) = store::end(&mut tx, "anchor").await?;
    let (last, newest) = store::end(&mut tx, "head").await?;
    check_known(known, anchor, last)?;
    let mut walk = Walk {
        anchor,
        next: anchor + 1,
        hash: start,
        known,
    };
    if let Some(fault) = walk.noted(anchor) {
        return Ok(fault);
    }
    let mut rows = sqlx::query_as::<_, AuditRow>(store::IN_ORDER).fetch(&mut *tx);
    while let Some(row) = rows.try_next().await? {
        if let Some(broken) = walk.step(&row)? {
            return Ok(broken);
        }
    }
    if walk.next <= last {
        return Ok(Verdict::Broken {
            seq: walk.next,
            id: None,
            fault: Fault::Missing,
        });
    }
    if walk.next > last + 1 || walk.hash != newest {
        return Ok(Verdict::Broken {
            seq: last + 1,
            id: None,
            fault: Fault::Foreign,
        });
    }
    Ok(Verdict::Intact {
        rows: last - anchor,
        last,
        hash: newest,
    })
}

fn check_known(known: Option<&(i64, String)>, anchor: i64, last: i64) -> Result<()> {
    match known {
        Some((seq, _)) if *seq < anchor => {
            let text = format!("known: row {seq} is too old and was deleted; rows from {anchor} on can be compared");
            Err(Error::invalid("InvalidInput", text))
        }
        Some((seq, _)) if *seq > last => {
            let text = format!("known: there is no row {seq}; the newest is {last}");
            Err(Error::invalid("InvalidInput", text))
        }
        _ => Ok(()),
    }
}

/// How far a check has come.
struct Walk<'a> {
    anchor: i64,
    /// The number that must come now.
    next: i64,
    /// The hash of the row before it.
    hash: String,
    known: Option<&'a (i64, String)>,
}

impl Walk<'_> {
    /// What is wrong with the next row.
    fn step(&mut self, row: &AuditRow) -> Result<Option<Verdict>> {
        let broken = |fault| Verdict::Broken {
            seq: row.seq,
            id: Some(row.id.clone()),
            fault,
        };
        if row.seq <= self.anchor || row.seq < self.next {
            return Ok(Some(broken(Fault::Foreign)));
        }
        if row.seq > self.next {
            return Ok(Some(Verdict::Broken {
                seq: self.next,
                id: None,
                fault: Fault::Missing,
            }));
        }
        if link(&self.hash, row)? != row.hash {
            return Ok(Some(broken(Fault::Altered)));
        }
        self.hash.clone_from(&row.hash);
        self.next += 1;
        Ok(self.noted(row.seq))
    }

    /// Whether the row with this number, whose hash is the walk's, has another one than was noted.
    fn noted(&self, seq: i64) -> Option<Verdict> {
        let (known, hash) = self.known?;
        (*known == seq && !hash.eq_ignore_ascii_case(&self.hash)).then_some(Verdict::Broken {
            seq,
            id: None,
            fault: Fault::Rewritten,
        })
    }
}

/// Gives a row its place; gives its hash.
fn place(row: &mut AuditRow, seq: i64, before: &str) -> Result<String> {
    row.seq = seq;
    row.hash = link(before, row)?;
    Ok(row.hash.clone())
}

/// SHA-256 of the hash before, a line feed, and the row as a JSON array without spaces.
fn link(before: &str, row: &AuditRow) -> Result<String> {
    let content = (
        row.seq,
        &row.id,
        row.at,
        &row.actor,
        &row.action,
        &row.noun,
        &row.noun_id,
        &row.before,
        &row.after,
    );
    let content = serde_json::to_string(&content).map_err(Error::internal)?;
    Ok(hex::encode(Sha256::digest(format!("{before}\n{content}"))))
}

#[cfg(test)]
mod tests;
