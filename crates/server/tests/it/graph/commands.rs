//! Orders to devices, from Graph to the device and back.

use http::{Method, StatusCode};

use super::{
    app_protection::{app_checks_in, lease_of, try_app_check_in},
    *,
};
use crate::world::EVENT_TIME;

/// `POST …/managedDevices/{id}/ACTION`; the status.
async fn order(client: &Client<'_>, device: &Device, action: &str, body: Option<Value>) -> Answer {
    let path = format!("/beta/deviceManagement/managedDevices/{}/{action}", device.id);
    client.call(Method::POST, &path, body).await
}

async fn ordered(client: &Client<'_>, device: &Device, action: &str) {
    let answer = order(client, device, action, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{action}: {}", answer.text);
}

/// What a device says came of an order.
fn done(seq: u64, order: &Value, outcome: &str, detail: &str) -> Value {
    let event = json!({"kind": "orderDone", "id": order["id"], "outcome": outcome, "detail": detail});
    json!({"seq": seq, "time": EVENT_TIME, "event": event})
}

/// Actions and states of the orders, the newest first.
async fn history(world: &World, device: &Device) -> Vec<(String, String)> {
    let path = format!("/admin/devices/{}/orders", device.id);
    let list = world.local(Method::GET, &path, Value::Null).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_string();
    let rows = list["value"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "action"), text(row, "state"))).collect()
}

#[tokio::test]
async fn an_order_reaches_the_device_and_its_answer_is_shown() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (device, other) = (world.device("phone", "").await, world.device("other", "").await);
    let mut push = device.push().await;
    assert_eq!(push.next().await.unwrap()["push"], "bundle");

    ordered(&client, &device, "remoteLock").await;
    assert_eq!(
        push.next().await.unwrap(),
        json!({"push": "command", "command": "checkIn"})
    );
    ordered(&client, &device, "remoteLock").await;
    let shown = managed(&client, &device).await;
    let result = &shown["deviceActionResults"][0];
    assert_eq!(
        (&result["actionName"], &result["actionState"], &shown["managementState"]),
        (&json!("remoteLock"), &json!("pending"), &json!("managed"))
    );
    let orders = device.check_in(json!([])).await["orders"].clone();
    assert_eq!(orders.as_array().unwrap().len(), 1, "it is not doubled: {orders}");
    assert_eq!(orders[0]["action"], json!({"kind": "remoteLock"}));
    assert_eq!(
        device.check_in(json!([])).await["orders"],
        orders,
        "until it is answered"
    );

    let answer = done(1, &orders[0], "done", "");
    other.check_in(json!([answer])).await;
    assert_eq!(
        device.check_in(json!([])).await["orders"],
        orders,
        "another device's word"
    );
    let answered = device.check_in(json!([answer])).await;
    assert_eq!(
        (&answered["acknowledged"], &answered["orders"]),
        (&json!(1), &json!([]))
    );
    device
        .check_in(json!([done(2, &orders[0], "failed", "a second word")]))
        .await;
    let shown = managed(&client, &device).await;
    assert_eq!(shown["deviceActionResults"][0]["actionState"], "done");

    let message = json!({"notificationTitle": "Lunch", "notificationBody": "At noon"});
    let answer = order(&client, &device, "sendCustomNotificationToCompanyPortal", Some(message)).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    ordered(&client, &device, "remoteLock").await;
    let orders = device.check_in(json!([])).await["orders"].clone();
    assert_eq!(
        orders[0]["action"],
        json!({"kind": "notify", "title": "Lunch", "body": "At noon"})
    );
    let answers = json!([
        done(3, &orders[0], "done", ""),
        done(4, &orders[1], "notSupported", "there is no screen")
    ]);
    device.check_in(answers).await;
    let results = managed(&client, &device).await["deviceActionResults"].clone();
    assert_eq!(
        (&results[0]["actionState"], &results[0]["moatDetail"]),
        (&json!("notSupported"), &json!("there is no screen")),
        "{results}"
    );
    assert_eq!(results[1]["actionName"], "sendCustomNotificationToCompanyPortal");
}

#[tokio::test]
async fn a_device_that_carried_out_its_retirement_is_out() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    let finding = json!({"rule": "r", "group": "rootless", "detail": "/var/jb", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    ordered(&client, &device, "retire").await;
    ordered(&client, &device, "remoteLock").await;
    assert_eq!(managed(&client, &device).await["managementState"], "retirePending");
    let list = "/beta/deviceManagement/managedDevices?$filter=managementState eq 'retirePending'".replace(' ', "%20");
    assert_eq!(client.get(&list).await.body["value"][0]["id"], device.id);

    let orders = device.check_in(json!([])).await["orders"].clone();
    let off = json!({"kind": "webProtectionChanged", "state": "stopped", "otherVpn": null});
    let events = json!([
        done(2, &orders[0], "done", ""),
        {"seq": 3, "time": EVENT_TIME, "event": off}
    ]);
    let last = device.check_in(events).await;
    assert_eq!((&last["acknowledged"], &last["orders"]), (&json!(3), &json!([])));
    let refused = device.try_check_in(json!({}), json!([])).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (403, &json!("deviceRevoked"))
    );

    let path = format!("/beta/deviceManagement/managedDevices/{}", device.id);
    assert_eq!(client.get(&path).await.outcome(), "404 ResourceNotFound");
    let open = client.get("/api/alerts?$filter=status+ne+'Resolved'").await;
    assert_eq!(open.body["value"], json!([]), "nobody can act on it any more");
    assert_eq!(
        history(&world, &device).await,
        [
            ("remoteLock".into(), "canceled".into()),
            ("retire".into(), "done".to_string())
        ]
    );
    assert_eq!(
        order(&client, &device, "wipe", None).await.outcome(),
        "404 ResourceNotFound"
    );
    let audit = world.local(Method::GET, "/admin/audit", Value::Null).await;
    let actions: Vec<_> = audit["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    for action in ["order", "answer order", "revoke"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

#[tokio::test]
async fn apps_wipe_before_and_after_their_device_has_left() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let device = world.device("phone", "").await;
    give(&client, &device, &anna).await;
    let apps = "/beta/deviceAppManagement/iosManagedAppProtections";
    let policy = id(&client.post(apps, app_protection::app_policy("Mail", "block")).await);
    let everybody =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}]});
    client.post(&format!("{apps}/{policy}/assign"), everybody).await;
    assert!(lease_of(&app_checks_in(&device, Value::Null).await)["wipeOrder"].is_null());

    let options =
        json!({"keepEnrollmentData": false, "keepUserData": true, "macOsUnlockCode": "", "persistEsimDataPlan": true});
    let answer = order(&client, &device, "wipe", Some(options)).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let first = lease_of(&app_checks_in(&device, Value::Null).await)["wipeOrder"].clone();
    let receipt = |order: &Value| json!({"order": order, "reason": "ordered", "at": EVENT_TIME});
    assert!(lease_of(&app_checks_in(&device, receipt(&first)).await)["wipeOrder"].is_null());

    // The app has started anew in the meantime: what it has now has to go too.
    let orders = device.check_in(json!([])).await["orders"].clone();
    device.check_in(json!([done(1, &orders[0], "done", "")])).await;
    let last = lease_of(&app_checks_in(&device, Value::Null).await);
    assert!(last["wipeOrder"].is_string() && last["wipeOrder"] != first, "{last}");
    assert_eq!(last["deviceId"], json!(device.id));
    let end = app_checks_in(&device, receipt(&last["wipeOrder"])).await;
    assert!(end["lease"].is_null(), "{end}");
    let refused = try_app_check_in(&device, Value::Null).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (403, &json!("deviceRevoked"))
    );
}

#[tokio::test]
async fn what_would_not_hold_is_refused_and_what_failed_is_shown() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    for (action, body, field) in [
        ("wipe", json!({"keepEnrollmentData": true}), "keepEnrollmentData"),
        ("wipe", json!({"keepUserdata": true}), "keepUserData"),
        ("wipe", json!({"keepUserData": "yes"}), "keepUserData"),
        ("retire", json!({"force": true}), "force"),
        ("retire", json!([]), "object"),
        (
            "sendCustomNotificationToCompanyPortal",
            json!({"notificationTitle": "t"}),
            "notificationBody",
        ),
        (
            "sendCustomNotificationToCompanyPortal",
            json!({"notificationTitle": "t", "notificationBody": "x".repeat(2_001)}),
            "body",
        ),
    ] {
        let answer = order(&client, &device, action, Some(body)).await;
        assert_eq!(answer.status, 400, "{action} {field}: {}", answer.text);
        assert!(answer.message().contains(field), "{field}: {}", answer.message());
    }
    assert!(history(&world, &device).await.is_empty());

    for (action, state) in [("retire", "retireFailed"), ("wipe", "wipeFailed")] {
        ordered(&client, &device, action).await;
        let orders = device.check_in(json!([])).await["orders"].clone();
        let seq = u64::from(action == "wipe") + 1;
        device
            .check_in(json!([done(seq, &orders[0], "failed", "no room")]))
            .await;
        assert_eq!(managed(&client, &device).await["managementState"], state);
    }
    let v1 = client
        .get(&format!("/v1.0/deviceManagement/managedDevices/{}", device.id))
        .await;
    assert!(v1.body.get("managementState").is_none(), "beta only: {}", v1.text);
    assert_eq!(v1.body["deviceActionResults"][0]["actionState"], "failed");
}

#[tokio::test]
async fn messages_that_nobody_fetches_do_not_pile_up() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let path = format!("/admin/devices/{}", device.id);
    world.local(Method::POST, &format!("{path}/lock"), Value::Null).await;
    for n in 0..25 {
        let message = json!({"title": "t", "body": n.to_string()});
        world.local(Method::POST, &format!("{path}/notify"), message).await;
    }
    let history = history(&world, &device).await;
    let pending = history.iter().filter(|(_, state)| state == "pending").count();
    assert_eq!((pending, history.len()), (20, 26));
    let orders = device.check_in(json!([])).await["orders"].clone();
    assert_eq!(orders.as_array().unwrap().len(), 10);
    assert_eq!(
        (&orders[0]["action"]["kind"], &orders[1]["action"]["body"]),
        (&json!("remoteLock"), &json!("6"))
    );
}
