//! The question of a reverse proxy: may this device in?

use http::Method;
use serde_json::{Value, json};

use crate::world::{EVENT_TIME, World};

/// As nginx's `$ssl_client_escaped_cert` has it.
fn escaped(pem: &str) -> String {
    pem.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

async fn ask(world: &World, key: &str, certificate: Option<&str>) -> (u16, Value, String) {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(certificate.map(|certificate| ("x-client-cert", certificate)));
    let answer = world.send(Method::GET, "/access/check", &headers, "").await;
    let link = answer
        .headers
        .get("x-moat-link")
        .map(|link| link.to_str().unwrap().to_string())
        .unwrap_or_default();
    (answer.status.as_u16(), answer.body, link)
}

#[tokio::test]
async fn only_known_devices_below_high_risk_come_in_and_the_user_is_told_why_not() {
    let world = World::start().await;
    let key = world
        .local(Method::POST, "/admin/gateways", json!({"name": "intranet"}))
        .await;
    let key = key["key"].as_str().unwrap();
    let device = world.device("phone", "").await;
    let certificate = escaped(&device.certificate);

    assert_eq!(ask(&world, key, Some(&certificate)).await.0, 200);
    assert_eq!(
        ask(&world, "wrong", Some(&certificate)).await.0,
        401,
        "the header counts only from a gateway"
    );
    assert_eq!(ask(&world, key, None).await.0, 403);
    let stranger = rcgen::generate_simple_self_signed(vec!["x".into()]).unwrap().cert.pem();
    assert_eq!(ask(&world, key, Some(&escaped(&stranger))).await.0, 403);
    assert_eq!(ask(&world, key, Some("%%%")).await.0, 403);

    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    let assessment = json!({"level": "confirmed", "score": 0.9, "findings": [finding], "rulesVersion": "1", "answered": 1, "unanswered": 0, "unknown": 0});
    let event = json!({"kind": "jailbreak", "level": "confirmed", "assessment": assessment});
    device
        .check_in(json!([{"seq": 1, "time": EVENT_TIME, "event": event}]))
        .await;
    let (status, body, link) = ask(&world, key, Some(&certificate)).await;
    assert_eq!((status, body["allowed"].as_bool()), (403, Some(false)));
    let path = link
        .split_once("/why/")
        .map(|(_, token)| format!("/why/{token}"))
        .unwrap();
    let page = world.send(Method::GET, &path, &[], "").await;
    assert!(page.text.contains("Device is jailbroken"), "{}", page.text);
    let forged = world.send(Method::GET, &format!("{path}x"), &[], "").await;
    assert_eq!(forged.status, 404);
}
