//! Overview, devices, alerts and web protection in the console, over forms and links alone.

use http::Method;
use serde_json::json;

use crate::{
    console::{Browser, PASSWORD, wrong},
    world::{Device, EVENT_TIME, World},
};

const POLICIES: &str = "/v1.0/deviceManagement/deviceCompliancePolicies";

/// A browser of somebody with this role.
async fn person<'a>(world: &'a World, name: &str, role: &str) -> Browser<'a> {
    let new = json!({"name": name, "password": PASSWORD, "role": role});
    world.local(Method::POST, "/admin/administrators", new).await;
    Browser::of(world, name).await
}

async fn refuses_a_bundle(device: &Device, seq: u64) {
    let event = json!({"kind": "bundleRefused", "reason": "r"});
    device
        .check_in(json!([{"seq": seq, "time": EVENT_TIME, "event": event}]))
        .await;
}

/// The value of the first input of this name.
fn value<'a>(page: &'a str, name: &str) -> &'a str {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn the_first_steps_are_made_with_one_click_each_and_once() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let steps = browser.get("/").await.text;
    assert!(steps.contains("First steps") && steps.contains("action=\"/start/compliance\""));
    for part in ["compliance", "conditional-access", "compliance", "conditional-access"] {
        let made = browser.post(&format!("/start/{part}"), "").await;
        assert_eq!(
            (made.status.as_u16(), &made.headers["location"]),
            (303, &"/".parse().unwrap())
        );
    }
    let policies = world.local(Method::GET, POLICIES, json!({})).await;
    assert_eq!(policies["value"].as_array().unwrap().len(), 1, "{policies}");
    assert_eq!(policies["value"][0]["securityBlockJailbrokenDevices"], true);
    let access = world
        .local(Method::GET, "/v1.0/identity/conditionalAccess/policies", json!({}))
        .await;
    assert_eq!(access["value"].as_array().unwrap().len(), 1);
    assert_eq!(access["value"][0]["state"], "enabledForReportingButNotEnforced");
    assert!(!browser.get("/").await.text.contains("action=\"/start/compliance\""));
    assert_eq!(browser.post("/start/anything", "").await.status, 404);
    let reader = person(&world, "rita", "Security reader").await;
    assert!(!reader.get("/").await.text.contains("First steps"));
    assert_eq!(reader.post("/start/settings", "").await.status, 403);
}

#[tokio::test]
async fn the_time_from_detection_to_closed_access_is_measured() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let device = world.device("phone", "").await;
    assert!(
        browser
            .get("/")
            .await
            .text
            .contains("No detection has closed access yet.")
    );
    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    let overview = browser.get("/").await.text;
    // The event is of last year.
    assert!(overview.contains("more than 1 day: Access closed 1"), "{overview}");
    for need in ["1 open alert of High severity", "1 device is jailbroken or suspected"] {
        assert!(overview.contains(need), "{need}");
    }
    assert!(overview.contains("href=\"/devices?filter=high\""));
    let helpdesk = person(&world, "hans", "Helpdesk").await;
    assert_eq!(helpdesk.get("/").await.status, 200);
    assert_eq!(helpdesk.get(&format!("/devices/{}", device.id)).await.status, 200);
}

#[tokio::test]
async fn a_device_is_ordered_about_by_its_name() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let device = world.device("lost-phone", "").await;
    device.check_in(json!([])).await;
    let page = format!("/devices/{}", device.id);
    for order in ["lock", "retire", "wipe"] {
        let refused = browser.post(&format!("{page}/{order}"), "confirm=other").await;
        assert_eq!(wrong(&refused), [format!("{order}-confirm")]);
    }
    for _ in 0..2 {
        let done = browser.post(&format!("{page}/lock"), "confirm=lost-phone").await;
        assert_eq!(done.status, 303);
    }
    let shown = browser.get(&page).await.text;
    assert_eq!(shown.matches("◆ pending").count(), 1, "a second click orders nothing");
    let reader = person(&world, "rita", "Security reader").await;
    let shown = reader.get(&page).await;
    assert!(shown.status == 200 && !shown.text.contains("name=\"confirm\""));
    assert_eq!(
        reader.post(&format!("{page}/wipe"), "confirm=lost-phone").await.status,
        403
    );
    assert_eq!(reader.post(&format!("{page}/sync"), "").await.status, 403);
}

#[tokio::test]
async fn a_device_gets_its_user_and_is_found_by_it() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let device = world.device("phone", "").await;
    let user = json!({"userPrincipalName": "ana@example.com", "displayName": "Ana", "mailNickname": "ana", "accountEnabled": true,
        "passwordProfile": {"password": "x"}});
    world.local(Method::POST, "/v1.0/users", user).await;
    let page = format!("/devices/{}", device.id);
    let refused = browser.post(&format!("{page}/user"), "user=nobody@example.com").await;
    assert_eq!(wrong(&refused), ["user-user"]);
    assert!(refused.text.contains("value=\"nobody@example.com\""));
    assert_eq!(
        browser
            .post(&format!("{page}/user"), "user=ana@example.com")
            .await
            .status,
        303
    );
    assert!(browser.get(&page).await.text.contains("Ana (ana@example.com)"));
    let found = browser.get("/devices?q=ANA@").await.text;
    assert!(found.contains("ana@example.com") && found.contains(&device.id));
    assert!(
        !browser
            .get("/devices?q=ANA@&filter=high")
            .await
            .text
            .contains(&device.id)
    );
    assert!(browser.get("/devices?filter=nopolicy").await.text.contains(&device.id));
    assert!(
        browser
            .get("/go?q=why+phon")
            .await
            .text
            .contains(&format!("/devices/{}#why", device.id))
    );
}

#[tokio::test]
async fn alerts_are_grouped_triaged_together_and_exported() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    for name in ["=cmd", "tablet"] {
        refuses_a_bundle(&world.device(name, "").await, 1).await;
    }
    let groups = browser.get("/alerts?group=title").await.text;
    assert_eq!(groups.matches("<a class=\"row\"").count(), 1, "{groups}");
    assert_eq!(
        browser
            .get("/alerts?group=device")
            .await
            .text
            .matches("<a class=\"row\"")
            .count(),
        2
    );
    let list = browser.get("/alerts").await.text;
    let ids: Vec<_> = list
        .split("name=\"id\" value=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let ids: Vec<_> = ids.iter().map(|id| format!("id={id}")).collect();
    let chosen = ids.join("&");
    let nothing = browser.post("/alerts/triage", &chosen).await;
    assert!(nothing.text.contains("Say what is to become of them"));
    let judged = format!("{chosen}&judgement=FalsePositive:NotMalicious&assignedTo=otto&comment=known");
    assert_eq!(browser.post("/alerts/triage", &judged).await.status, 303);
    let odd = format!("{chosen}&judgement=FalsePositive:Malware");
    assert_eq!(browser.post("/alerts/triage", &odd).await.status, 200, "no such pair");
    let file = browser.get("/alerts.csv?status=all").await;
    assert!(file.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(
        file.text.matches("otto,FalsePositive,NotMalicious").count(),
        2,
        "{}",
        file.text
    );
    assert!(file.text.contains(",'=cmd,"));
    let reader = person(&world, "rita", "Security reader").await;
    assert!(!reader.get("/alerts").await.text.contains("name=\"quick\""));
    assert_eq!(
        reader
            .post("/alerts/triage", &format!("{chosen}&quick=resolve"))
            .await
            .status,
        403
    );
    assert_eq!(reader.get("/alerts.csv").await.status, 200);
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    refuses_a_bundle(&world.device("phone", "").await, 1).await;
    let id = value(&browser.get("/alerts").await.text, "id").to_string();
    let page = format!("/alerts/{id}");
    let as_seen = "was-status=New&was-assignedTo=&was-judgement=&status=New&judgement=";
    assert_eq!(
        browser.post(&page, &format!("{as_seen}&assignedTo=otto")).await.status,
        303
    );
    let late = browser.post(&page, &format!("{as_seen}&assignedTo=rita")).await;
    assert_eq!(wrong(&late), ["triage-assignedTo"]);
    assert!(late.text.contains("“otto”") && late.text.contains("value=\"rita\""));
    // Who only comments overwrites nothing.
    assert_eq!(
        browser
            .post(&page, &format!("{as_seen}&assignedTo=&comment=hm"))
            .await
            .status,
        303
    );
    let shown = browser.get(&page).await.text;
    assert!(shown.contains("value=\"otto\"") && shown.contains("hm"));
}

#[tokio::test]
async fn sites_are_explained_counted_and_reported_together() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let block = "value=evil.example&action=Block&severity=High&title=t&generateAlert=on";
    assert_eq!(browser.post("/indicators", block).await.status, 303);
    let device = world.device("phone", "").await;
    device.hits(1, 1, "www.evil.example", "192.0.2.1").await;
    let page = browser.get("/indicators?explain=https://www.evil.example/a").await.text;
    for text in [
        "it names the parent domain evil.example",
        "Over HTTPS only the host is seen",
        "/alerts?status=all&#38;indicator=1\">1<",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let report = |seq: u64, url: &str| {
        let event = json!({"kind": "siteReported", "url": url, "comment": "c", "report": "unsafe"});
        json!([{"seq": seq, "time": EVENT_TIME, "event": event}])
    };
    device.check_in(report(2, "https://www.evil.example/a")).await;
    device.check_in(report(3, "https://www.evil.example/b")).await;
    let reports = browser.get("/reports").await.text;
    assert_eq!(reports.matches("class=\"card site\"").count(), 1);
    assert!(reports.contains("2 reports, by 1 device") && reports.contains(">1 hit<"));
    let go = browser.get("/go?q=block+other.example").await.text;
    assert!(go.contains("Block other.example on all devices") && go.contains("action=\"/indicators\""));
    let reader = person(&world, "rita", "Security reader").await;
    let go = reader.get("/go?q=other.example").await.text;
    assert!(
        !go.contains("action=\"/indicators\"") && go.contains("explain=other.example"),
        "{go}"
    );
}

#[tokio::test]
async fn nothing_on_the_retire_list_is_carried_out_without_the_word() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    assert!(
        browser
            .get("/retire-list")
            .await
            .text
            .contains("Nothing waits for your word")
    );
    let device = world.device("phone", "").await;
    assert_eq!(browser.post("/start/compliance", "").await.status, 303);
    let mut tx = world.app.db.begin().await.unwrap();
    let row = "INSERT INTO retire_list (device_id, policy_id, action_id, kind, due_at, created_at) \
               SELECT $1, id, 'a', 'retire', 1, 1 FROM policies WHERE kind = 'compliance'";
    sqlx::query(row)
        .bind(device.id.clone())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        browser
            .get("/")
            .await
            .text
            .contains("1 device waits on the retire list")
    );
    let none = browser.post("/retire-list", "decision=confirm&confirm=retire").await;
    assert!(none.text.contains("Choose the devices"));
    let chosen = format!("id={}", device.id);
    let refused = browser
        .post("/retire-list", &format!("{chosen}&decision=confirm&confirm=yes"))
        .await;
    assert_eq!(wrong(&refused), ["decide-confirm"]);
    let reader = person(&world, "rita", "Security reader").await;
    let denied = reader
        .post("/retire-list", &format!("{chosen}&decision=confirm&confirm=retire"))
        .await;
    assert_eq!(denied.status, 403);
    let done = browser
        .post("/retire-list", &format!("{chosen}&decision=confirm&confirm=retire"))
        .await;
    assert_eq!(done.status, 303);
    assert!(
        browser
            .get(&format!("/devices/{}", device.id))
            .await
            .text
            .contains("◆ pending")
    );
    let again = browser.post("/retire-list", &format!("{chosen}&decision=cancel")).await;
    assert!(again.text.contains("not on the list any more"));
}
