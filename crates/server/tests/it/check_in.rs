//! Check-ins: what is believed of a device, and what is kept of it.

use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Device, EVENT_TIME, World};

fn posture(level: &str) -> Value {
    let finding =
        json!({"rule": "fs.var_jb", "group": "rootless", "detail": "/var/jb is there", "weight": 0.9, "families": []});
    let findings = if level == "none" { json!([]) } else { json!([finding]) };
    json!({"level": level, "score": 0.9, "findings": findings, "rulesVersion": "1", "answered": 1, "unanswered": 0, "unknown": 0})
}

async fn allowed(device: &Device, state: Value, events: Value) -> bool {
    let answer = device.try_check_in(state, events).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["access"]["allowed"].as_bool().unwrap()
}

#[tokio::test]
async fn a_device_that_is_still_jailbroken_stays_out_when_its_alert_is_resolved() {
    let world = World::start().await;
    let client = world.client("soc", &[Role::AlertReadWriteAll]).await;
    let device = world.device("phone", "").await;
    let jailbroken = || json!({"posture": posture("confirmed")});
    let event = json!({"kind": "jailbreak", "level": "confirmed", "assessment": posture("confirmed")});
    let events = json!([{"seq": 1, "time": EVENT_TIME, "event": event}]);
    assert!(!allowed(&device, jailbroken(), events).await);
    let open = async || {
        let list = client.get("/api/alerts?$filter=status+ne+'Resolved'").await;
        let ids = list.body["value"].as_array().unwrap().clone();
        ids.iter()
            .map(|alert| (alert["id"].as_str().unwrap().to_string(), alert["moatCount"].clone()))
            .collect::<Vec<_>>()
    };
    let resolve = async |id: &str, classification: &str| {
        let change = json!({"status": "Resolved", "classification": classification});
        let answer = client
            .call(Method::PATCH, &format!("/api/alerts/{id}"), Some(change))
            .await;
        assert_eq!(answer.outcome(), "200", "{}", answer.text);
    };
    let first = open().await;
    assert_eq!(first.len(), 1);
    assert!(!allowed(&device, jailbroken(), json!([])).await);
    assert_eq!(open().await, first, "an open alert is not raised again");

    resolve(&first[0].0, "TruePositive").await;
    assert!(
        !allowed(&device, jailbroken(), json!([])).await,
        "it is still jailbroken"
    );
    let second = open().await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].0, first[0].0);

    resolve(&second[0].0, "FalsePositive").await;
    assert!(
        allowed(&device, jailbroken(), json!([])).await,
        "somebody looked and knows better"
    );
    assert!(open().await.is_empty());
}

#[tokio::test]
async fn a_clean_posture_resolves_what_an_older_one_raised() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    assert!(!allowed(&device, json!({"posture": posture("confirmed")}), json!([])).await);
    assert!(
        !allowed(&device, json!({}), json!([])).await,
        "no posture run says nothing"
    );
    assert!(allowed(&device, json!({"posture": posture("none")}), json!([])).await);
}

#[tokio::test]
async fn what_a_device_says_of_itself_is_bounded() {
    let world = World::start().await;
    let client = world.client("c", &[Role::MachineReadAll]).await;
    let device = world.device("phone", "").await;
    let mut large = posture("confirmed");
    large["rulesVersion"] = json!("v".repeat(4_000));
    let long = "x".repeat(4_000);
    let finding =
        json!({"rule": long, "group": long, "detail": long, "weight": 0.9, "families": vec![long.clone(); 20]});
    large["findings"] = json!(vec![finding; 20]);
    let addresses: Vec<String> = (0..1000).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
    let state = json!({
        "time": i64::MIN, "webProtection": "otherVpn", "otherVpn": format!("tun\u{7}{long}"), "bundleVersion": u64::MAX, "posture": large,
        "addresses": addresses,
    });
    let site = json!({"value": long, "seenIn": long, "remoteIp": null});
    let hit = json!({"kind": "webThreat", "indicator": u64::MAX, "action": "Block", "site": site, "count": u32::MAX});
    let bypass = json!({"kind": "warningBypassed", "indicator": 1, "site": site, "until": i64::MAX});
    let changed = json!({"kind": "webProtectionChanged", "state": "otherVpn", "otherVpn": long});
    let reported = json!({"kind": "siteReported", "url": long, "comment": long, "report": "unsafe"});
    let refused = json!({"kind": "bundleRefused", "reason": long});
    let jailbreak = json!({"kind": "jailbreak", "level": "confirmed", "assessment": large});
    let events: Vec<Value> = [hit, bypass, changed, reported, refused, jailbreak]
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| json!({"seq": seq, "time": if seq % 2 == 0 { i64::MIN } else { i64::MAX }, "event": event}))
        .collect();
    let answer = device.try_check_in(state, json!(events)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["acknowledged"], 6);

    let machine = client.get(&format!("/api/machines/{}", device.id)).await.body;
    let vpn = machine["moatOtherVpn"].as_str().unwrap();
    assert!(vpn.starts_with("tunx") && vpn.len() <= 200, "{} bytes", vpn.len());
    assert!(machine["moatBundleVersion"].as_i64().unwrap() > 0, "{machine}");
    let stored: Vec<(i64, i64)> = sqlx::query_as("SELECT LENGTH(body), time FROM device_events")
        .fetch_all(world.app.db.read())
        .await
        .unwrap();
    for (length, time) in stored {
        assert!(length < 70_000, "{length} bytes of one event");
        assert!((0..i64::MAX / 2).contains(&time), "{time}");
    }
    let posture: Vec<(String, i64)> = sqlx::query_as("SELECT posture, posture_at FROM devices")
        .fetch_all(world.app.db.read())
        .await
        .unwrap();
    assert!(posture[0].0.len() < 70_000 && posture[0].1 > 0, "{}", posture[0].1);
}

#[tokio::test]
async fn any_time_can_be_asked_for() {
    let world = World::start().await;
    let client = world.client("soc", &[Role::AlertReadWriteAll]).await;
    let device = world.device("phone", "").await;
    device.hits(1, 7, "odd.example", "203.0.113.9").await;
    // As a server before this one stored it.
    let mut tx = world.app.db.begin().await.unwrap();
    let past = sqlx::query("UPDATE device_events SET time = $1").bind(i64::MIN);
    past.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let body = json!({
        "machineId": device.id, "reportId": 1, "eventTime": "2025-11-24T16:00:00Z", "severity": "Medium", "title": "By hand",
        "description": "d", "recommendedAction": "look", "category": "Exploit",
    });
    let answer = client.post("/api/alerts/CreateAlertByReference", body).await;
    assert_eq!(answer.outcome(), "404 ResourceNotFound", "{}", answer.text);
}
