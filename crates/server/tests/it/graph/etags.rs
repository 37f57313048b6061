//! ETags: changes of what somebody else has changed meanwhile are refused, and what is known is not sent again.

use http::{Method, StatusCode};

use super::{app_protection::app_policy, conditional_access::access_policy, *};

const NETWORK: &str = "203.0.113.0/24";

/// What can be changed: its path, and a change of it.
async fn everything(world: &World, client: &Client<'_>) -> Vec<(String, Value)> {
    let location = json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "l", "ipRanges": [
        {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": NETWORK}]});
    let all = json!({"includeUsers": ["All"]});
    let mut made = vec![
        (format!("/v1.0/users/{}", user(client, "anna").await), "displayName"),
        (
            format!("/v1.0/groups/{}", group(client, "staff", &[]).await),
            "description",
        ),
    ];
    for (set, body) in [
        ("deviceManagement/deviceCompliancePolicies", policy("Phones", 0)),
        (
            "deviceAppManagement/iosManagedAppProtections",
            app_policy("Mail", "block"),
        ),
        (
            "identity/conditionalAccess/policies",
            access_policy("Access", "disabled", all, "All", &["mfa"]),
        ),
        ("identity/conditionalAccess/namedLocations", location),
        (
            "deviceManagement/mobileThreatDefenseConnectors",
            json!({"androidEnabled": false}),
        ),
    ] {
        let answer = client.post(&format!("/v1.0/{set}"), body).await;
        let tag = answer.headers["etag"].to_str().unwrap().to_string();
        assert_eq!(answer.body["@odata.etag"], *tag, "{}", answer.text);
        let field = if set.ends_with("Connectors") {
            "androidEnabled"
        } else {
            "displayName"
        };
        made.push((format!("/v1.0/{set}/{}", id(&answer)), field));
    }
    made.push((OWN.to_string(), "iosEnabled"));
    assert!(world.origin().starts_with("https"));
    made.into_iter()
        .map(|(path, field)| {
            let value = if field.ends_with("Enabled") {
                json!(true)
            } else {
                json!("changed")
            };
            (path, json!({ field: value }))
        })
        .collect()
}

async fn tag(client: &Client<'_>, path: &str) -> String {
    let answer = client.get(path).await;
    let tag = answer.headers["etag"].to_str().unwrap().to_string();
    assert_eq!(answer.body["@odata.etag"], *tag, "{path}");
    tag
}

#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let world = World::start().await;
    let client = administrator(&world).await;
    for (path, change) in everything(&world, &client).await {
        let typed = |mut change: Value, kind: &Value| {
            if path.contains("Policies") || path.contains("namedLocations") {
                change["@odata.type"] = kind.clone();
            }
            change
        };
        let kind = client.get(&path).await.body["@odata.type"].clone();
        let change = typed(change, &kind);
        let first = tag(&client, &path).await;
        let patch = async |tag: &str| {
            let headers = [("if-match", tag)];
            client
                .with_headers(Method::PATCH, &path, &headers, Some(change.clone()))
                .await
        };
        let answer = patch(&first).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        let second = tag(&client, &path).await;
        assert_ne!(first, second, "{path}");
        for stale in [first.as_str(), "W/\"0\"", "\"nonsense\""] {
            let answer = patch(stale).await;
            assert_eq!(
                answer.status,
                StatusCode::PRECONDITION_FAILED,
                "{path}: {}",
                answer.text
            );
            assert_eq!(answer.body["error"]["code"], "resourceModified", "{}", answer.text);
        }
        assert_eq!(tag(&client, &path).await, second, "{path}: refused is unchanged");
        assert!(patch("*").await.status.is_success(), "{path}");
        let third = tag(&client, &path).await;
        assert!(patch(&format!("{second}, {third}")).await.status.is_success(), "{path}");
        if path == OWN {
            continue;
        }
        let delete = async |tag: &str| {
            client
                .with_headers(Method::DELETE, &path, &[("if-match", tag)], None)
                .await
        };
        assert_eq!(delete(&third).await.status, StatusCode::PRECONDITION_FAILED, "{path}");
        let fourth = tag(&client, &path).await;
        assert_eq!(delete(&fourth).await.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(delete("*").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// Of many at once with the same tag, one wins.
#[tokio::test]
async fn of_changes_at_the_same_time_one_holds() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let made = client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 0))
        .await;
    let path = format!("/v1.0/deviceManagement/deviceCompliancePolicies/{}", id(&made));
    let tag = tag(&client, &path).await;
    let change = |n: usize| {
        let headers = [("if-match", tag.as_str())];
        let body = json!({"@odata.type": "#microsoft.graph.iosCompliancePolicy", "description": n.to_string()});
        let (client, path) = (&client, path.as_str());
        async move {
            client
                .with_headers(Method::PATCH, path, &headers, Some(body))
                .await
                .status
                .as_u16()
        }
    };
    let (a, b, c, d) = tokio::join!(change(1), change(2), change(3), change(4));
    let mut statuses = [a, b, c, d];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    assert_eq!(client.get(&path).await.body["version"], 2);
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let world = World::start().await;
    let client = administrator(&world).await;
    for (path, _) in everything(&world, &client).await {
        let tag = tag(&client, &path).await;
        let ask = async |path: &str, tag: &str| {
            client
                .with_headers(Method::GET, path, &[("if-none-match", tag)], None)
                .await
        };
        let answer = ask(&path, &tag).await;
        // Heartbeats and results come without a change.
        let lives = path.contains("Connectors") || path.contains("conditionalAccess/policies");
        let expected = if lives {
            StatusCode::OK
        } else {
            StatusCode::NOT_MODIFIED
        };
        assert_eq!((answer.status, answer.text.is_empty()), (expected, !lives), "{path}");
        assert_eq!(answer.headers["etag"], *tag, "{path}");
        assert_eq!(
            ask(&format!("{path}?$select=id"), &tag).await.status,
            StatusCode::NOT_MODIFIED,
            "{path}"
        );
        assert_eq!(ask(&path, "W/\"1\"").await.status, StatusCode::OK, "{path}");
    }
    let staff = group(&client, "more", &[]).await;
    let path = format!("/v1.0/groups/{staff}");
    let known = tag(&client, &path).await;
    let expanded = client
        .with_headers(
            Method::GET,
            &format!("{path}?$expand=members"),
            &[("if-none-match", &known)],
            None,
        )
        .await;
    assert_eq!(
        expanded.status,
        StatusCode::OK,
        "who is in a group has no part in its tag"
    );

    // An assignment is no new version of a policy, and yet something that was not known.
    let apps = "/v1.0/deviceAppManagement/iosManagedAppProtections";
    let policy = id(&client.post(apps, app_policy("More", "block")).await);
    let path = format!("{apps}/{policy}");
    let before = tag(&client, &path).await;
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": staff});
    client
        .post(&format!("{path}/assign"), json!({"assignments": [{"target": target}]}))
        .await;
    let after = client
        .with_headers(Method::GET, &path, &[("if-none-match", &before)], None)
        .await;
    assert_eq!(
        (after.status, &after.body["isAssigned"]),
        (StatusCode::OK, &json!(true))
    );

    let batch = json!({"requests": [{"id": "1", "method": "GET", "url": path, "headers": {"If-None-Match": tag(&client, &path).await}}]});
    let answer = client.post("/v1.0/$batch", batch).await;
    let one = &answer.body["responses"][0];
    assert_eq!(one["status"], 304, "{}", answer.text);
    assert!(one["headers"]["ETag"].is_string());
}
