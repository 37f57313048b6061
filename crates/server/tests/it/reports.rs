//! Reported sites: what a decision makes of them, and that there is one decision.

use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Answer, Client, Device, EVENT_TIME, World};

const DECIDE: &[Role] = &[Role::MoatAdministrate];

/// Has the device report these sites, and gives the ids of the reports, in their order.
async fn report(world: &World, device: &Device, urls: &[&str]) -> Vec<String> {
    let event = |(seq, url): (usize, &&str)| {
        let event = json!({"kind": "siteReported", "url": url, "comment": "", "report": "unsafe"});
        json!({"seq": seq + 1, "time": EVENT_TIME, "event": event})
    };
    let events: Vec<Value> = urls.iter().enumerate().map(event).collect();
    device.check_in(json!(events)).await;
    let list = world.local(Method::GET, "/admin/reports", Value::Null).await;
    let list = list["value"].as_array().unwrap();
    let id = |url: &&str| {
        let report = list.iter().find(|report| report["url"] == *url).unwrap();
        report["id"].as_str().unwrap().to_string()
    };
    urls.iter().map(id).collect()
}

async fn decide(client: &Client<'_>, id: &str, decision: &str) -> Answer {
    let path = format!("/admin/reports/{id}/decide");
    client.post(&path, json!({"decision": decision})).await
}

#[tokio::test]
async fn what_a_report_becomes_can_be_enforced_and_is_said() {
    let world = World::start().await;
    let client = world.client("c", DECIDE).await;
    let device = world.device("phone", "").await;
    let urls = [
        "https://bank.example/login?x=1",
        "http://shop.example/pay",
        "HTTPS://good.example:8443/a",
        "https://192.0.2.8/x",
        "https://intranet/x",
        "http://whole.example/",
    ];
    let ids = report(&world, &device, &urls).await;
    for (n, decision, kind, value) in [
        (0, "block", "DomainName", "bank.example"),
        (1, "block", "Url", "http://shop.example/pay"),
        (2, "allow", "DomainName", "good.example"),
        (3, "block", "IpAddress", "192.0.2.8"),
        (4, "block", "Url", "https://intranet/"),
        (5, "block", "DomainName", "whole.example"),
    ] {
        let answer = decide(&client, &ids[n], decision).await;
        assert_eq!(answer.outcome(), "200", "{}", answer.text);
        let made = &answer.body["indicator"];
        assert_eq!(
            (made["indicatorType"].as_str(), made["indicatorValue"].as_str()),
            (Some(kind), Some(value)),
            "{}",
            urls[n]
        );
        assert_eq!(answer.body["indicatorId"], made["id"]);
        let widened = urls[n].to_ascii_lowercase().starts_with("https://");
        assert_eq!(answer.body["note"].as_str().is_some(), widened, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_path_is_never_said_to_be_blocked_over_https() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let page = |url: &str| json!({"indicatorValue": url, "indicatorType": "Url", "action": "Block", "title": "t", "description": "d"});
    let secure = client.post("/api/indicators", page("https://evil.example/login")).await;
    let said = secure.body["additionalInfo"].as_str().unwrap_or_default();
    assert!(said.contains("only over plain HTTP"), "{}", secure.text);
    for url in ["http://plain.example/login", "https://host.example/"] {
        let answer = client.post("/api/indicators", page(url)).await;
        assert_eq!(answer.body["additionalInfo"], Value::Null, "{url}");
    }
    let explain = async |value: &str| {
        let answer = client.post("/admin/indicators/explain", json!({"value": value})).await;
        answer.body["decision"].clone()
    };
    let over_tls = explain("https://evil.example/login").await;
    assert_eq!(over_tls["action"], "Allowed");
    assert!(
        over_tls["reason"].as_str().unwrap().contains("only the host"),
        "{over_tls}"
    );
    assert_eq!(explain("http://evil.example/login").await["action"], "Block");
    assert_eq!(explain("https://host.example/any").await["action"], "Block");
}

#[tokio::test]
async fn of_decisions_at_the_same_time_one_holds() {
    let world = World::start().await;
    let client = world.client("c", DECIDE).await;
    let device = world.device("phone", "").await;
    let urls: Vec<String> = (0..5).map(|n| format!("http://s{n}.example/x")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    for (n, id) in report(&world, &device, &urls).await.into_iter().enumerate() {
        let tries = ["block", "allow", "dismiss", "block", "allow", "dismiss"].map(|d| decide(&client, &id, d));
        let answers = futures_util::future::join_all(tries).await;
        let count = |status: u16| answers.iter().filter(|a| a.status == status).count();
        assert_eq!((count(200), count(409)), (1, 5));
        let held = answers.iter().find(|a| a.status == 200).unwrap();
        let all = world.local(Method::GET, "/api/indicators", Value::Null).await;
        let of_this = format!("http://s{n}.example/x");
        let made: Vec<_> = all["value"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|i| i["indicatorValue"] == of_this)
            .collect();
        let expected = usize::from(held.body["status"] != "dismissed");
        assert_eq!(made.len(), expected, "an indicator of a decision that did not hold");
    }
    let answer = decide(&client, "no-such-report", "block").await;
    assert_eq!(answer.outcome(), "404 ResourceNotFound");
}

#[tokio::test]
async fn what_cannot_be_decided_leaves_the_report_open() {
    let world = World::start().await;
    let client = world.client("c", DECIDE).await;
    let device = world.device("phone", "").await;
    let id = report(&world, &device, &["no url at all"]).await.remove(0);
    let path = format!("/admin/reports/{id}/decide");
    let refused = client.post(&path, json!({"decision": "dismiss", "why": "x"})).await;
    assert_eq!(refused.outcome(), "400 InvalidRequestBody");
    assert_eq!(decide(&client, &id, "block").await.outcome(), "400 InvalidUrl");
    let reader = world.client("reader", &[Role::AlertReadAll]).await;
    assert_eq!(decide(&reader, &id, "dismiss").await.outcome(), "403 Forbidden");
    let dismissed = decide(&client, &id, "dismiss").await;
    assert_eq!(dismissed.body["status"], "dismissed", "{}", dismissed.text);
}
