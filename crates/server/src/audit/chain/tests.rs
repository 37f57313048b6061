use super::*;
use crate::{Actor, audit};

async fn log(rows: i64) -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("moat.db")).await.unwrap();
    for n in 0..rows {
        write(&db, &n.to_string()).await;
    }
    (folder, db)
}

async fn write(db: &Db, id: &str) {
    let mut tx = db.begin().await.unwrap();
    let change = audit::Change {
        action: "update",
        noun: "thing",
        id,
        before: Some(&"old"),
        after: Some(&"new"),
    };
    audit::record(&mut tx, &Actor::System, change).await.unwrap();
    tx.commit().await.unwrap();
}

async fn change(db: &Db, sql: &str) {
    let mut tx = db.begin().await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(sql.to_string()))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn verdict(db: &Db) -> Verdict {
    verify(db, None).await.unwrap()
}

fn broken(verdict: &Verdict) -> (i64, Fault) {
    match verdict {
        Verdict::Broken { seq, fault, .. } => (*seq, *fault),
        intact @ Verdict::Intact { .. } => panic!("{intact:?}"),
    }
}

fn intact(verdict: &Verdict) -> (i64, i64) {
    match verdict {
        Verdict::Intact { rows, last, .. } => (*rows, *last),
        broken @ Verdict::Broken { .. } => panic!("{broken:?}"),
    }
}

#[tokio::test]
async fn what_was_only_written_is_intact() {
    let (_folder, db) = log(0).await;
    assert_eq!(intact(&verdict(&db).await), (0, 0));
    for n in 0..25 {
        write(&db, &n.to_string()).await;
    }
    assert_eq!(intact(&verdict(&db).await), (25, 25));
}

#[tokio::test]
async fn every_way_to_tamper_is_named_with_its_first_row() {
    for (sql, found) in [
        (
            "UPDATE audit SET after = '\"other\"' WHERE seq = 3",
            (3, Fault::Altered),
        ),
        ("UPDATE audit SET before = NULL WHERE seq = 3", (3, Fault::Altered)),
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 5", (5, Fault::Altered)),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", (1, Fault::Altered)),
        // The text of two columns together stays the same.
        (
            "UPDATE audit SET noun = 'thing1', noun_id = '' WHERE seq = 2",
            (2, Fault::Altered),
        ),
        ("DELETE FROM audit WHERE seq = 4", (4, Fault::Missing)),
        ("DELETE FROM audit WHERE seq = 1", (1, Fault::Missing)),
        ("DELETE FROM audit WHERE seq = 6", (6, Fault::Missing)),
        ("UPDATE audit SET seq = 7 - seq", (1, Fault::Altered)),
        (
            "INSERT INTO audit (id, at, actor, action, noun, noun_id) VALUES ('x', 1, 'a', 'a', 'a', 'a')",
            (0, Fault::Foreign),
        ),
        (
            "INSERT INTO audit (id, at, actor, action, noun, noun_id, seq, hash) SELECT 'x', at, actor, action, noun, noun_id, \
             seq, hash FROM audit WHERE seq = 2",
            (2, Fault::Foreign),
        ),
        // The head goes back with the rows: only the hash of a later row, noted elsewhere, shows that.
        (
            "UPDATE audit_chain SET seq = 5 WHERE name = 'head'",
            (6, Fault::Foreign),
        ),
        (
            "UPDATE audit_chain SET seq = 2 WHERE name = 'anchor'",
            (1, Fault::Foreign),
        ),
    ] {
        let (_folder, db) = log(6).await;
        change(&db, sql).await;
        assert_eq!(broken(&verdict(&db).await), found, "{sql}");
    }
}

#[tokio::test]
async fn a_log_that_is_written_anew_does_not_have_the_noted_hash() {
    let (_folder, db) = log(6).await;
    let Verdict::Intact { last, hash, .. } = verdict(&db).await else {
        panic!("broken");
    };
    let known = (last, hash);
    write(&db, "later").await;
    assert!(matches!(
        verify(&db, Some(&known)).await.unwrap(),
        Verdict::Intact { rows: 7, .. }
    ));
    // Everything from row 3 on, as somebody would who knows how.
    change(&db, "UPDATE audit SET actor = 'nobody' WHERE seq = 3").await;
    change(&db, "UPDATE audit SET hash = '', seq = 0").await;
    change(
        &db,
        "UPDATE audit_chain SET seq = 0, hash = (SELECT hash FROM audit_chain WHERE name = 'anchor')",
    )
    .await;
    adopt(&db).await.unwrap();
    assert_eq!(intact(&verdict(&db).await), (7, 7));
    assert_eq!(broken(&verify(&db, Some(&known)).await.unwrap()), (6, Fault::Rewritten));
    assert!(verify(&db, Some(&(8, String::new()))).await.is_err());
}

#[tokio::test]
async fn rows_from_before_the_chain_are_chained_once() {
    let (_folder, db) = log(0).await;
    for n in 1..=2_005 {
        let sql =
            format!("INSERT INTO audit (id, at, actor, action, noun, noun_id) VALUES ('{n}', {n}, 'a', 'a', 'a', 'a')");
        change(&db, &sql).await;
    }
    assert_eq!(broken(&verdict(&db).await), (0, Fault::Foreign));
    adopt(&db).await.unwrap();
    write(&db, "after").await;
    assert_eq!(intact(&verdict(&db).await), (2_006, 2_006));
    change(
        &db,
        "INSERT INTO audit (id, at, actor, action, noun, noun_id) VALUES ('x', 1, 'a', 'a', 'a', 'a')",
    )
    .await;
    adopt(&db).await.unwrap();
    assert_eq!(
        broken(&verdict(&db).await),
        (0, Fault::Foreign),
        "a start launders nothing"
    );
}

#[tokio::test]
async fn what_is_too_old_goes_and_the_rest_can_still_be_checked() {
    let (_folder, db) = log(9).await;
    let times: Vec<(i64, i64)> = sqlx::query_as("SELECT seq, at FROM audit ORDER BY seq")
        .fetch_all(db.read())
        .await
        .unwrap();
    let oldest = times[5].1;
    assert_eq!(purge(&db, oldest, 2).await.unwrap(), 2);
    let gone = purge(&db, oldest, 100).await.unwrap();
    assert!(gone <= 3);
    let left = 9 - 2 - i64::try_from(gone).unwrap();
    assert_eq!(intact(&verdict(&db).await), (left, 9));
    assert_eq!(purge(&db, oldest, 100).await.unwrap(), 0);
    change(
        &db,
        "UPDATE audit SET actor = 'nobody' WHERE seq = (SELECT MIN(seq) FROM audit)",
    )
    .await;
    assert_eq!(
        broken(&verdict(&db).await).1,
        Fault::Altered,
        "the first that is left too"
    );
    assert_eq!(purge(&db, i64::MAX, 100).await.unwrap(), left.unsigned_abs());
    assert_eq!(intact(&verdict(&db).await), (0, 9));
    write(&db, "after").await;
    assert_eq!(intact(&verdict(&db).await), (1, 10));
    assert!(verify(&db, Some(&(3, String::new()))).await.is_err(), "it was deleted");
}
