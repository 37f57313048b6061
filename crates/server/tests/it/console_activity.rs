//! What web protection did, and what is decided of a site from there.

use http::Method;
use serde_json::json;

use crate::{console::Browser, world::World};

#[tokio::test]
async fn what_devices_blocked_is_counted_and_decided_from_its_row() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    assert!(browser.get("/activity").await.text.contains("Nothing in this time"));

    let body = json!({"indicatorValue": "evil.example", "indicatorType": "DomainName", "action": "Block", "title": "Evil",
        "description": "d", "severity": "High", "generateAlert": true});
    let made = world.local(Method::POST, "/api/indicators", body).await;
    let id: u64 = made["id"].as_str().unwrap().parse().unwrap();
    let phone = world.device("Ana's phone", "").await;
    phone.hits(1, id, "www.evil.example", "192.0.2.7").await;
    phone.hits(2, id, "www.evil.example", "192.0.2.7").await;

    let page = browser.get("/activity?days=1").await;
    assert_eq!(page.status, 200);
    for text in ["www.evil.example", "Ana&#39;s phone", ">evil.example<"] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    assert!(
        page.text
            .contains(r#"<td class="number">2</td><td class="number">0</td>"#),
        "{}",
        page.text
    );
    assert!(
        !browser
            .get("/activity?action=Warn")
            .await
            .text
            .contains("www.evil.example")
    );
    assert!(browser.get("/activity?days=x").await.text.contains("Unknown filter"));

    let form = browser.get("/activity?days=1&decide=www.evil.example").await.text;
    assert!(
        form.contains(r#"action="/activity/decide""#) && form.contains(r#"name="site" value="www.evil.example""#),
        "{form}"
    );
    let wrong = "site=www.evil.example&action=Frobnicate&hours=24&note=needed&back=/activity";
    let refused = browser.post("/activity/decide", wrong).await;
    assert!(
        refused.text.contains(r#"value="needed""#),
        "what was typed stays: {}",
        refused.text
    );
    let allow = "site=www.evil.example&action=Allowed&hours=24&groups=&note=needed&back=/activity%3Fdays%3D1";
    let answer = browser.post("/activity/decide", allow).await;
    assert_eq!(
        (answer.status.as_u16(), answer.headers["location"].to_str().unwrap()),
        (303, "/activity?days=1")
    );
    assert!(
        browser
            .get("/activity?days=1")
            .await
            .text
            .contains("www.evil.example is now: Allowed")
    );
    let found = world
        .local(
            Method::GET,
            "/api/indicators?$filter=indicatorValue%20eq%20'www.evil.example'",
            json!(null),
        )
        .await;
    let indicator = &found["value"][0];
    assert_eq!(
        (&indicator["action"], &indicator["description"]),
        (&json!("Allowed"), &json!("needed"))
    );
    assert!(indicator["expirationTime"].is_string(), "{indicator}");
}

#[tokio::test]
async fn names_that_stay_on_devices_are_counted_without_them() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let body = json!({"indicatorValue": "evil.example", "indicatorType": "DomainName", "action": "Block", "title": "Evil",
        "description": "d", "severity": "High", "generateAlert": true});
    let made = world.local(Method::POST, "/api/indicators", body).await;
    let id: u64 = made["id"].as_str().unwrap().parse().unwrap();
    let phone = world.device("phone", "").await;
    let event = json!({"kind": "webThreat", "indicator": id, "action": "Block", "site": null, "count": 5});
    phone
        .check_in(json!([{"seq": 1, "time": crate::world::EVENT_TIME, "event": event}]))
        .await;
    let page = browser.get("/activity").await.text;
    assert!(page.contains("Name not reported") && page.contains(">5<"), "{page}");
    assert!(!page.contains("decide="), "nothing to decide about: {page}");
}
