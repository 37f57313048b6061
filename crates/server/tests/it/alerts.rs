use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Client, Device, World};

const TRIAGE: &[Role] = &[Role::AlertReadWriteAll, Role::MachineReadAll, Role::TiReadWriteAll];

/// A device that hit two indicators: one High, one Low.
async fn hit_twice(world: &World, client: &Client<'_>) -> Device {
    for (value, severity) in [("evil.example", "High"), ("odd.example", "Low")] {
        let body = json!({
            "indicatorValue": value, "indicatorType": "DomainName", "action": "Block", "title": format!("Site {value}"),
            "description": "d", "severity": severity, "generateAlert": true,
        });
        assert_eq!(client.post("/api/indicators", body).await.outcome(), "200");
    }
    let device = world.device("phone", "sales").await;
    device.hits(1, 1, "login.evil.example", "203.0.113.9").await;
    device.hits(2, 2, "odd.example", "203.0.113.10").await;
    device
}

async fn alert_of(client: &Client<'_>, severity: &str) -> Value {
    let list = client
        .get(&format!(
            "/api/alerts?$filter=severity+eq+'{severity}'&$expand=evidence"
        ))
        .await;
    assert_eq!(list.body["value"].as_array().map(Vec::len), Some(1), "{}", list.text);
    list.body["value"][0].clone()
}

async fn titles(client: &Client<'_>, query: &str) -> String {
    let list = client.get(&format!("/api/alerts?{query}")).await;
    match list.body["value"].as_array() {
        Some(value) => value
            .iter()
            .filter_map(|a| a["title"].as_str())
            .collect::<Vec<_>>()
            .join(", "),
        None => format!("{}: {}", list.outcome(), list.message()),
    }
}

#[tokio::test]
async fn an_alert_has_every_field_and_flat_evidence() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    let device = hit_twice(&world, &client).await;
    let alert = alert_of(&client, "High").await;
    for (name, value) in [
        ("machineId", json!(device.id)),
        ("computerDnsName", json!("phone")),
        ("rbacGroupName", json!("sales")),
        ("status", json!("New")),
        ("detectionSource", json!("CustomerTI")),
        ("aadTenantId", json!(world.app.tenant)),
        ("firstEventTime", json!("2025-11-24T16:00:00.0000000Z")),
        ("resolvedTime", Value::Null),
        ("classification", Value::Null),
        ("incidentId", Value::Null),
        ("comments", json!([])),
    ] {
        assert_eq!(alert[name], value, "{name}");
    }
    let evidence = &alert["evidence"][0];
    assert_eq!(
        (&evidence["url"], &evidence["ipAddress"]),
        (&json!("login.evil.example"), &json!("203.0.113.9"))
    );
    assert!(
        evidence.as_object().unwrap().contains_key("registryKey"),
        "nulls are kept"
    );
    let id = alert["id"].as_str().unwrap();
    assert_eq!(
        client.get("/api/alerts").await.body["value"][0]["evidence"],
        json!([]),
        "only with $expand=evidence"
    );
    assert_eq!(
        client.get(&format!("/api/alerts/{id}/domains")).await.body["value"],
        json!([{"host": "login.evil.example"}])
    );
    assert_eq!(
        client.get(&format!("/api/alerts/{id}/ips")).await.body["value"],
        json!([{"id": "203.0.113.9"}])
    );
    assert_eq!(
        client.get(&format!("/api/alerts/{id}/machine")).await.body["id"],
        json!(device.id)
    );
    assert_eq!(client.get("/api/alerts/da0_0").await.outcome(), "404 ResourceNotFound");
    let user = client.get(&format!("/api/alerts/{id}/user")).await;
    assert_eq!(user.outcome(), "404 ResourceNotFound");
    assert!(user.message().contains("no user"), "{}", user.message());
}

#[tokio::test]
async fn filters_find_alerts() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    let device = hit_twice(&world, &client).await;
    let high = alert_of(&client, "High").await;
    client
        .call(
            Method::PATCH,
            &format!("/api/alerts/{}", high["id"].as_str().unwrap()),
            Some(json!({"assignedTo": "eve"})),
        )
        .await;
    for (query, found) in [
        (
            "$filter=severity+ge+'Low'&$orderby=severity+desc",
            "Site evil.example, Site odd.example",
        ),
        ("$filter=asssignedTo+eq+'eve'", "Site evil.example"),
        ("$filter=assignedTo+eq+null", "Site odd.example"),
        (
            "$filter=status+ne+'Resolved'+and+title+eq+'Site+odd.example'",
            "Site odd.example",
        ),
        (
            "$filter=InvestigationId+eq+null+and+incidentId+ne+5&$top=1&$orderby=title",
            "Site evil.example",
        ),
        ("$filter=lastEventTime+gt+2025-11-24T16:00:00Z", ""),
        (
            "$filter=lastEventTime+ge+2025-11-24T16:00:00Z+and+detectionSource+eq+'CustomerTI'&$orderby=title&$skip=1",
            "Site odd.example",
        ),
        ("$filter=severity+eq+'UnSpecified'", ""),
    ] {
        assert_eq!(titles(&client, query).await, found, "{query}");
    }
    assert!(
        titles(&client, "$filter=severity+eq+'Awful'")
            .await
            .starts_with("400 ODataError")
    );
    assert!(titles(&client, "$expand=machine").await.starts_with("400 ODataError"));
    let of_machine = client
        .get(&format!("/api/machines/{}/alerts?$count=true", device.id))
        .await;
    assert_eq!(of_machine.body["@odata.count"], 2);
    assert_eq!(
        client.get("/api/machines/nobody/alerts").await.outcome(),
        "404 ResourceNotFound"
    );
}

#[tokio::test]
async fn triage_keeps_what_is_not_named_and_resolving_lowers_the_risk() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    let device = hit_twice(&world, &client).await;
    let risk = async || client.get(&format!("/api/machines/{}", device.id)).await.body["riskScore"].clone();
    assert_eq!(risk().await, "High");
    let id = alert_of(&client, "High").await["id"].as_str().unwrap().to_string();
    let path = format!("/api/alerts/{id}");
    let patch = async |body: Value| client.call(Method::PATCH, &path, Some(body)).await;

    let first = patch(json!({"status": "InProgress", "assignedTo": "eve@example.com"})).await;
    assert_eq!(first.outcome(), "200", "{}", first.text);
    let second = patch(json!({"classification": "FalsePositive", "determination": "Clean", "comment": "seen"}))
        .await
        .body;
    assert_eq!(
        (&second["status"], &second["assignedTo"]),
        (&json!("InProgress"), &json!("eve@example.com"))
    );
    assert_eq!(
        (&second["classification"], &second["determination"]),
        (&json!("FalsePositive"), &json!("Clean"))
    );
    assert_eq!(second["comments"][0]["comment"], "seen");
    assert_eq!(second["comments"][0]["createdBy"], "client soc");
    assert_eq!(risk().await, "High");

    let third = patch(json!({"status": "Resolved", "classification": "TruePositive", "determination": "Phishing"}))
        .await
        .body;
    assert!(third["resolvedTime"].is_string());
    assert_eq!(risk().await, "Low", "the other alert decides now");
    assert_eq!(patch(json!({"status": "New"})).await.body["resolvedTime"], Value::Null);
    assert_eq!(risk().await, "High");

    for (body, outcome, names) in [
        (json!({"status": "Done"}), "400 InvalidInput", "status"),
        (
            json!({"classification": "FalsePositive", "determination": "Malware"}),
            "400 InvalidInput",
            "Malware",
        ),
        (
            json!({"determination": "NotMalicious"}),
            "400 InvalidInput",
            "TruePositive",
        ),
        (json!({"Status": "New"}), "400 InvalidRequestBody", "status"),
        (
            json!({"Status": "New", "comment": "c"}),
            "400 InvalidRequestBody",
            "case-sensitive: status, not Status",
        ),
        (json!({}), "400 InvalidRequestBody", "status"),
        (
            json!({"status": null, "comment": null}),
            "400 InvalidRequestBody",
            "changes nothing",
        ),
        (json!({"assignedTo": 5}), "400 InvalidInput", "assignedTo"),
    ] {
        let answer = patch(body.clone()).await;
        assert_eq!(answer.outcome(), outcome, "{body}: {}", answer.text);
        assert!(answer.message().contains(names), "{body}: {}", answer.message());
    }
    let both =
        patch(json!({"classification": "InformationalExpectedActivity", "determination": "ConfirmedUserActivity"}))
            .await;
    assert_eq!(both.outcome(), "200");
    assert_eq!(
        patch(json!({"determination": "ConfirmedActivity"})).await.outcome(),
        "200"
    );
}

#[tokio::test]
async fn many_alerts_change_together_or_not_at_all() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    hit_twice(&world, &client).await;
    let (a, b) = (
        alert_of(&client, "High").await["id"].clone(),
        alert_of(&client, "Low").await["id"].clone(),
    );
    let update = async |body: Value| client.post("/api/alerts/batchUpdate", body).await;
    assert_eq!(
        update(json!({"alertIds": [a, "da0_0"], "status": "Resolved"}))
            .await
            .outcome(),
        "404 ResourceNotFound"
    );
    assert_eq!(titles(&client, "$filter=status+eq+'Resolved'").await, "");
    let done = update(json!({"alertIds": [a, b], "status": "Resolved"})).await;
    assert_eq!((done.status.as_u16(), done.text.as_str()), (200, ""));
    assert_eq!(
        titles(&client, "$filter=status+eq+'Resolved'&$orderby=title").await,
        "Site evil.example, Site odd.example"
    );
    assert_eq!(
        update(json!({"status": "Resolved"})).await.outcome(),
        "400 MissingRequiredParameter"
    );
    assert_eq!(
        update(json!({"alertIds": [], "status": "Resolved"})).await.outcome(),
        "400 MissingRequiredParameter"
    );
}

#[tokio::test]
async fn an_alert_is_made_from_an_event_once_per_title() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    let device = hit_twice(&world, &client).await;
    let body = json!({
        "machineId": device.id, "reportId": 1, "eventTime": "2025-11-24T16:00:00.0000000Z", "severity": "Medium", "title": "By hand",
        "description": "d", "recommendedAction": "look", "category": "Exploit",
    });
    let create = async |body: Value| client.post("/api/alerts/CreateAlertByReference", body).await;
    let made = create(body.clone()).await;
    assert_eq!(made.outcome(), "200", "{}", made.text);
    assert_eq!(
        (&made.body["title"], &made.body["category"]),
        (&json!("By hand"), &json!("Exploit"))
    );
    assert_eq!(
        create(body.clone()).await.body["id"],
        made.body["id"],
        "merged into the open one"
    );
    let change = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    for (name, value, outcome) in [
        ("reportId", json!(99), "404 ResourceNotFound"),
        ("eventTime", json!("2025-11-24T17:00:00Z"), "404 ResourceNotFound"),
        (
            "machineId",
            json!("019ab000-0000-7000-8000-000000000000"),
            "404 ResourceNotFound",
        ),
        ("severity", json!("Informational"), "400 InvalidInput"),
        ("category", json!("Magic"), "400 InvalidInput"),
        ("title", Value::Null, "400 MissingRequiredParameter"),
    ] {
        assert_eq!(create(change(name, value)).await.outcome(), outcome, "{name}");
    }
}

#[tokio::test]
async fn roles_decide_who_reads_and_who_changes() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    let reader = world.client("reader", &[Role::AlertReadAll]).await;
    let machines = world.client("machines", &[Role::MachineReadAll]).await;
    let device = hit_twice(&world, &client).await;
    let id = alert_of(&client, "High").await["id"].as_str().unwrap().to_string();
    let change = Some(json!({"status": "Resolved"}));
    let path = format!("/api/alerts/{id}");
    assert_eq!(reader.get(&path).await.outcome(), "200");
    assert_eq!(
        reader.call(Method::PATCH, &path, change.clone()).await.outcome(),
        "403 Forbidden"
    );
    assert_eq!(reader.get(&format!("{path}/machine")).await.outcome(), "403 Forbidden");
    assert_eq!(machines.get(&path).await.outcome(), "403 Forbidden");
    assert_eq!(
        machines
            .get(&format!("/api/machines/{}/alerts", device.id))
            .await
            .outcome(),
        "403 Forbidden"
    );
    let tag = json!({"Value": "x", "Action": "Add"});
    assert_eq!(
        machines
            .post(&format!("/api/machines/{}/tags", device.id), tag)
            .await
            .outcome(),
        "403 Forbidden"
    );
    assert_eq!(reader.get("/api/machines").await.outcome(), "403 Forbidden");
    assert_eq!(reader.get("/admin/status").await.outcome(), "403 Forbidden");
}

#[tokio::test]
async fn a_domain_is_counted_over_the_devices_that_met_it() {
    let world = World::start().await;
    let client = world.client("soc", TRIAGE).await;
    let reader = world.client("urls", &[Role::UrlReadAll]).await;
    hit_twice(&world, &client).await;
    // The event is older than any look-back: a fresh one counts.
    let fresh = world.device("tablet", "").await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64;
    let site = json!({"value": "https://login.evil.example/x", "seenIn": "http", "remoteIp": null});
    let event = json!({"kind": "webThreat", "indicator": 1, "action": "Block", "site": site, "count": 1});
    fresh.check_in(json!([{"seq": 1, "time": now, "event": event}])).await;
    let stats = async |domain: &str, query: &str| reader.get(&format!("/api/domains/{domain}/stats{query}")).await;
    let found = stats("Evil.Example", "").await.body;
    assert_eq!(
        (&found["host"], &found["organizationPrevalence"]),
        (&json!("evil.example"), &json!(1))
    );
    assert!(found["orgLastSeen"].is_string());
    let unknown = stats("vil.example", "?lookBackHours=1").await.body;
    assert_eq!(
        (&unknown["organizationPrevalence"], &unknown["orgFirstSeen"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(
        stats("evil.example", "?lookBackHours=721").await.outcome(),
        "400 InvalidInput"
    );
    assert_eq!(stats("localhost", "").await.outcome(), "400 InvalidDomainName");
    assert_eq!(
        client.get("/api/domains/evil.example/stats").await.outcome(),
        "403 Forbidden"
    );
}
