//! The page of backups: what it gives, and to whom.

use http::Method;
use moat_server::backup;
use serde_json::{Value, json};

use crate::{
    console::{Browser, PASSWORD, wrong},
    world::World,
};

const PAGE: &str = "/settings/backup";

#[tokio::test]
async fn a_download_is_whole_encrypted_and_in_the_log() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    assert!(browser.get(PAGE).await.text.contains("None was made yet"));
    for (fields, input) in [
        ("passphrase=short&again=short", "backup-passphrase"),
        ("passphrase=correct horse&again=battery staple", "backup-again"),
    ] {
        let refused = browser.post(PAGE, fields).await;
        assert_eq!(wrong(&refused), [input]);
        assert!(
            !refused.text.contains("correct horse"),
            "a passphrase is not shown again"
        );
    }
    let form = "passphrase=correct horse battery&again=correct horse battery";
    let made = browser.post(PAGE, form).await;
    let name = made.headers["content-disposition"].to_str().unwrap();
    assert!(
        name.starts_with("attachment; filename=\"moat-") && name.ends_with(".backup\""),
        "{name}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b");
    std::fs::write(&file, &made.bytes).unwrap();
    let manifest = backup::check(&file, Some("correct horse battery")).unwrap();
    assert_eq!(manifest.tenant, world.app.tenant);
    assert!(backup::check(&file, None).is_err() && backup::check(&file, Some("another horse battery")).is_err());

    let page = browser.get(PAGE).await.text;
    assert!(
        page.contains("with a passphrase") && page.contains("administrator ana"),
        "{page}"
    );
    let row = world.local(Method::GET, "/admin/audit?top=1", Value::Null).await["value"][0].clone();
    assert_eq!(
        (&row["action"], &row["noun"], &row["nounId"], &row["after"]),
        (
            &json!("create"),
            &json!("backup"),
            &json!(manifest.id),
            &json!({"encrypted": true})
        )
    );
    assert_eq!(browser.post(PAGE, form).await.status, 200, "the place is free again");
}

#[tokio::test]
async fn a_restored_download_has_its_own_backup_in_the_log_and_nobody_signed_in() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let made = browser
        .post(PAGE, "passphrase=correct horse battery&again=correct horse battery")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("b"), folder.path().join("data"));
    std::fs::write(&file, &made.bytes).unwrap();
    let manifest = backup::restore(&file, Some("correct horse battery"), &data, 0)
        .await
        .unwrap();
    let app = moat_server::App::open(
        moat_server::DataFolder::open(&data).unwrap(),
        moat_server::Config::default(),
    );
    let app = app.await.unwrap();
    let sessions: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions")
        .fetch_one(app.db.read())
        .await
        .unwrap();
    assert_eq!(sessions, 0);
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM audit WHERE noun = 'backup' AND noun_id = $1")
        .bind(manifest.id)
        .fetch_one(app.db.read())
        .await
        .unwrap();
    assert_eq!(rows, 2, "it was made, and it was restored");
    app.close().await;
}

#[tokio::test]
async fn a_week_without_a_backup_deserves_a_look_and_only_global_administrators_make_one() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let says = async |text: &str| {
        let mut found = Vec::new();
        for page in ["/", "/settings/health", PAGE] {
            found.push(browser.get(page).await.text.contains(text));
        }
        found
    };
    assert_eq!(says("No backup was ever made").await, [false; 3], "the first week");
    let week = 8 * 86_400_000_000_i64;
    let mut tx = world.app.db.begin().await.unwrap();
    sqlx::query("UPDATE administrators SET created_at = created_at - $1")
        .bind(week)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(says("No backup was ever made").await, [true; 3]);
    let form = "passphrase=correct horse battery&again=correct horse battery";
    assert_eq!(browser.post(PAGE, form).await.status, 200);
    assert_eq!(says("No backup was ever made").await, [false; 3]);
    assert_eq!(says("The last backup is").await, [false; 3]);
    let mut tx = world.app.db.begin().await.unwrap();
    let meta: String = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'last_backup'")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let mut last: Value = serde_json::from_str(&meta).unwrap();
    last["at"] = json!(last["at"].as_i64().unwrap() - week);
    sqlx::query("UPDATE meta SET value = $1 WHERE name = 'last_backup'")
        .bind(last.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(says("The last backup is 8 days old").await, [true; 3]);

    for role in ["Security operator", "Security reader", "Helpdesk"] {
        let name = role.replace(' ', "");
        let new = json!({"name": name, "password": PASSWORD, "role": role});
        world.local(Method::POST, "/admin/administrators", new).await;
        let other = Browser::of(&world, &name).await;
        assert_eq!(other.get(PAGE).await.status, 403, "{role}");
        assert_eq!(other.post(PAGE, form).await.status, 403, "{role}");
        assert!(!other.get("/").await.text.contains("The last backup is"), "{role}");
    }
    let client = world.client("admin", &[moat_server::Role::MoatAdministrate]).await;
    assert_eq!(
        client.post("/admin/backup", json!({})).await.status,
        404,
        "keys do not leave by the network's API"
    );
}
