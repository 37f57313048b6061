//! Devices: enrolment, check-in, push, bundles, renewal, revocation.

use http::Method;
use moat_indicators::Bundle;
use moat_model::Timestamp;
use serde_json::{Value, json};

use crate::world::{EVENT_TIME, World};

fn csr() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::default()
        .serialize_request(&key)
        .unwrap()
        .pem()
        .unwrap()
}

fn enrolment(token: &Value, csr: &str) -> String {
    let info =
        json!({"name": "phone", "osPlatform": "Linux", "osVersion": "13", "model": "m", "agentVersion": "0.1.0"});
    json!({"token": token, "csr": csr, "device": info}).to_string()
}

async fn token(world: &World, uses: u32) -> Value {
    let new = json!({"lifetimeSeconds": 3600, "maxUses": uses, "management": "managed", "deviceGroup": ""});
    world.local(Method::POST, "/admin/enrollment-tokens", new).await["token"].clone()
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn a_token_is_used_as_often_as_it_says_however_many_come_at_once() {
    let world = World::start().await;
    let token = token(&world, 3).await;
    let body = enrolment(&token, &csr());
    let attempts = (0..12).map(|_| world.send(Method::POST, "/device/v1/enroll", &JSON, body.clone()));
    let answers = futures_util::future::join_all(attempts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(
        (refused.status.as_u16(), refused.body["code"].as_str()),
        (400, Some("tokenUsedUp"))
    );
}

#[tokio::test]
async fn bad_enrolments_say_what_is_wrong() {
    let world = World::start().await;
    let good = token(&world, 5).await;
    let long = json!({"token": good, "csr": csr(), "device": {"name": "x".repeat(300), "osPlatform": "", "osVersion": "", "model": "", "agentVersion": ""}});
    for (body, status, code) in [
        (enrolment(&json!("no such token"), &csr()), 400, "tokenUnknown"),
        (enrolment(&good, "no request"), 400, "csrInvalid"),
        (long.to_string(), 400, "bodyInvalid"),
        ("{".to_string(), 400, "bodyInvalid"),
        ("{}".to_string(), 400, "bodyInvalid"),
    ] {
        let answer = world.send(Method::POST, "/device/v1/enroll", &JSON, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["code"].as_str().unwrap()),
            (status, code),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn who_has_a_good_token_is_not_locked_out_by_a_neighbour_who_guesses() {
    let world = World::start().await;
    let good = token(&world, 1).await;
    let enroll = async |token: &Value| {
        let body = enrolment(token, &csr());
        world
            .send(Method::POST, "/device/v1/enroll", &JSON, body)
            .await
            .status
            .as_u16()
    };
    let mut statuses = Vec::new();
    for n in 0..40 {
        statuses.push(enroll(&json!(format!("guess {n}"))).await);
    }
    assert_eq!((statuses[0], statuses[39]), (400, 429));
    assert_eq!(enroll(&good).await, 200);
}

#[tokio::test]
async fn an_event_counts_once_however_often_it_is_sent() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let report = json!({"kind": "siteReported", "url": "https://odd.example/", "comment": "", "report": "unsafe"});
    let events =
        json!([{"seq": 4, "time": EVENT_TIME, "event": report}, {"seq": 9, "time": EVENT_TIME, "event": report}]);
    for _ in 0..3 {
        assert_eq!(device.check_in(events.clone()).await["acknowledged"], 9);
    }
    let reports = world.local(Method::GET, "/admin/reports", Value::Null).await;
    assert_eq!(reports["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_jailbreak_raises_the_risk_and_resolves_by_itself() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let finding = json!({"rule": "fs.var_jb.symlink", "group": "rootless", "detail": "/var/jb is there", "weight": 0.9, "families": []});
    let assessment = |level: &str, findings: Value| json!({"level": level, "score": 0.9, "findings": findings, "rulesVersion": "1", "answered": 1, "unanswered": 0, "unknown": 0});
    let event = |seq: u64, event: Value| json!([{"seq": seq, "time": EVENT_TIME, "event": event}]);
    let confirmed =
        json!({"kind": "jailbreak", "level": "confirmed", "assessment": assessment("confirmed", json!([finding]))});
    let reply = device.check_in(event(1, confirmed)).await;
    assert_eq!(reply["access"]["allowed"], false);
    let suspected =
        json!({"kind": "jailbreak", "level": "suspected", "assessment": assessment("suspected", json!([finding]))});
    let reply = device.check_in(event(2, suspected)).await;
    assert_eq!(reply["access"]["allowed"], false, "hiding traces opens nothing");
    let cleared = json!({"kind": "jailbreakCleared", "assessment": assessment("none", json!([]))});
    let reply = device.check_in(event(3, cleared)).await;
    assert_eq!(reply["access"]["allowed"], true);
    let alerts = world
        .local(Method::GET, "/api/alerts?$expand=evidence", Value::Null)
        .await;
    let alert = &alerts["value"][0];
    assert_eq!(
        (alert["severity"].as_str(), alert["status"].as_str()),
        (Some("High"), Some("Resolved"))
    );
    assert!(!alert["evidence"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_new_indicator_is_pushed_and_stands_in_the_signed_bundle() {
    let world = World::start().await;
    let device = world.device("phone", "sales").await;
    let mut push = device.push().await;
    let first = push.next().await.unwrap()["version"].as_u64().unwrap();
    let indicator = |value: &str, groups: Value| json!({"indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d", "rbacGroupNames": groups});
    world
        .local(
            Method::POST,
            "/api/indicators",
            indicator("evil.example", json!(["sales"])),
        )
        .await;
    world
        .local(
            Method::POST,
            "/api/indicators",
            indicator("other.example", json!(["board"])),
        )
        .await;
    let version = push.next().await.unwrap()["version"].as_u64().unwrap();
    assert!(version > first);
    let answer = device.call(Method::GET, "/device/v1/bundle", &[], "").await;
    let tag = answer.headers["etag"].to_str().unwrap().to_string();
    let again = device
        .call(Method::GET, "/device/v1/bundle", &[("if-none-match", &tag)], "")
        .await;
    assert_eq!(again.status, 304);
    let bundle = fetch(&world, &device).await;
    let now = Timestamp::from_micros(EVENT_TIME);
    assert!(bundle.indicators().lookup_host("www.evil.example", now).is_some());
    assert!(
        bundle.indicators().lookup_host("other.example", now).is_none(),
        "it is for another group"
    );
    assert!(moat_policy::jailbreak::Rules::parse(bundle.jailbreak_rules()).is_ok());
}

#[tokio::test]
async fn a_row_that_cannot_be_used_keeps_no_other_from_devices() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let add = |name: &str| {
        let indicator = json!({"indicatorValue": name, "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d"});
        world.local(Method::POST, "/api/indicators", indicator)
    };
    for name in ["good.example", "bad.example", "worse.example"] {
        add(name).await;
    }
    let mut tx = world.app.db.begin().await.unwrap();
    for damage in [
        "UPDATE indicators SET canonical = 'no name' WHERE value = 'bad.example'",
        "UPDATE indicators SET action = 'Explode' WHERE value = 'worse.example'",
    ] {
        sqlx::query(damage).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    add("last.example").await;
    let bundle = fetch(&world, &device).await;
    let blocked = |host| {
        bundle
            .indicators()
            .lookup_host(host, Timestamp::from_micros(EVENT_TIME))
            .is_some()
    };
    assert!(blocked("good.example") && blocked("last.example"));
    assert!(!blocked("bad.example") && !blocked("worse.example"));
    let status = world.local(Method::GET, "/admin/status", Value::Null).await;
    assert_eq!(status["unusableIndicators"], 2);
}

/// The device's bundle, verified with the key that devices pin.
async fn fetch(world: &World, device: &crate::world::Device) -> Bundle {
    let answer = device.bytes("/device/v1/bundle").await;
    let key = world.app.keys.bundle.verifying_key();
    Bundle::open(answer, &key).unwrap()
}

#[tokio::test]
async fn a_renewed_certificate_works_and_revocation_ends_everything_at_once() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let renewed = device
        .call(
            Method::POST,
            "/device/v1/renew",
            &JSON,
            json!({"csr": csr()}).to_string(),
        )
        .await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    assert_ne!(renewed.body["certificate"].as_str(), Some(device.certificate.as_str()));
    let mut push = device.push().await;
    push.next().await.unwrap();
    world
        .local(Method::POST, &format!("/admin/devices/{}/revoke", device.id), json!({}))
        .await;
    assert_eq!(push.next().await, None, "the push connection ends");
    let refused = device.call(Method::GET, "/device/v1/bundle", &[], "").await;
    assert_eq!(
        (refused.status.as_u16(), refused.body["code"].as_str()),
        (403, Some("deviceRevoked"))
    );
}

#[tokio::test]
async fn a_posture_run_reaches_a_device_now_or_when_it_comes_back() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let ask = format!("/admin/devices/{}/posture", device.id);
    assert_eq!(world.local(Method::POST, &ask, json!({})).await["delivered"], false);
    assert_eq!(device.check_in(json!([])).await["commands"], json!(["runPosture"]));
    assert_eq!(device.check_in(json!([])).await["commands"], json!([]));
    let mut push = device.push().await;
    push.next().await.unwrap();
    assert_eq!(world.local(Method::POST, &ask, json!({})).await["delivered"], true);
    assert_eq!(push.next().await.unwrap()["command"], "runPosture");
}
