//! The pages of users, groups and connectors.

use http::Method;
use moat_server::Role;
use serde_json::json;

use crate::{
    console::{Browser, PASSWORD, wrong},
    world::{Answer, World},
};

/// Makes an administrator with this role, and signs in.
async fn reader<'a>(world: &'a World, name: &str, role: &str) -> Browser<'a> {
    let new = json!({"name": name, "password": PASSWORD, "role": role});
    world.local(Method::POST, "/admin/administrators", new).await;
    Browser::of(world, name).await
}

/// Where a form led.
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().to_string()
}

fn version(page: &Answer) -> &str {
    let rest = page.text.split("name=\"version\" value=\"").nth(1).unwrap();
    rest.split('"').next().unwrap()
}

async fn add_user(browser: &Browser<'_>, name: &str) -> String {
    let form = format!("displayName={name}&userPrincipalName={name}@corp.example&mail=&preferredLanguage=");
    location(&browser.post("/people/users", &form).await)
}

#[tokio::test]
async fn a_user_is_added_changed_and_deleted() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    assert!(browser.get("/people/users").await.text.contains("No user here"));
    let refused = browser
        .post(
            "/people/users",
            "displayName=Anna&userPrincipalName=anna&mail=&preferredLanguage=deutsch",
        )
        .await;
    assert_eq!(wrong(&refused), ["add-userPrincipalName"]);
    assert!(refused.text.contains("value=\"Anna\"") && refused.text.contains("value=\"deutsch\""));
    let page = add_user(&browser, "anna").await;
    add_user(&browser, "bert").await;
    let twice = browser
        .post(
            "/people/users",
            "displayName=A&userPrincipalName=ANNA@corp.example&mail=&preferredLanguage=",
        )
        .await;
    assert!(
        twice.text.contains("There is a user anna@corp.example already"),
        "{}",
        twice.text
    );
    let found = browser.get("/people/users?q=ann").await.text;
    assert!(found.contains("anna@corp.example") && !found.contains("bert@corp.example"));

    let shown = browser.get(&page).await;
    let change = format!(
        "version={}&displayName=Anna+B&userPrincipalName=anna@corp.example&mail=anna@mail.example&preferredLanguage=de-de&moatBreakGlass=on",
        version(&shown)
    );
    assert_eq!(location(&browser.post(&page, &change).await), page);
    let changed = browser.get(&page).await;
    assert!(changed.text.contains("Anna B") && changed.text.contains("value=\"de-DE\""));
    assert!(changed.text.contains("◆ disabled") && changed.text.contains("● break glass"));
    for filter in ["disabled", "break-glass"] {
        let list = browser.get(&format!("/people/users?filter={filter}")).await.text;
        assert!(list.contains("Anna B") && !list.contains("bert"), "{filter}");
    }

    let stale = browser.post(&page, &change.replace("Anna+B", "Anna+C")).await;
    assert!(stale.text.contains("Nothing was saved"), "{}", stale.text);
    assert!(
        stale
            .text
            .contains("<td class=\"text\">Anna B</td><td class=\"text\">Anna C</td>"),
        "both are shown: {}",
        stale.text
    );
    assert!(browser.get(&page).await.text.contains("<h1>Anna B"));
    let again = change.replace("Anna+B", "Anna+C");
    let again = again.replace(version(&shown), version(&stale));
    assert_eq!(
        browser.post(&page, &again).await.status,
        303,
        "knowing both, it is saved"
    );

    let delete = format!("{page}/delete");
    assert_eq!(wrong(&browser.post(&delete, "confirm=anna").await), ["delete-confirm"]);
    assert_eq!(
        location(&browser.post(&delete, "confirm=Anna@corp.example").await),
        "/people/users"
    );
    assert_eq!(browser.get(&page).await.status, 404);
}

#[tokio::test]
async fn work_data_of_a_user_is_wiped_only_with_the_name_typed() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let page = add_user(&browser, "anna").await;
    let id = page.rsplit('/').next().unwrap();
    let new = json!({"lifetimeSeconds": 3600, "maxUses": 1, "management": "managed", "deviceGroup": "", "user": id});
    let device = world.device_by("iphone", new).await;
    let check_in = json!({"bundleId": "org.example.mail", "appVersion": "1.0", "sdkVersion": "1.0", "osVersion": "18.1",
        "deviceModel": "iPhone15,3", "deviceTag": "tag-1", "jailbroken": false, "wiped": null});
    let headers = [("content-type", "application/json")];
    let answer = device
        .call(Method::POST, "/device/v1/apps/check-in", &headers, check_in.to_string())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let shown = browser.get(&page).await.text;
    assert!(shown.contains("org.example.mail") && shown.contains(&format!("/devices/{}", device.id)));
    assert!(shown.contains("✓ there"));
    let wipe = format!("{page}/wipe");
    let refused = browser.post(&wipe, "device=tag-1&confirm=iphone").await;
    assert_eq!(wrong(&refused), ["wipe-confirm"]);
    assert!(!browser.get(&page).await.text.contains("wipe ordered"));
    assert_eq!(
        location(&browser.post(&wipe, "device=tag-1&confirm=anna@corp.example").await),
        page
    );
    assert!(browser.get(&page).await.text.contains("◆ wipe ordered"));
}

#[tokio::test]
async fn a_group_gets_members_by_name_and_says_what_names_it() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    let anna = add_user(&browser, "anna").await;
    let device = world.device("annas-phone", "").await;
    assert_eq!(
        wrong(&browser.post("/people/groups", "displayName=&description=").await),
        ["add-displayName"]
    );
    let staff = location(&browser.post("/people/groups", "displayName=Staff&description=").await);
    let sales = location(
        &browser
            .post("/people/groups", "displayName=Sales_100%25&description=d")
            .await,
    );
    let found = browser.get(&format!("{sales}?add=ANNA")).await.text;
    for id in [anna.rsplit('/').next().unwrap(), device.id.as_str()] {
        assert!(found.contains(&format!("name=\"member\" value=\"{id}\"")), "{found}");
        browser.post(&format!("{sales}/members"), &format!("member={id}")).await;
    }
    assert!(
        browser
            .get(&format!("{staff}?add=s_1"))
            .await
            .text
            .contains("Add Sales_100%")
    );
    assert!(
        browser
            .get(&format!("{staff}?add=sx1"))
            .await
            .text
            .contains("Nothing has that in its name")
    );
    let sales_id = sales.rsplit('/').next().unwrap();
    assert_eq!(
        location(
            &browser
                .post(&format!("{staff}/members"), &format!("member={sales_id}"))
                .await
        ),
        staff
    );
    let shown = browser.get(&staff).await.text;
    assert!(shown.contains("3 members, with those of groups within") && shown.contains(&sales));
    let staff_id = staff.rsplit('/').next().unwrap();
    let circle = browser
        .post(&format!("{sales}/members"), &format!("member={staff_id}"))
        .await;
    assert!(circle.text.contains("a group cannot contain itself"), "{}", circle.text);
    let shown = browser.get(&sales).await.text;
    assert!(
        shown.contains("annas-phone") && shown.contains(">Staff</a>"),
        "members, and where it is in"
    );
    assert!(browser.get(&anna).await.text.contains("through another group"));

    let remove = format!("{sales}/members/{}/remove", device.id);
    for _ in 0..2 {
        assert_eq!(location(&browser.post(&remove, "").await), sales);
    }
    assert!(!browser.get(&sales).await.text.contains("annas-phone"));

    let client = world.client("c", Role::ALL).await;
    let policy = json!({"@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "Baseline",
        "scheduledActionsForRule": [{"ruleName": "r", "scheduledActionConfigurations": [{"actionType": "block", "gracePeriodHours": 0}]}]});
    let policy = client
        .post("/beta/deviceManagement/deviceCompliancePolicies", policy)
        .await;
    let assign = json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": staff_id}}]});
    let path = format!(
        "/beta/deviceManagement/deviceCompliancePolicies/{}/assign",
        policy.body["id"].as_str().unwrap()
    );
    assert_eq!(client.post(&path, assign).await.status, 200);
    let named = browser.get(&staff).await.text;
    let link = format!(
        "href=\"/policies/compliance/{}\">Baseline</a>",
        policy.body["id"].as_str().unwrap()
    );
    assert!(named.contains(&link), "{named}");
    let shown = browser.get(&staff).await.text;
    assert!(
        shown.contains("Baseline") && shown.contains("compliance policy, includes it"),
        "{shown}"
    );
    let refused = browser.post(&format!("{staff}/delete"), "confirm=Staff").await;
    assert!(
        refused.text.contains("These policies name the group: Baseline"),
        "{}",
        refused.text
    );
    assert_eq!(
        location(&browser.post(&format!("{sales}/delete"), "confirm=Sales_100%25").await),
        "/people/groups"
    );
}

#[tokio::test]
async fn a_partner_is_added_with_its_client_and_its_switches_change_once() {
    let world = World::start().await;
    let browser = Browser::start(&world).await;
    assert_eq!(
        wrong(&browser.post("/connectors", "displayName=").await),
        ["add-displayName"]
    );
    let page = location(&browser.post("/connectors", "displayName=Other&iosEnabled=on").await);
    let shown = browser.get(&page).await;
    for text in [
        "◆ not set up",
        "No heartbeat came yet",
        "Client secret",
        "/heartbeat",
        "partner Other",
    ] {
        assert!(shown.text.contains(text), "{text}: {}", shown.text);
    }
    assert!(!browser.get(&page).await.text.contains("Client secret"), "shown once");
    let twice = browser.post(&format!("{page}/client"), "").await;
    assert!(
        twice.text.contains("There is already a client named partner Other"),
        "{}",
        twice.text
    );

    let client = world.client("partner", &[Role::PartnerReport]).await;
    let heartbeat = format!("/partner/v1/{}/heartbeat", page.trim_start_matches('/'));
    assert_eq!(client.post(&heartbeat, json!({})).await.status, 200);
    assert!(browser.get(&page).await.text.contains("✓ in use"));

    let form = format!("version={}&iosEnabled=on&missing=on&days=0", version(&shown));
    assert_eq!(wrong(&browser.post(&page, &form).await), ["switches-days"]);
    let form = form.replace("days=0", "days=3");
    assert_eq!(location(&browser.post(&page, &form).await), page);
    let stale = browser.post(&page, &form.replace("missing=on", "")).await;
    assert!(stale.text.contains("Nothing was saved"), "{}", stale.text);
    let named = browser.get(&page).await.text;
    assert!(named.contains("name=\"missing\" checked") && named.contains("value=\"3\""));

    assert_eq!(
        wrong(&browser.post(&format!("{page}/delete"), "confirm=x").await),
        ["delete-confirm"]
    );
    assert_eq!(
        location(&browser.post(&format!("{page}/delete"), "confirm=Other").await),
        "/connectors"
    );
    let own = "/connectors/fc780465-2017-40d4-a0c5-307022471b92";
    assert!(browser.get(own).await.text.contains("Moat&#39;s own detection"));
    assert!(
        browser
            .post(&format!("{own}/delete"), "confirm=Moat")
            .await
            .text
            .contains("cannot be deleted")
    );
}

#[tokio::test]
async fn a_reader_sees_people_and_connectors_and_changes_none() {
    let world = World::start().await;
    let admin = Browser::start(&world).await;
    let user = add_user(&admin, "anna").await;
    let group = location(&admin.post("/people/groups", "displayName=Staff&description=").await);
    let connector = location(&admin.post("/connectors", "displayName=Other").await);
    let rita = reader(&world, "rita", "Security reader").await;
    let own = [user.as_str(), group.as_str(), connector.as_str()];
    for page in ["/people/users", "/people/groups", "/connectors"].iter().chain(&own) {
        let shown = rita.get(page).await;
        assert_eq!(shown.status, 200, "{page}");
        assert!(
            !shown.text.contains("class=\"danger\"") && !shown.text.contains("<button class=\"primary\">"),
            "{page}"
        );
    }
    for (form, fields) in [
        (
            "/people/users".to_string(),
            "displayName=B&userPrincipalName=b@corp.example",
        ),
        (format!("{user}/delete"), "confirm=anna@corp.example"),
        (format!("{user}/wipe"), "device=t&confirm=anna@corp.example"),
        (user.clone(), "displayName=B"),
        ("/people/groups".into(), "displayName=B"),
        (format!("{group}/delete"), "confirm=Staff"),
        (
            format!("{group}/members"),
            "member=00000000-0000-0000-0000-000000000001",
        ),
        ("/connectors".into(), "displayName=B"),
        (format!("{connector}/delete"), "confirm=Other"),
        (format!("{connector}/client"), ""),
        (connector.clone(), "days=3"),
    ] {
        assert_eq!(rita.post(&form, fields).await.status, 403, "{form}");
    }
    let helpdesk = reader(&world, "hans", "Helpdesk").await;
    let shown = helpdesk.get(&user).await;
    assert!(shown.status == 200 && !shown.text.contains("Apps with work data"));
    assert_eq!(helpdesk.get("/connectors").await.status, 403);
}
