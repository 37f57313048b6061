//! Actions for noncompliance, from the moment a device is not compliant to the mail in a mailbox.

use http::Method;

use super::{
    notifications::{mail, template},
    *,
};
use crate::smtp::MailHost;

const POLICIES: &str = "/beta/deviceManagement/deviceCompliancePolicies";
const HOUR: i64 = 3_600_000_000;

/// A policy against jailbreaks with further actions, for every device.
async fn acting_policy(client: &Client<'_>, actions: Value) -> String {
    let mut body = policy("Phones", 0);
    let list = &mut body["scheduledActionsForRule"][0]["scheduledActionConfigurations"];
    list.as_array_mut().unwrap().extend(actions.as_array().unwrap().clone());
    body["deviceThreatProtectionEnabled"] = false.into();
    let made = client.post(POLICIES, body).await;
    let policy = id(&made);
    let everything =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    let answer = client.post(&format!("{POLICIES}/{policy}/assign"), everything).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    policy
}

fn action(kind: &str, hours: i64, template: &str, cc: &[&str]) -> Value {
    json!({"actionType": kind, "gracePeriodHours": hours, "notificationTemplateId": template, "notificationMessageCCList": cc})
}

async fn jailbreak(device: &Device, seq: u64) {
    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    device.jailbreaks(seq, finding).await;
}

/// As if all that happened had happened so much earlier.
async fn hours_pass(world: &World, hours: i64) {
    let mut tx = world.app.db.begin().await.unwrap();
    for sql in [
        "UPDATE device_policy_states SET noncompliant_since = noncompliant_since - $1, actions_at = actions_at - $1",
        "UPDATE noncompliance_actions SET done_at = done_at - $1",
    ] {
        sqlx::query(sql).bind(hours * HOUR).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    world.app.hub.changed();
}

async fn outbox(world: &World) -> Value {
    world.local(Method::GET, "/admin/outbox", json!({})).await
}

/// Waits until the outbox looks like this.
async fn outbox_with(world: &World, looks: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..300 {
        let outbox = outbox(world).await;
        if looks(&outbox) {
            return outbox;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("after half a minute the outbox has {}", outbox(world).await);
}

/// Actions that were carried out, by the audit log, the oldest first.
async fn carried_out(world: &World) -> Vec<String> {
    let log = world.local(Method::GET, "/admin/audit", json!({})).await;
    let rows = log["value"].as_array().unwrap().iter().rev();
    rows.filter(|row| row["action"] == "carry out")
        .map(|row| {
            format!(
                "{} {}",
                row["after"]["action"].as_str().unwrap(),
                row["after"]["gracePeriodHours"]
            )
        })
        .collect()
}

async fn carried_out_with(world: &World, expected: &[&str]) {
    for _ in 0..300 {
        if carried_out(world).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(carried_out(world).await, expected);
}

#[tokio::test]
async fn the_user_and_the_groups_in_copy_are_written_to_in_the_users_language() {
    let host = MailHost::new();
    let _running = host.start(0);
    let world = World::with(|config| config.mail = Some(mail(&host))).await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let change = json!({"preferredLanguage": "de-ch", "mail": "anna.mail@corp.example", "displayName": "Anna Öz"});
    let answer = client
        .call(Method::PATCH, &format!("/v1.0/users/{anna}"), Some(change))
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    assert_eq!(
        client.get(&format!("/v1.0/users/{anna}")).await.body["preferredLanguage"],
        "de-CH"
    );
    let (bert, gone) = (user(&client, "bert").await, user(&client, "gone").await);
    let change = json!({"mail": "gone@refused.example"});
    client
        .call(Method::PATCH, &format!("/v1.0/users/{gone}"), Some(change))
        .await;
    let inner = group(&client, "Help desk", &[&bert, &gone, &anna]).await;
    let outer = group(&client, "In copy", &[&inner]).await;
    let template = template(&client, "includeCompanyPortalLink,includeDeviceDetails").await;
    acting_policy(&client, json!([action("notification", 0, &template, &[&outer])])).await;
    let device = world.device("iphone-of-anna", "").await;
    give(&client, &device, &anna).await;
    device.reports(json!([]), "none").await;
    jailbreak(&device, 1).await;

    let messages = host.wait_for(2).await;
    let recipients: Vec<&Value> = messages.iter().map(|message| &message["recipients"][0]).collect();
    assert!(
        recipients.contains(&&json!("anna.mail@corp.example")) && recipients.contains(&&json!("bert@corp.example")),
        "the one that does not exist keeps nobody from it: {messages:?}"
    );
    let message = &messages[0];
    assert_eq!(message["headers"]["Subject"], "iphone-of-anna erfüllt die Regeln nicht");
    assert_eq!(message["headers"]["To"], "anna.mail@corp.example");
    assert_eq!(message["headers"]["Cc"], "bert@corp.example, gone@refused.example");
    assert_eq!(message["headers"]["Content-Language"], "de-DE");
    let text = message["text"].as_str().unwrap();
    for part in [
        "Hallo Anna Öz,",
        "mit Linux 13",
        &format!("Nummer {}", device.id),
        "Gerät: iphone-of-anna",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let link = text.lines().find(|line| line.contains("/why/")).unwrap();
    let page = world
        .send(Method::GET, &link[link.find("/why/").unwrap()..], &[], "")
        .await;
    assert!(page.status == 200 && page.text.contains("jailbroken"), "{}", page.text);
    assert!(
        message["html"].as_str().unwrap().contains("<p>Hallo Anna Öz,</p>"),
        "{message}"
    );

    let row = outbox_with(&world, |outbox| outbox["counts"]["sent"] == 1).await["value"][0].clone();
    assert!(
        row["lastError"].as_str().unwrap().contains("gone@refused.example"),
        "{row}"
    );
    assert_eq!(carried_out(&world).await, ["block 0", "notification 0"]);
    // Nothing more happens in this period.
    device.reports(json!([]), "confirmed").await;
    hours_pass(&world, 24).await;
    assert_eq!(outbox(&world).await["counts"]["waiting"], 0);
    assert_eq!(host.messages().len(), 2);
}

#[tokio::test]
async fn mail_waits_for_its_server_and_for_its_hour() {
    let host = MailHost::new();
    let world = World::with(|config| config.mail = Some(mail(&host))).await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let template = template(&client, "none").await;
    let actions = json!([
        action("notification", 0, &template, &[]),
        action("notification", 25, &template, &[])
    ]);
    acting_policy(&client, actions).await;
    let device = world.device("phone", "").await;
    give(&client, &device, &anna).await;
    jailbreak(&device, 1).await;
    let waiting = outbox_with(&world, |outbox| outbox["value"][0]["attempts"].as_i64() > Some(0)).await;
    assert_eq!(waiting["counts"]["waiting"], 1, "{waiting}");
    assert!(waiting["lastError"].is_string(), "{waiting}");
    let status = world.local(Method::GET, "/admin/status", json!({})).await;
    assert_eq!(status["outbox"]["counts"]["waiting"], 1, "{status}");

    let _running = host.start(0);
    let first = host.wait_for(1).await.remove(0);
    assert_eq!(
        first["recipients"],
        json!(["anna@corp.example"]),
        "the principal name is an address"
    );
    outbox_with(&world, |outbox| outbox["counts"]["sent"] == 1).await;
    hours_pass(&world, 24).await;
    carried_out_with(&world, &["block 0", "notification 0"]).await;
    hours_pass(&world, 1).await;
    carried_out_with(&world, &["block 0", "notification 0", "notification 25"]).await;
    let messages = host.wait_for(2).await;
    let id = |n: usize| messages[n]["headers"]["Message-ID"].as_str().unwrap();
    assert_ne!(id(0), id(1));

    // Compliant again, and then not: it starts over.
    device.clears(2).await;
    jailbreak(&device, 3).await;
    host.wait_for(3).await;
}

#[tokio::test]
async fn without_a_mail_server_mail_waits_and_says_why() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let template = template(&client, "none").await;
    acting_policy(&client, json!([action("notification", 0, &template, &[])])).await;
    let device = world.device("phone", "").await;
    give(&client, &device, &anna).await;
    jailbreak(&device, 1).await;
    let outbox = outbox_with(&world, |outbox| outbox["lastError"].is_string()).await;
    let row = &outbox["value"][0];
    assert!(row["lastError"].as_str().unwrap().contains("[mail]"), "{outbox}");
    assert_eq!(
        (&row["state"], &row["attempts"]),
        (&json!("waiting"), &json!(0)),
        "{outbox}"
    );
    assert_eq!(row["title"], "to anna@corp.example: phone is not compliant");
}

#[tokio::test]
async fn nothing_happens_while_actions_are_switched_off() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let settings = |on: bool| json!({"settings": {"isScheduledActionEnabled": on}});
    client
        .call(Method::PATCH, "/v1.0/deviceManagement", Some(settings(false)))
        .await;
    acting_policy(&client, json!([action("retire", 0, "", &[])])).await;
    let (device, other) = (world.device("phone", "").await, world.device("revoked", "").await);
    jailbreak(&device, 1).await;
    jailbreak(&other, 1).await;
    assert_eq!(
        managed(&client, &device).await["complianceState"],
        "noncompliant",
        "the mark is there"
    );
    world
        .local(Method::POST, &format!("/admin/devices/{}/revoke", other.id), json!({}))
        .await;
    assert_eq!(scheduled(&client).await, Vec::<Value>::new());
    client
        .call(Method::PATCH, "/v1.0/deviceManagement", Some(settings(true)))
        .await;
    carried_out_with(&world, &["block 0", "retire 0"]).await;
    assert_eq!(scheduled(&client).await.len(), 1, "not the device that was revoked");
}

async fn scheduled(client: &Client<'_>) -> Vec<Value> {
    let answer = client.get(&format!("{POLICIES}/getDevicesScheduledToRetire()")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["value"].as_array().unwrap().clone()
}

async fn scheduled_with(client: &Client<'_>, count: usize) -> Vec<Value> {
    for _ in 0..300 {
        if scheduled(client).await.len() == count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let list = scheduled(client).await;
    assert_eq!(list.len(), count, "{list:?}");
    list
}

#[tokio::test]
async fn the_retire_list_waits_for_an_administrator() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let policy = acting_policy(
        &client,
        json!([action("retire", 2, "", &[]), action("wipe", 48, "", &[])]),
    )
    .await;
    let device = world.device("phone", "").await;
    jailbreak(&device, 1).await;
    carried_out_with(&world, &["block 0"]).await;
    assert_eq!(scheduled(&client).await.len(), 0, "its hour has not come");
    hours_pass(&world, 2).await;
    let row = scheduled_with(&client, 1).await.remove(0);
    assert_eq!(
        (
            &row["managedDeviceId"],
            &row["managedDeviceName"],
            &row["complianceState"],
            &row["deviceCompliancePolicyId"],
            &row["moatAction"]
        ),
        (
            &json!(device.id),
            &json!("phone"),
            &json!("nonCompliant"),
            &json!(policy),
            &json!("retire")
        )
    );

    let decide = format!("{POLICIES}/setScheduledRetireState");
    for (body, named) in [
        (json!({"state": "confirmRetire"}), "managedDeviceIds"),
        (json!({"state": "retire", "scopedToAllDevices": true}), "state"),
        (
            json!({"state": "cancelRetire", "scopedToAllDevices": true, "managedDeviceIds": [device.id]}),
            "scopedToAllDevices",
        ),
        (
            json!({"state": "cancelRetire", "managedDeviceIds": ["6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d"]}),
            "not on the retire list",
        ),
    ] {
        let answer = client.post(&decide, body).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{}", answer.text);
        assert!(answer.message().contains(named), "{named}: {}", answer.text);
    }
    let cancel = json!({"state": "cancelRetire", "scopedToAllDevices": false, "managedDeviceIds": [device.id]});
    assert_eq!(client.post(&decide, cancel).await.status, 204);
    device.reports(json!([]), "confirmed").await;
    assert_eq!(scheduled(&client).await.len(), 0, "off the list in this period");
    hours_pass(&world, 46).await;
    assert_eq!(scheduled_with(&client, 1).await[0]["moatAction"], "wipe");

    device.clears(2).await;
    assert_eq!(scheduled(&client).await.len(), 0, "compliant again");
    jailbreak(&device, 3).await;
    hours_pass(&world, 2).await;
    assert_eq!(scheduled_with(&client, 1).await[0]["moatAction"], "retire");
    let block = json!([{"actionType": "block", "gracePeriodHours": 0}]);
    let change =
        json!({"scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": block}]});
    let answer = client
        .call(Method::PATCH, &format!("{POLICIES}/{policy}"), Some(change))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        scheduled(&client).await.len(),
        0,
        "the policy does not ask for it any more"
    );
}

/// SDKs send a policy back without the ids of its actions.
#[tokio::test]
async fn an_action_that_is_stored_again_is_not_carried_out_again() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let policy = acting_policy(&client, json!([action("retire", 0, "", &[])])).await;
    let device = world.device("phone", "").await;
    jailbreak(&device, 1).await;
    scheduled_with(&client, 1).await;
    let block = json!({"actionType": "block", "gracePeriodHours": 0});
    let actions = json!([block, action("retire", 0, "", &[]), action("retire", 9, "", &[])]);
    let change = json!({"scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": actions}]});
    let answer = client
        .call(Method::PATCH, &format!("{POLICIES}/{policy}"), Some(change))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    hours_pass(&world, 9).await;
    carried_out_with(&world, &["block 0", "retire 0", "retire 9"]).await;
}

/// Actions of the orders that wait for a device, which is still jailbroken.
async fn orders(device: &Device) -> Vec<Value> {
    let answer = device.reports(json!([]), "confirmed").await;
    let orders = answer["orders"].as_array().unwrap().iter();
    orders.map(|order| order["action"].clone()).collect()
}

#[tokio::test]
async fn a_policy_locks_devices_and_tells_their_users() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let change = json!({"preferredLanguage": "de-AT"});
    client
        .call(Method::PATCH, &format!("/v1.0/users/{anna}"), Some(change))
        .await;
    let actions = json!([action("pushNotification", 0, "", &[]), action("remoteLock", 1, "", &[])]);
    acting_policy(&client, actions).await;
    let device = world.device("phone", "").await;
    give(&client, &device, &anna).await;
    jailbreak(&device, 1).await;
    carried_out_with(&world, &["block 0", "pushNotification 0"]).await;
    let waiting = orders(&device).await;
    assert_eq!(
        (waiting.len(), &waiting[0]["kind"]),
        (1, &json!("notify")),
        "{waiting:?}"
    );
    assert!(
        waiting[0]["title"].as_str().unwrap().starts_with("Dieses Gerät"),
        "{waiting:?}"
    );
    hours_pass(&world, 1).await;
    carried_out_with(&world, &["block 0", "pushNotification 0", "remoteLock 1"]).await;
    let waiting = orders(&device).await;
    assert_eq!(
        (waiting.len(), &waiting[1]),
        (2, &json!({"kind": "remoteLock"})),
        "{waiting:?}"
    );
    let list = world
        .local(
            Method::GET,
            &format!("/admin/devices/{}/orders", device.id),
            Value::Null,
        )
        .await;
    assert!(list.to_string().contains("compliance policy Phones"), "{list}");
}

#[tokio::test]
async fn a_confirmed_device_gets_the_harder_order() {
    let world = World::start().await;
    let client = administrator(&world).await;
    acting_policy(
        &client,
        json!([action("retire", 0, "", &[]), action("wipe", 5, "", &[])]),
    )
    .await;
    let (old, new) = (world.device("old", "").await, world.device("new", "").await);
    jailbreak(&old, 1).await;
    scheduled_with(&client, 1).await;
    hours_pass(&world, 5).await;
    scheduled_with(&client, 2).await;
    jailbreak(&new, 1).await;
    scheduled_with(&client, 3).await;
    let listed = world.local(Method::GET, "/admin/retire-list", Value::Null).await;
    assert_eq!(
        (&listed["count"], &listed["value"][0]["deviceName"]),
        (&json!(3), &json!("old")),
        "{listed}"
    );
    assert_eq!(orders(&old).await.len(), 0, "nobody has said so");
    let all = json!({"state": "confirmRetire", "scopedToAllDevices": true});
    let decided = world.local(Method::POST, "/admin/retire-list", all).await;
    assert_eq!(decided["devices"], 2);
    assert_eq!(orders(&old).await, [json!({"kind": "wipe"})]);
    assert_eq!(orders(&new).await, [json!({"kind": "retire"})]);
    assert_eq!(scheduled(&client).await.len(), 0);
}
