//! What all resources share: paths, headers, pages, batches, errors.

use http::{Method, StatusCode};

use super::*;

#[tokio::test]
async fn paths_headers_and_pages_are_graphs() {
    let world = World::start().await;
    let client = administrator(&world).await;
    for name in ["anna", "bert", "carl"] {
        user(&client, name).await;
    }
    let page = client
        .get("/v1.0//Users?$top=2&$count=true&$orderby=displayName%20desc")
        .await;
    assert_eq!(page.headers["odata-version"], "4.0");
    let kind = page.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/json;odata.metadata=minimal"), "{kind}");
    let names = |answer: &Answer| -> Vec<String> {
        let value = answer.body["value"].as_array().unwrap();
        value
            .iter()
            .map(|user| user["displayName"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(
        (names(&page), &page.body["@odata.count"]),
        (vec!["carl".into(), "bert".into()], &json!(3))
    );
    let next = page.body["@odata.nextLink"].as_str().unwrap();
    let rest = client.get(next.strip_prefix(&world.origin()).unwrap()).await;
    assert_eq!(
        (names(&rest), &rest.body["@odata.nextLink"]),
        (vec!["anna".to_string()], &Value::Null)
    );
    assert_eq!(client.get("/v1.0/users/%24count").await.text, "3");
    assert_eq!(client.get("/v1.0/devices").await.outcome(), "404 ResourceNotFound");
    assert_eq!(
        client.get("/v1.0/users?$filter=nothing%20eq%201").await.outcome(),
        "400 BadRequest"
    );
    let again = json!({"displayName": "Anna", "userPrincipalName": "ANNA@corp.example"});
    assert_eq!(client.post("/v1.0/users", again).await.outcome(), "409 Conflict");
}

#[tokio::test]
async fn what_is_expanded_is_answered_and_nothing_is_ignored() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let staff = group(&client, "Staff", &[&anna]).await;
    let device = world.device("phone", "").await;
    give(&client, &device, &anna).await;
    let made = client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 0))
        .await;
    assign(&client, &id(&made), &staff).await;
    let list = client
        .get("/v1.0/deviceManagement/deviceCompliancePolicies?$select=displayName&$expand=assignments")
        .await;
    let shown = &list.body["value"][0];
    assert_eq!(shown["assignments"][0]["target"]["groupId"], *staff, "{}", list.text);
    assert_eq!((&shown["displayName"], &shown["id"]), (&json!("Phones"), &Value::Null));
    let list = client.get("/v1.0/deviceManagement/managedDevices?$expand=users").await;
    assert_eq!(list.body["value"][0]["users"][0]["id"], *anna, "{}", list.text);
    for path in [
        "/v1.0/groups?$expand=members".to_string(),
        "/v1.0/identity/conditionalAccess/policies?$expand=x".into(),
        format!("/v1.0/groups/{staff}?$expand=members"),
        format!("/v1.0/users/{anna}?$expand=memberOf"),
        format!("/v1.0/groups/{staff}/members?$filter=displayName%20eq%20'anna'"),
        format!("/v1.0/groups/{staff}/transitiveMembers?$skip=1"),
        "/v1.0/deviceManagement/mobileThreatDefenseConnectors?$orderby=id".into(),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn azure_cli_finds_no_subscriptions() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let path = "/subscriptions?api-version=2022-12-01";
    assert_eq!(client.get(path).await.body, json!({"value": []}));
    let stranger = world.send(Method::GET, path, &[], "").await;
    assert_eq!(stranger.status, 401, "{}", stranger.text);
}

#[tokio::test]
async fn a_batch_runs_each_request_with_its_own_rights() {
    let world = World::start().await;
    let client = world.client("reader", &[Role::UserReadAll]).await;
    let requests = json!({"requests": [
        {"id": "1", "method": "GET", "url": "/users?$filter=displayName eq 'x'"},
        {"id": "2", "method": "GET", "url": format!("{}/beta/groups", world.origin())},
        {"id": "3", "method": "GET", "url": "/v1.0/users", "depends_on": ["2"]},
        {"id": "4", "method": "POST", "url": "/users", "headers": {"Content-Type": "application/json"}, "body": {"displayName": "x"}},
    ]});
    let answer = client.post("/v1.0/$batch", requests).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let statuses: Vec<_> = answer.body["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 403, 424, 400]);
    for response in answer.body["responses"].as_array().unwrap() {
        // In this letter case: a client that does not find it takes the body for text.
        let kind = response["headers"]["Content-Type"].as_str().unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{response}");
    }
    let many: Vec<_> = (0..21)
        .map(|n| json!({"id": n.to_string(), "method": "GET", "url": "/users"}))
        .collect();
    assert_eq!(
        client.post("/v1.0/$batch", json!({"requests": many})).await.outcome(),
        "400 BadRequest"
    );
}

#[tokio::test]
async fn reported_sites_are_threat_assessments() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let path = "/v1.0/informationProtection/threatAssessmentRequests";
    let request = json!({"@odata.type": "#microsoft.graph.urlAssessmentRequest", "url": "http://evil.example/x",
        "expectedAssessment": "block", "category": "phishing"});
    let made = client.post(path, request).await;
    assert_eq!(
        (made.status, &made.body["status"]),
        (StatusCode::CREATED, &json!("pending")),
        "{}",
        made.text
    );
    let report = id(&made);
    world
        .local(
            Method::POST,
            &format!("/admin/reports/{report}/decide"),
            json!({"decision": "block"}),
        )
        .await;
    let done = client.get(&format!("{path}/{report}?$expand=results")).await;
    assert_eq!(
        (&done.body["status"], &done.body["results"][0]["resultType"]),
        (&json!("completed"), &json!("checkPolicy"))
    );
    let wrong = json!({"@odata.type": "#microsoft.graph.urlAssessmentRequest", "url": "http://e.example", "expectedAssessment": "Block", "category": "phishing"});
    assert!(client.post(path, wrong).await.message().contains("expectedAssessment"));
}
