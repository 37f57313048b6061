//! The pages of feeds, and what the set-up and settings say of protected names.

use http::Method;
use serde_json::{Value, json};

use crate::{
    console::{Browser, PASSWORD, wrong},
    feeds::{settled, switch, world},
    feeds_server::Lists,
    world::World,
};

fn location(answer: &crate::world::Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap()
}

#[tokio::test]
async fn a_list_is_added_by_its_address_looked_at_and_switched_on() {
    let lists = Lists::start().await;
    let world = world(&lists).await;
    let browser = Browser::start(&world).await;
    let empty = browser.get("/feeds").await.text;
    assert!(empty.contains("No feeds yet") && empty.contains("phishing-domains-ACTIVE.txt"));
    lists.put("/list", "0.0.0.0 evil.example\n0.0.0.0 google.com\n");
    let url = lists.url("/list");
    let form = format!("name=Bad+names&url={url}&action=Warn&severity=High&intervalHours=6&generateAlert=on&file=");
    let page = location(&browser.post("/feeds", &form).await).to_string();
    let id = page.strip_prefix("/feeds/").unwrap();
    settled(&world, id).await;
    let shown = browser.get(&page).await.text;
    for text in [
        "Known-good report",
        "Well-known names: 1",
        "google.com",
        "hosts file",
        "Switch on for all devices",
    ] {
        assert!(shown.contains(text), "{text}");
    }
    assert_eq!(location(&browser.post(&format!("{page}/enable"), "").await), page);
    assert_eq!(
        location(&browser.post(&format!("{page}/enable"), "").await),
        page,
        "twice is once"
    );
    let table = browser.get("/feeds").await.text;
    assert!(table.contains("Bad names") && table.contains("✓ on"), "{table}");
    let explained = browser.get("/indicators?explain=evil.example").await.text;
    assert!(
        explained.contains("Feed Bad names (evil.example) decides, Warn"),
        "{explained}"
    );
    assert!(explained.contains(&format!("href=\"{page}\"")));

    lists.answer_with("/list", 500, vec![], b"");
    browser.post(&format!("{page}/refresh"), "").await;
    settled(&world, id).await;
    let shown = browser.get(&page).await.text;
    assert!(shown.contains("The last refresh failed") && shown.contains("The last good entries stay in force"));
    assert!(browser.get("/").await.text.contains("1 feed could not be refreshed"));
    assert!(
        browser
            .get("/settings/health")
            .await
            .text
            .contains("The feed Bad names could not be refreshed")
    );

    let status = world.local(Method::GET, "/admin/status", Value::Null).await;
    assert_eq!(status["failingFeeds"], 1);

    let stale = "name=Other&url=https://a.example/x&action=Block&severity=Low&intervalHours=24&version=1";
    let clash = browser.post(&page, stale).await;
    assert!(clash.text.contains("Somebody else changed this"), "{}", clash.text);
    assert!(clash.text.contains("value=\"Other\""), "what was typed stays");
    assert_eq!(
        wrong(&browser.post(&format!("{page}/delete"), "confirm=bad").await),
        ["delete-confirm"]
    );
    assert_eq!(
        location(&browser.post(&format!("{page}/delete"), "confirm=Bad+names").await),
        "/feeds"
    );
    assert_eq!(
        location(&browser.post(&format!("{page}/delete"), "confirm=Bad+names").await),
        "/feeds"
    );
}

#[tokio::test]
async fn a_file_is_uploaded_as_browsers_send_it() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let part =
        |name: &str, value: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let file = |text: &str| {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"l.txt\"\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--XX--\r\n"
        )
    };
    let fields = |name: &str| {
        [
            part("name", name),
            part("url", ""),
            part("action", "Block"),
            part("intervalHours", "24"),
        ]
        .concat()
    };
    let send = async |path: &str, body: String| browser.send_parts(path, "XX", &body).await;
    let made = send("/feeds", fields("Own") + &file("evil.example\r\nbad.example\r\n")).await;
    let page = location(&made).to_string();
    let id = page.strip_prefix("/feeds/").unwrap();
    assert_eq!(settled(&world, id).await["entries"], 2);
    assert_eq!(
        wrong(&send("/feeds", fields("Second") + &file("<html>\n<body>\n<p>\n")).await),
        ["add-file"]
    );
    let feeds = world.local(Method::GET, "/admin/feeds", Value::Null).await;
    assert_eq!(feeds["value"].as_array().unwrap().len(), 1, "nothing is half-saved");
    assert_eq!(
        wrong(&send("/feeds", fields("") + &file("a.example")).await),
        ["add-name"]
    );
    assert_eq!(wrong(&send("/feeds", fields("Nothing") + &file("")).await), ["add-url"]);
    // Longer than what is taken as JSON.
    let long: String = (0..600_000).map(|n| format!("host{n}.example\n")).collect();
    assert_eq!(location(&send(&format!("{page}/upload"), file(&long)).await), page);
    assert_eq!(settled(&world, id).await["entries"], 600_000);
    assert_eq!(
        wrong(&send(&format!("{page}/upload"), file("\u{1}")).await),
        ["upload-file"]
    );
    switch(&world, id, "enable").await;

    assert_eq!(
        location(&send("/feeds/known-good", file("1,host5.example\n")).await),
        "/feeds"
    );
    assert!(browser.get("/feeds").await.text.contains("Your own list has 1 name."));
    let report = &settled(&world, id).await["report"]["check"]["knownGood"];
    assert_eq!(report, &json!({"count": 1, "first": ["host5.example"]}));
    let forged = browser
        .send_parts_without_token(&format!("{page}/upload"), "XX", &file("x.example"))
        .await;
    assert_eq!(forged.status, 403);
}

#[tokio::test]
async fn a_security_reader_sees_feeds_and_changes_none() {
    let lists = Lists::start().await;
    let world = world(&lists).await;
    let browser = Browser::start(&world).await;
    lists.put("/list", "evil.example\n");
    let form = format!(
        "name=List&url={}&action=Block&severity=High&intervalHours=6",
        lists.url("/list")
    );
    let page = location(&browser.post("/feeds", &form).await).to_string();
    settled(&world, page.strip_prefix("/feeds/").unwrap()).await;
    world
        .local(
            Method::POST,
            "/admin/administrators",
            json!({"name": "rita", "role": "Security reader", "password": PASSWORD}),
        )
        .await;
    let rita = Browser::of(&world, "rita").await;
    let shown = rita.get(&page).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("Known-good report") && !shown.text.contains("Switch on for all devices"));
    assert!(!rita.get("/feeds").await.text.contains("Add a feed"));
    for what in ["", "/enable", "/refresh", "/upload", "/delete"] {
        assert_eq!(
            rita.post(&format!("{page}{what}"), "name=List&confirm=List")
                .await
                .status,
            403,
            "{what}"
        );
    }
    for path in ["/feeds", "/feeds/known-good", "/feeds/suggested/phishing-database"] {
        assert_eq!(
            rita.post(path, "name=x&url=https://a.example/").await.status,
            403,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_set_up_and_the_settings_take_protected_names() {
    let world = World::start().await;
    let link = moat_server::setup_link(&world.app).await.unwrap().unwrap();
    let path = &link[link.find("/setup/").unwrap()..];
    let fields = |names: &str| {
        format!("name=ana&password={PASSWORD}&again={PASSWORD}&organisation=Corp&protectedNames={names}")
            .replace(' ', "+")
    };
    let refused = world.form(path, &fields("corp")).await;
    assert!(refused.text.contains("neither a domain name nor an address") && refused.text.contains("value=\"Corp\""));
    assert_eq!(world.form(path, &fields("corp.example,own.example")).await.status, 303);
    let browser = Browser::of(&world, "ana").await;
    let page = browser.get("/settings").await.text;
    assert!(
        page.contains("corp.example\nown.example") && page.contains("value=\"Corp\""),
        "{page}"
    );
    let settings = |names: &str| {
        format!(
            "organisation=Corp&helpUrl=&checkInSeconds=60&postureIntervalSeconds=30&bypassDurationHours=24&webProtection=on&protectedNames={names}"
        )
    };
    let blocked = browser.post("/indicators", "value=www.corp.example&action=Block").await;
    assert_eq!(wrong(&blocked), ["add-value"]);
    assert_eq!(
        wrong(&browser.post("/settings", &settings("x")).await),
        ["settings-protectedNames"]
    );
    assert_eq!(
        location(&browser.post("/settings", &settings("own.example")).await),
        "/settings"
    );
    let allowed = browser.post("/indicators", "value=www.corp.example&action=Block").await;
    assert_eq!(allowed.status, 303);
    let refused = browser.post("/settings", &settings("corp.example")).await;
    assert_eq!(wrong(&refused), ["settings-protectedNames"]);
    assert!(refused.text.contains("delete it first"));
}
