//! Feeds: fetched over real TLS, checked, and on devices behind the indicators.

use std::{path::PathBuf, time::Duration};

use http::Method;
use moat_indicators::{Bundle, IndicatorSet, Match, Tier, feed_of};
use moat_model::Action;
use moat_server::Role;
use serde_json::{Value, json};

use crate::{
    feeds_server::Lists,
    world::{Device, World},
};

pub async fn world(lists: &Lists) -> World {
    let ca_file = lists.ca_file();
    World::with(|config| {
        config.feeds.allow_internal_addresses = true;
        config.feeds.ca_file = Some(ca_file);
    })
    .await
}

/// A feed once nothing of it is on its way any more.
pub async fn settled(world: &World, id: &str) -> Value {
    let path = format!("/admin/feeds/{id}");
    loop {
        let feed = world.local(Method::GET, &path, Value::Null).await;
        if feed["state"] != "fetching" {
            return feed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn add(world: &World, new: Value) -> Value {
    let feed = world.local(Method::POST, "/admin/feeds", new).await;
    settled(world, feed["id"].as_str().unwrap()).await
}

async fn refresh(world: &World, id: &str) -> Value {
    world
        .local(Method::POST, &format!("/admin/feeds/{id}/refresh"), Value::Null)
        .await;
    settled(world, id).await
}

pub async fn switch(world: &World, id: &str, what: &str) {
    world
        .local(Method::POST, &format!("/admin/feeds/{id}/{what}"), Value::Null)
        .await;
}

async fn indicators(world: &World, device: &Device) -> IndicatorSet {
    let bundle = device.bytes("/device/v1/bundle").await;
    let key = world.app.keys.bundle.verifying_key();
    Bundle::open(bundle, &key).unwrap().indicators().clone()
}

fn now() -> moat_model::Timestamp {
    moat_model::Timestamp::from_micros(1_764_000_000_000_000)
}

async fn lookup(world: &World, device: &Device, host: &str) -> Option<Match> {
    indicators(world, device).await.lookup_host(host, now())
}

async fn indicator(world: &World, value: &str, action: &str) -> Value {
    let client = world
        .client(&format!("{value} {action}"), &[Role::TiReadWriteAll])
        .await;
    let body = json!({"indicatorValue": value, "indicatorType": "DomainName", "action": action, "title": "t", "description": "d"});
    client.post("/api/indicators", body).await.body
}

#[tokio::test]
async fn a_feed_is_fetched_checked_switched_on_and_decides_behind_indicators() {
    let lists = Lists::start().await;
    let world = world(&lists).await;
    let device = world.device("phone", "").await;
    lists.put_tagged(
        "/list.txt",
        "\"1\"",
        "# bad names\nevil.example\ngoogle.com\nco.uk\nnot a name\nads.partner.example\n",
    );
    indicator(&world, "partner.example", "Allowed").await;
    let feed = add(
        &world,
        json!({"name": "Bad names", "url": lists.url("/list.txt"), "severity": "High"}),
    )
    .await;
    let id = feed["id"].as_str().unwrap();
    assert_eq!(
        (&feed["state"], &feed["entries"], &feed["format"]),
        (&json!("disabled"), &json!(3), &json!("domains"))
    );
    let report = &feed["report"];
    assert_eq!(
        report["check"]["knownGood"],
        json!({"count": 1, "first": ["google.com"]})
    );
    assert_eq!(
        report["check"]["allowed"],
        json!({"count": 1, "first": ["ads.partner.example"]})
    );
    assert_eq!(
        (&report["check"]["new"], &report["found"]["tooBroad"]["count"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(report["found"]["unreadable"]["count"], 1);
    assert!(lookup(&world, &device, "evil.example").await.is_none(), "off");

    switch(&world, id, "enable").await;
    let found = lookup(&world, &device, "www.evil.example").await.unwrap();
    assert_eq!(
        (found.tier, found.title.as_str(), found.value.as_str()),
        (Tier::Feed, "Bad names", "evil.example")
    );
    let partner = lookup(&world, &device, "ads.partner.example").await.unwrap();
    assert_eq!((partner.tier, partner.action), (Tier::Own, Action::Allowed));

    // A hit is the feed's.
    device.hits(1, found.id.0, "www.evil.example", "192.0.2.9").await;
    let analyst = world.client("analyst", &[Role::AlertReadAll]).await;
    let alert = analyst.get("/api/alerts").await.body["value"][0].clone();
    assert_eq!(
        (&alert["title"], &alert["severity"]),
        (&json!("Site on the feed Bad names"), &json!("High"))
    );
    assert!(
        alert["description"]
            .as_str()
            .unwrap()
            .contains("matched by feed Bad names"),
        "{alert}"
    );
    assert_eq!(settled(&world, id).await["hits"], 1);

    // Nothing new at the source: it is asked with the tag, and devices hear nothing.
    let revision = *world.app.hub.revision().borrow();
    let feed = refresh(&world, id).await;
    assert_eq!((&feed["state"], &feed["entries"]), (&json!("enabled"), &json!(3)));
    assert_eq!(lists.asked("/list.txt"), [None, Some("\"1\"".to_string())]);
    assert_eq!(*world.app.hub.revision().borrow(), revision);

    // Something new: entries keep their numbers.
    lists.put_tagged("/list.txt", "\"2\"", "new.example\nevil.example\n");
    assert_eq!(refresh(&world, id).await["entries"], 2);
    assert!(*world.app.hub.revision().borrow() > revision);
    assert_eq!(lookup(&world, &device, "evil.example").await.unwrap().id, found.id);
    assert!(lookup(&world, &device, "new.example").await.is_some());
    assert!(lookup(&world, &device, "google.com").await.is_none());

    switch(&world, id, "disable").await;
    assert!(lookup(&world, &device, "evil.example").await.is_none());
    world
        .local(Method::DELETE, &format!("/admin/feeds/{id}"), Value::Null)
        .await;
    let again = add(&world, json!({"name": "Bad names", "url": lists.url("/list.txt")})).await;
    assert_ne!(again["id"], id, "numbers are not given again");
}

#[tokio::test]
async fn what_cannot_be_fetched_leaves_the_last_entries_in_force_and_says_so() {
    let lists = Lists::start().await;
    let world = world(&lists).await;
    let device = world.device("phone", "").await;
    lists.put("/list", "evil.example\n");
    let feed = add(&world, json!({"name": "List", "url": lists.url("/list")})).await;
    let id = feed["id"].as_str().unwrap();
    switch(&world, id, "enable").await;
    let page = "<!doctype html>\n<title>Sign in</title>\n<p>Who are you?\n<p>Sign in\n";
    let far = "https://localhost:1/x".to_string();
    let plain = lists.url("/list").replace("https", "http");
    for (status, headers, body, why) in [
        (503, vec![], "", "the server answered 503"),
        (200, vec![], page, "it does not look like a list"),
        (200, vec![], "", "it has no entries"),
        (302, vec![("location", plain)], "", "only https is"),
        (302, vec![("location", lists.url("/list"))], "", "too many redirections"),
        (302, vec![("location", far)], "", ""),
    ] {
        lists.answer_with("/list", status, headers, body.as_bytes());
        let feed = refresh(&world, id).await;
        assert_eq!(
            (&feed["state"], &feed["entries"]),
            (&json!("failing"), &json!(1)),
            "{feed}"
        );
        assert!(feed["error"].as_str().unwrap().contains(why), "{why}: {feed}");
        assert!(feed["failedSince"].is_string());
        assert!(lookup(&world, &device, "evil.example").await.is_some());
    }
    lists.answer_with("/list", 302, vec![("location", lists.url("/moved"))], b"");
    lists.put("/moved", "bad.example\n");
    let feed = refresh(&world, id).await;
    assert_eq!((&feed["state"], &feed["error"]), (&json!("enabled"), &Value::Null));
    assert!(lookup(&world, &device, "bad.example").await.is_some());
}

#[tokio::test]
async fn internal_addresses_are_asked_only_where_the_configuration_says_so() {
    let lists = Lists::start().await;
    lists.put("/list", "evil.example\n");
    let (ca_file, by_address) = (lists.ca_file(), lists.url("/list").replace("localhost", "127.0.0.1"));
    let world = World::with(|config| config.feeds.ca_file = Some(ca_file)).await;
    for (name, url) in [("by name", lists.url("/list")), ("by address", by_address)] {
        let feed = add(&world, json!({"name": name, "url": url})).await;
        assert_eq!(feed["state"], "failing", "{feed}");
        assert!(feed["error"].as_str().unwrap().contains("internal network"), "{feed}");
    }
    assert!(lists.asked("/list").is_empty());
    // A certificate that no known authority issued.
    let stranger = World::with(|config| config.feeds.allow_internal_addresses = true).await;
    let feed = add(&stranger, json!({"name": "List", "url": lists.url("/list")})).await;
    assert!(feed["error"].as_str().unwrap().contains("certificate"), "{feed}");
    assert!(lists.asked("/list").is_empty());
}

#[tokio::test]
async fn uploads_replace_the_entries_or_change_nothing() {
    let world = World::start().await;
    let client = world.client("client", &[Role::TiReadWriteAll]).await;
    let feed = client
        .post("/admin/feeds", json!({"name": "Own", "action": "Warn"}))
        .await;
    assert_eq!(
        (feed.status.as_u16(), &feed.body["state"]),
        (201, &json!("empty")),
        "{}",
        feed.text
    );
    let path = format!("/admin/feeds/{}", feed.body["id"].as_str().unwrap());
    let enabled = client.post(&format!("{path}/enable"), Value::Null).await;
    assert_eq!(enabled.status, 409, "without entries");
    let content = format!("{path}/content");
    let upload = async |body: &str| client.raw(Method::PUT, &content, "text/plain", body).await;
    let uploaded = upload("||evil.example^\n@@||ok.evil.example^\n").await;
    assert_eq!(
        (&uploaded.body["entries"], &uploaded.body["format"]),
        (&json!(1), &json!("adblock"))
    );
    let refused = upload("\u{1}\n\u{2}\n").await;
    assert_eq!(refused.outcome(), "400 InvalidInput");
    assert!(
        refused.message().contains("does not look like a list"),
        "{}",
        refused.text
    );
    assert_eq!(client.get(&path).await.body["entries"], 1);
    assert_eq!(client.post(&format!("{path}/refresh"), Value::Null).await.status, 409);

    // Two feeds with the same entry: each counts what the other has too.
    let other = client.post("/admin/feeds", json!({"name": "Other"})).await;
    let other = format!("/admin/feeds/{}", other.body["id"].as_str().unwrap());
    let body = "evil.example\nbad.example\n";
    let uploaded = client
        .raw(Method::PUT, &format!("{other}/content"), "text/plain", body)
        .await;
    assert_eq!(uploaded.body["report"]["check"]["shared"], json!([["Own", 1]]));
    assert_eq!(uploaded.body["report"]["check"]["new"], 1);
}

#[tokio::test]
async fn wrong_feeds_are_refused_by_field_and_readers_change_nothing() {
    let world = World::start().await;
    let client = world.client("client", &[Role::TiReadWriteAll]).await;
    let good = json!({"name": "List", "url": "https://lists.example/x"});
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    for (body, message) in [
        (with("name", json!(" ")), "name must have"),
        (with("name", json!("x".repeat(101))), "name must have"),
        (
            with("url", json!("http://lists.example/x")),
            "url must be an address that begins with https://",
        ),
        (with("url", json!("https://user:secret@lists.example/x")), "url must be"),
        (with("url", json!("lists.example")), "url must be"),
        (with("action", json!("Allowed")), "action must be Block, Warn or Audit"),
        (with("intervalHours", json!(0)), "intervalHours must be 1 to 720"),
    ] {
        let answer = client.post("/admin/feeds", body).await;
        assert_eq!(answer.outcome(), "400 InvalidInput", "{}", answer.text);
        assert!(answer.message().starts_with(message), "{}", answer.text);
    }
    let made = client.post("/admin/feeds", good.clone()).await;
    assert_eq!(made.status, 201);
    let twice = client.post("/admin/feeds", with("name", json!("LIST"))).await;
    assert_eq!(twice.message(), "name: another feed has this name");
    let path = format!("/admin/feeds/{}", made.body["id"].as_str().unwrap());
    assert_eq!(client.get("/admin/feeds/77").await.status, 404);
    let reader = world.client("reader", &[Role::TiReadAll]).await;
    assert_eq!(
        reader.get("/admin/feeds").await.body["value"].as_array().unwrap().len(),
        1
    );
    assert_eq!(reader.post("/admin/feeds", with("name", json!("b"))).await.status, 403);
    assert_eq!(reader.post(&format!("{path}/refresh"), Value::Null).await.status, 403);
    assert_eq!(reader.call(Method::DELETE, &path, None).await.status, 403);
    let content = reader
        .raw(Method::PUT, &format!("{path}/content"), "text/plain", "a.example")
        .await;
    assert_eq!(content.status, 403);
    let nobody = world.client("nobody", &[Role::AlertReadAll]).await;
    assert_eq!(nobody.get("/admin/feeds").await.status, 403);
    let row = world.local(Method::GET, "/admin/audit?noun=feed", Value::Null).await;
    assert!(row.to_string().contains("https://lists.example/x"), "{row}");
}

#[tokio::test]
async fn protected_names_are_blocked_by_no_indicator_and_no_feed() {
    let lists = Lists::start().await;
    let ca_file: PathBuf = lists.ca_file();
    let world = World::with(|config| {
        config.feeds.allow_internal_addresses = true;
        config.feeds.ca_file = Some(ca_file);
        config.public_url = Some("https://moat.corp.example".into());
    })
    .await;
    let device = world.device("phone", "").await;
    let names = json!({"protectedNames": ["portal.own.example", "192.0.2.0/28"]});
    let set = world.local(Method::PUT, "/admin/protected-names", names).await;
    assert_eq!(set["own"], json!(["moat.corp.example"]));

    let client = world.client("client", &[Role::TiReadWriteAll]).await;
    let new = |kind: &str, value: &str, action: &str| json!({"indicatorValue": value, "indicatorType": kind, "action": action, "title": "t", "description": "d"});
    for (kind, value) in [
        ("DomainName", "own.example"),
        ("DomainName", "www.portal.own.example"),
        ("DomainName", "corp.example"),
        ("Url", "https://portal.own.example/login"),
        ("IpAddress", "192.0.2.0/24"),
    ] {
        let answer = client.post("/api/indicators", new(kind, value, "Block")).await;
        assert_eq!(answer.outcome(), "400 InvalidInput", "{value}");
        assert!(answer.message().contains("is protected"), "{}", answer.text);
    }
    let imported = client.post(
        "/api/indicators/import",
        json!({"Indicators": [new("DomainName", "own.example", "Warn"), new("DomainName", "b.example", "Warn")]}),
    );
    let imported = imported.await.body;
    let failed: Vec<_> = imported["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["isFailed"].clone())
        .collect();
    assert_eq!(failed, [true, false], "{imported}");
    assert_eq!(
        client
            .post("/api/indicators", new("DomainName", "own.example", "Audit"))
            .await
            .status,
        200
    );

    // What is blocked already cannot become protected unnoticed.
    let administrator = world.client("administrator", &[Role::MoatAdministrate]).await;
    let names = json!({"protectedNames": ["www.b.example"]});
    let refused = administrator
        .call(Method::PUT, "/admin/protected-names", Some(names))
        .await;
    assert!(
        refused
            .message()
            .contains("(b.example) blocks or warns about www.b.example"),
        "{}",
        refused.text
    );

    lists.put("/list", "moat.corp.example\nown.example\nevil.example\n192.0.2.5\n");
    let feed = add(&world, json!({"name": "List", "url": lists.url("/list")})).await;
    let protected = &feed["report"]["check"]["protected"];
    assert_eq!(
        (&feed["entries"], &protected["count"]),
        (&json!(4), &json!(3)),
        "{feed}"
    );
    switch(&world, feed["id"].as_str().unwrap(), "enable").await;
    let set = indicators(&world, &device).await;
    assert_eq!(set.feed_entries(), 1);
    assert!(set.lookup_host("evil.example", now()).is_some());
    // And what is protected later leaves devices at once.
    let names = json!({"protectedNames": ["evil.example"]});
    world.local(Method::PUT, "/admin/protected-names", names).await;
    assert!(lookup(&world, &device, "evil.example").await.is_none());
    assert!(
        lookup(&world, &device, "portal.own.example")
            .await
            .is_some_and(|m| m.tier == Tier::Own)
    );
}

#[tokio::test]
async fn a_change_of_indicators_does_not_compile_feeds_again() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let feed = world.local(Method::POST, "/admin/feeds", json!({"name": "Own"})).await;
    let id = feed["id"].as_str().unwrap();
    let client = world.client("client", &[Role::TiReadWriteAll]).await;
    let content = format!("/admin/feeds/{id}/content");
    client.raw(Method::PUT, &content, "text/plain", "evil.example\n").await;
    switch(&world, id, "enable").await;
    assert!(lookup(&world, &device, "evil.example").await.is_some());
    // With its file gone it could not be compiled a second time.
    let folder = world.app.data.path();
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|e| e == "gz")).unwrap();
    std::fs::remove_file(file).unwrap();
    indicator(&world, "bad.example", "Block").await;
    let set = indicators(&world, &device).await;
    let found = set.lookup_host("evil.example", now()).unwrap();
    assert_eq!(feed_of(found.id).map(|n| n.to_string()).as_deref(), Some(id));
    assert_eq!(set.lookup_host("bad.example", now()).unwrap().tier, Tier::Own);
}
