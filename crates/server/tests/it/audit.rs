//! The audit log says who changed what, from what to what.

use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{EVENT_TIME, World};

/// The newest row about a noun.
async fn last(world: &World, noun: &str) -> Value {
    let log = world.local(Method::GET, "/admin/audit?top=1000", Value::Null).await;
    let rows = log["value"].as_array().unwrap();
    let row = rows.iter().find(|row| row["noun"] == noun);
    row.unwrap_or_else(|| panic!("no row about {noun}: {log}")).clone()
}

fn pair(row: &Value, field: &str) -> (Value, Value) {
    (row["before"][field].clone(), row["after"][field].clone())
}

#[tokio::test]
async fn taking_something_away_says_what_it_was() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    world
        .local(Method::POST, &format!("/admin/devices/{}/revoke", device.id), json!({}))
        .await;
    let row = last(&world, "device").await;
    assert_eq!((&row["action"], &row["nounId"]), (&json!("revoke"), &json!(device.id)));
    assert_eq!(pair(&row, "name"), (json!("phone"), json!("phone")));
    assert_eq!(pair(&row, "revoked"), (json!(false), json!(true)));

    let new = json!({"lifetimeSeconds": 3600, "maxUses": 3, "management": "unmanaged", "deviceGroup": "sales"});
    let token = world.local(Method::POST, "/admin/enrollment-tokens", new).await;
    let id = token["id"].as_str().unwrap();
    world
        .local(Method::DELETE, &format!("/admin/enrollment-tokens/{id}"), Value::Null)
        .await;
    let row = last(&world, "enrollment token").await;
    assert_eq!((&row["action"], &row["nounId"]), (&json!("revoke"), &json!(id)));
    assert_eq!(pair(&row, "deviceGroup"), (json!("sales"), json!("sales")));
    assert_eq!(pair(&row, "maxUses"), (json!(3), json!(3)));
    assert_eq!(pair(&row, "revoked"), (json!(false), json!(true)));

    let gateway = world
        .local(Method::POST, "/admin/gateways", json!({"name": "intranet"}))
        .await;
    world
        .local(Method::DELETE, "/admin/gateways/intranet", Value::Null)
        .await;
    let row = last(&world, "gateway").await;
    assert_eq!((&row["action"], &row["nounId"]), (&json!("disable"), &gateway["id"]));
    assert_eq!(pair(&row, "name"), (json!("intranet"), json!("intranet")));
    assert_eq!(pair(&row, "disabled"), (json!(false), json!(true)));
}

#[tokio::test]
async fn a_device_s_certificates_tags_and_reports_are_followed() {
    let world = World::start().await;
    let client = world
        .client("c", &[Role::MachineReadWriteAll, Role::MachineReadAll])
        .await;
    let device = world.device("phone", "").await;
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let body = json!({"csr": csr.pem().unwrap()}).to_string();
    let json_body = [("content-type", "application/json")];
    let renewed = device.call(Method::POST, "/device/v1/renew", &json_body, body).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    let row = last(&world, "device certificate").await;
    let (before, after) = pair(&row, "fingerprint");
    assert_eq!(
        (before.as_str().unwrap().len(), after.as_str().unwrap().len()),
        (64, 64)
    );
    assert_ne!(before, after);
    assert!(row["before"]["notAfter"].is_string() && row["after"]["notAfter"].is_string());

    let tags = format!("/api/machines/{}/tags", device.id);
    for (tag, action) in [("one", "Add"), ("two", "Add"), ("one", "Remove")] {
        client.post(&tags, json!({"Value": tag, "Action": action})).await;
    }
    let row = last(&world, "device").await;
    assert_eq!(row["action"], "untag");
    assert_eq!(pair(&row, "tags"), (json!(["one", "two"]), json!(["two"])));

    let report = json!({"kind": "siteReported", "url": "http://odd.example/x", "comment": "", "report": "unsafe"});
    device
        .check_in(json!([{"seq": 1, "time": EVENT_TIME, "event": report}]))
        .await;
    let reports = world.local(Method::GET, "/admin/reports", Value::Null).await;
    let id = reports["value"][0]["id"].as_str().unwrap();
    world
        .local(
            Method::POST,
            &format!("/admin/reports/{id}/decide"),
            json!({"decision": "block"}),
        )
        .await;
    let row = last(&world, "site report").await;
    assert_eq!(pair(&row, "status"), (json!("open"), json!("blocked")));
    assert_eq!(
        pair(&row, "url"),
        (json!("http://odd.example/x"), json!("http://odd.example/x"))
    );
    assert_eq!(pair(&row, "indicator"), (Value::Null, json!("1")));
}

#[tokio::test]
async fn what_changes_nothing_visible_is_there_too() {
    let world = World::start().await;
    let device = world.device("phone", "").await;
    let ask = format!("/admin/devices/{}/posture", device.id);
    world.local(Method::POST, &ask, json!({})).await;
    let row = last(&world, "device").await;
    assert_eq!(
        (&row["action"], &row["nounId"]),
        (&json!("request posture"), &json!(device.id))
    );
    world.local(Method::POST, "/admin/setup-link", json!({})).await;
    let row = last(&world, "set-up link").await;
    assert_eq!(row["action"], "create");
    assert!(row["actor"].as_str().unwrap().starts_with("local user"), "{row}");
    assert!(!row.to_string().contains("/setup/"), "the link is a secret");
}

#[tokio::test]
async fn sign_ins_are_there_and_failed_ones_only_as_many_as_may_be_tried() {
    let world = World::start().await;
    let link = moat_server::setup_link(&world.app).await.unwrap().unwrap();
    let form = "name=ana&password=correct+horse+battery&again=correct+horse+battery";
    let made = world.form(&link[link.find("/setup/").unwrap()..], form).await;
    assert_eq!(made.status, 303);
    let form = "name=ana&password=correct+horse+battery";
    assert_eq!(world.form("/sign-in", form).await.status, 303);
    let row = last(&world, "administrator").await;
    assert_eq!(
        (&row["action"], &row["after"]["address"]),
        (&json!("sign in"), &json!("127.0.0.1"))
    );
    let long = format!("name={}&password=wrong", "n".repeat(10_000));
    for form in std::iter::repeat_n("name=ana&password=wrong", 14).chain([long.as_str()]) {
        world.form("/sign-in", form).await;
    }
    let log = world.local(Method::GET, "/admin/audit?top=1000", Value::Null).await;
    let rows = log["value"].as_array().unwrap();
    let failed: Vec<_> = rows.iter().filter(|row| row["action"] == "failed sign-in").collect();
    assert_eq!(failed.len(), 10, "as many as the limit lets through");
    let row = failed[0];
    assert_eq!(
        (&row["noun"], &row["after"]["name"]),
        (&json!("administrator"), &json!("ana"))
    );
    assert_eq!(row["after"]["address"], "127.0.0.1");
}
