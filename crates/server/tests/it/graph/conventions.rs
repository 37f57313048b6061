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
    let two = [("prefer", "return=minimal, odata.maxpagesize=2")];
    let small = client
        .with_headers(Method::GET, "/v1.0/users?$format=json", &two, None)
        .await;
    assert_eq!(names(&small), ["anna", "bert"]);
    let next = small.body["@odata.nextLink"].as_str().unwrap();
    assert_eq!(
        names(&client.get(next.strip_prefix(&world.origin()).unwrap()).await),
        ["carl"]
    );
    assert_eq!(client.get("/v1.0/users?$format=xml").await.outcome(), "400 BadRequest");
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
        "/v1.0/groups?$expand=owners".to_string(),
        "/v1.0/identity/conditionalAccess/policies?$expand=x".into(),
        format!("/v1.0/groups/{staff}?$expand=transitiveMembers"),
        format!("/v1.0/users/{anna}?$expand=manager"),
        format!("/v1.0/groups/{staff}/members?$filter=nothing%20eq%20'anna'"),
        format!("/v1.0/groups/{staff}/members?$expand=memberOf"),
        "/v1.0/deviceManagement/managedDevices?$search=%22deviceName:x%22".into(),
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

#[tokio::test]
async fn a_client_that_asks_too_much_is_told_when_to_come_back() {
    let world = World::with(|config| {
        config.graph_requests_per_20_seconds = 12;
        config.graph_changes_per_20_seconds = 2;
    })
    .await;
    let client = world.client("c", &[Role::UserReadWriteAll]).await;
    user(&client, "anna").await;
    user(&client, "bert").await;
    let refused = client.post("/v1.0/users", json!({})).await;
    assert_eq!(refused.outcome(), "429 TooManyRequests");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    // In a batch each request counts for itself.
    let requests: Vec<_> = (0..11)
        .map(|n| json!({"id": n.to_string(), "method": "GET", "url": "/users/$count"}))
        .collect();
    let answer = client.post("/v1.0/$batch", json!({"requests": requests})).await;
    let responses = answer.body["responses"].as_array().unwrap();
    let statuses: Vec<_> = responses.iter().map(|one| one["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [[200; 10].as_slice(), &[429]].concat(), "{}", answer.text);
    assert!(responses[10]["headers"]["Retry-After"].is_string(), "{}", responses[10]);
    let other = world.client("d", &[Role::UserReadAll]).await;
    assert_eq!(
        other.get("/v1.0/users/$count").await.text,
        "2",
        "each client has its own count"
    );
}

#[tokio::test]
async fn reports_are_found_and_limited() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let path = "/v1.0/informationProtection/threatAssessmentRequests";
    let report = |url: &str, expected: &str, category: &str| json!({"@odata.type": "#microsoft.graph.urlAssessmentRequest", "url": url, "expectedAssessment": expected, "category": category});
    for (url, expected, category) in [
        ("http://a.example", "block", "malware"),
        ("http://b.example", "unblock", "spam"),
        ("http://c.example", "block", "phishing"),
    ] {
        assert_eq!(client.post(path, report(url, expected, category)).await.status, 201);
    }
    let again = client.post(path, report("http://a.example", "block", "malware")).await;
    assert_eq!(again.outcome(), "429 TooManyRequests");
    let wait: u64 = again.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((800..=901).contains(&wait), "{wait}");
    let found = async |options: &str| -> Vec<String> {
        let answer = client.get(&format!("{path}?{}", options.replace(' ', "%20"))).await;
        let value = answer.body["value"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", answer.text));
        value
            .iter()
            .map(|one| one["url"].as_str().unwrap().to_string())
            .collect()
    };
    for (options, urls) in [
        ("", "c b a"),
        ("$filter=status eq 'pending' and contentType eq 'url'", "c b a"),
        ("$filter=category eq 'spam'", "b"),
        (
            "$filter=expectedAssessment eq 'block' and requestSource eq 'administrator'",
            "c a",
        ),
        (
            "$filter=createdDateTime gt 2020-01-01T00:00:00Z&$orderby=createdDateTime",
            "a b c",
        ),
        ("$orderby=url&$top=1&$skip=1", "b"),
        ("$filter=contentType eq 'mail'", ""),
    ] {
        let expected: Vec<_> = urls
            .split_whitespace()
            .map(|name| format!("http://{name}.example"))
            .collect();
        assert_eq!(found(options).await, expected, "{options}");
    }
    assert_eq!(
        client
            .get(&format!("{path}/$count?$filter=category%20ne%20'spam'"))
            .await
            .text,
        "2"
    );
}
