//! Device groups: one rule for their names, wherever one is given.

use http::Method;
use moat_indicators::Bundle;
use moat_model::Timestamp;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{EVENT_TIME, World};

fn block(value: &str, groups: Value) -> Value {
    json!({"indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d", "rbacGroupNames": groups})
}

#[tokio::test]
async fn a_group_with_a_comma_is_one_group() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let device = world.device("phone", "Sales, EMEA").await;
    for body in [
        block("array.example", json!(["Sales, EMEA", "staff"])),
        block("text.example", json!("Sales, EMEA")),
        block("other.example", json!(["staff", "board"])),
    ] {
        let answer = client.post("/api/indicators", body).await;
        assert_eq!(answer.outcome(), "200", "{}", answer.text);
    }
    let bytes = device.bytes("/device/v1/bundle").await;
    let bundle = Bundle::open(bytes, &world.app.keys.bundle.verifying_key()).unwrap();
    let now = Timestamp::from_micros(EVENT_TIME);
    let blocked = |host: &str| bundle.indicators().lookup_host(host, now).is_some();
    assert_eq!(
        [
            blocked("array.example"),
            blocked("text.example"),
            blocked("other.example")
        ],
        [true, false, false],
        "only one text is split at its commas"
    );
    let found = async |test: &str| {
        let path = format!("/api/indicators?$filter=rbacGroupNames/any(g:{test})&$orderby=id");
        let list = client.get(&path).await;
        let rows = list.body["value"].as_array().cloned().unwrap_or_default();
        let value = |row: &Value| row["indicatorValue"].as_str().unwrap().replace(".example", "");
        rows.iter().map(value).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("g+eq+'Sales,+EMEA'").await, "array");
    assert_eq!(
        found("contains(g,',')").await,
        "array",
        "a comma between two groups is in neither"
    );
    assert_eq!(found("startswith(g,',')").await, "");
    assert_eq!(found("endswith(g,',')").await, "");
    assert_eq!(found("g+eq+'EMEA'").await, "text");
}

#[tokio::test]
async fn the_same_names_are_good_for_devices_and_for_indicators() {
    let world = World::start().await;
    let client = world
        .client(
            "c",
            &[Role::TiReadWriteAll, Role::MoatAdministrate, Role::MachineReadAll],
        )
        .await;
    let long = "g".repeat(101);
    for name in ["a\"b", "a\\b", "a[b", "a]b", "a\u{7}b", long.as_str()] {
        let token = json!({"lifetimeSeconds": 60, "maxUses": 1, "management": "managed", "deviceGroup": name});
        let answer = client.post("/admin/enrollment-tokens", token).await;
        assert_eq!(answer.outcome(), "400 InvalidInput", "{name:?}");
        assert!(answer.message().starts_with("deviceGroup"), "{}", answer.message());
        let answer = client.post("/api/indicators", block("x.example", json!([name]))).await;
        assert_eq!(answer.outcome(), "400 InvalidInput", "{name:?}");
        assert!(answer.message().starts_with("rbacGroupNames"), "{}", answer.message());
    }
    let phone = world.device("phone", " Büro ").await;
    let found = client.get(&format!("/api/machines/{}", phone.id)).await;
    assert_eq!(found.body["rbacGroupName"], "Büro");
    let made = client
        .post("/api/indicators", block("x.example", json!([" Büro ", ""])))
        .await;
    assert_eq!(made.body["rbacGroupNames"], json!(["Büro"]));
}

#[tokio::test]
async fn an_empty_list_of_groups_is_every_device_whatever_the_old_name_says() {
    let world = World::start().await;
    let client = world.client("c", &[Role::TiReadWriteAll]).await;
    let mut body = client
        .post("/api/indicators", block("x.example", json!(["sales"])))
        .await
        .body;
    body["rbacGroupNames"] = json!([]);
    let changed = client.post("/api/indicators", body).await;
    assert_eq!(changed.body["rbacGroupNames"], json!([]), "{}", changed.text);
    let old = json!({"indicatorValue": "y.example", "indicatorType": "DomainName", "action": "Block", "title": "t", "description": "d", "rbacGroupIds": ["staff"]});
    let answer = client.call(Method::POST, "/api/indicators", Some(old)).await;
    assert_eq!(answer.body["rbacGroupNames"], json!(["staff"]));
}
