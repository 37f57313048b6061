use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Client, World};

async fn names(client: &Client<'_>, query: &str) -> String {
    let list = client.get(&format!("/api/machines{query}")).await;
    match list.body["value"].as_array() {
        Some(value) => value
            .iter()
            .filter_map(|m| m["computerDnsName"].as_str())
            .collect::<Vec<_>>()
            .join(" "),
        None => format!("{}: {}", list.outcome(), list.message()),
    }
}

#[tokio::test]
async fn machines_are_listed_and_found_by_id_or_name() {
    let world = World::start().await;
    let client = world.client("c", &[Role::MachineReadAll]).await;
    assert_eq!(
        client.get("/api/machines").await.outcome(),
        "404 ResourceNotFound",
        "as Defender when there is none"
    );
    let phone = world.device("phone", "sales").await;
    let tablet = world.device("tablet", "").await;
    phone.check_in(json!([])).await;
    tablet.check_in(json!([])).await;
    let found = client.get(&format!("/api/machines/{}", phone.id)).await.body;
    for (name, value) in [
        ("computerDnsName", json!("phone")),
        ("osPlatform", json!("Linux")),
        ("version", json!("13")),
        ("healthStatus", json!("Active")),
        ("onboardingStatus", json!("onboarded")),
        ("riskScore", json!("None")),
        ("rbacGroupName", json!("sales")),
        ("lastIpAddress", json!("192.0.2.7")),
        ("machineTags", json!([])),
        ("aadDeviceId", Value::Null),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
    assert_eq!(
        client.get("/api/v1.0/machines/tablet").await.body["id"],
        json!(tablet.id)
    );
    assert_eq!(
        client.get("/api/machines/nobody").await.outcome(),
        "404 ResourceNotFound"
    );
    for (query, found) in [
        ("?$orderby=computerDnsName", "phone tablet"),
        ("?$orderby=computerDnsName&$top=1", "phone"),
        ("?$filter=rbacGroupName+eq+'sales'", "phone"),
        (
            "?$filter=healthStatus+eq+'Active'+and+riskScore+eq+'None'&$orderby=computerDnsName+desc",
            "tablet phone",
        ),
        ("?$filter=startswith(computerDnsName,'tab')", "tablet"),
        ("?$filter=exposureLevel+eq+'High'", ""),
        ("?$filter=healthStatus+eq+'Inactive'", ""),
        ("?$filter=lastSeen+lt+2020-01-01T00:00:00Z", ""),
    ] {
        assert_eq!(names(&client, query).await, found, "{query}");
    }
    assert!(
        names(&client, "?$filter=colour+eq+'red'")
            .await
            .starts_with("400 ODataError")
    );
}

#[tokio::test]
async fn tags_are_added_found_and_removed() {
    let world = World::start().await;
    let client = world.client("c", &[Role::MachineReadWriteAll]).await;
    let phone = world.device("phone", "").await;
    let tablet = world.device("tablet", "").await;
    let path = format!("/api/machines/{}/tags", phone.id);
    let tag = async |value: &str, action: &str| client.post(&path, json!({"Value": value, "Action": action})).await;
    assert_eq!(tag("board", "Add").await.body["machineTags"], json!(["board"]));
    assert_eq!(tag("board", "Add").await.body["machineTags"], json!(["board"]));
    let many = json!({"Value": "boardroom", "Action": "Add", "MachineIds": [phone.id, tablet.id]});
    assert_eq!(
        client
            .post("/api/machines/AddOrRemoveTagForMultipleMachines", many)
            .await
            .outcome(),
        "200"
    );
    assert_eq!(names(&client, "/findbytag?tag=board").await, "phone");
    let both = client
        .get("/api/machines/findbytag?tag=board&useStartsWithFilter=true")
        .await;
    assert_eq!(both.body["value"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        names(
            &client,
            "?$filter=machineTags/any(t:t+eq+'boardroom')+and+not+machineTags/any(t:t+eq+'board')"
        )
        .await,
        "tablet"
    );
    assert_eq!(tag("board", "Remove").await.body["machineTags"], json!(["boardroom"]));
    assert_eq!(tag("", "Add").await.outcome(), "400 InvalidInput");
    assert_eq!(tag("x", "Toggle").await.outcome(), "400 InvalidInput");
    let unknown =
        json!({"Value": "x", "Action": "Add", "MachineIds": [phone.id, "019ab000-0000-7000-8000-000000000000"]});
    assert_eq!(
        client
            .post("/api/machines/AddOrRemoveTagForMultipleMachines", unknown)
            .await
            .outcome(),
        "404 ResourceNotFound"
    );
    assert_eq!(names(&client, "/findbytag?tag=x").await, "", "all or none");
    let too_many = json!({"Value": "x", "Action": "Add", "MachineIds": vec![phone.id.clone(); 501]});
    let answer = client
        .post("/api/machines/AddOrRemoveTagForMultipleMachines", too_many)
        .await;
    assert_eq!(answer.outcome(), "400 MaximumBatchSizeExceeded");
    assert_eq!(
        client.get("/api/machines/findbytag").await.outcome(),
        "400 MissingRequiredParameter"
    );
}

#[tokio::test]
async fn pages_hold_each_machine_once_though_they_check_in_meanwhile() {
    let world = World::start().await;
    let client = world.client("c", &[Role::MachineReadAll]).await;
    let mut devices = Vec::new();
    for n in 0..4 {
        devices.push(world.device(&format!("phone{n}"), "").await);
    }
    let mut seen = Vec::new();
    for page in 0..4 {
        let list = client.get(&format!("/api/machines?$top=1&$skip={page}")).await;
        seen.push(list.body["value"][0]["id"].as_str().unwrap().to_string());
        devices[3 - page].check_in(json!([])).await;
    }
    let mut known: Vec<_> = devices.iter().map(|device| device.id.clone()).collect();
    known.sort();
    assert_eq!(seen, known, "in the order of their ids");
}
