//! Every route and the roles it needs.

use http::Method;
use moat_server::GRAPH_ROUTES;

use super::{app_protection::app_policy, conditional_access::access_policy, *};

/// Every route, with a token that has every role but the route's own, and with one that has just those.
#[tokio::test]
async fn nobody_gets_through_without_the_role_of_the_route() {
    let world = World::start().await;
    let none = "00000000-0000-4000-8000-000000000000";
    let mut names = (0..).map(|n| format!("client {n}"));
    for route in GRAPH_ROUTES.iter().filter(|route| !route.roles.is_empty()) {
        let others: Vec<Role> = Role::ALL
            .iter()
            .copied()
            .filter(|role| !route.roles.contains(role))
            .collect();
        let method: Method = route.method.to_ascii_uppercase().parse().unwrap();
        let path = format!(
            "/beta{}",
            route
                .path
                .replace("{id}", none)
                .replace("{member}", none)
                .replace("{message}", none)
                .replace("{state}", none)
        );
        let body = || (method != Method::GET).then(|| plausible(route.path));
        let outsider = world.client(&names.next().unwrap(), &others).await;
        let answer = outsider.call(method.clone(), &path, body()).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
        for role in route.roles {
            let insider = world.client(&names.next().unwrap(), &[*role]).await;
            let answer = insider.call(method.clone(), &path, body()).await;
            assert_ne!(answer.status, 403, "{} {method} {path}: {}", role.as_str(), answer.text);
        }
    }
}

/// A body that a route understands, so that its answer is about rights.
fn plausible(path: &str) -> Value {
    let mut body = policy("p", 0);
    if path.ends_with("$ref") {
        return json!({"@odata.id": "https://h/v1.0/directoryObjects/00000000-0000-4000-8000-000000000000"});
    }
    if path.ends_with("MemberGroups") || path.ends_with("getByIds") {
        return json!({"groupIds": [], "ids": [], "securityEnabledOnly": true});
    }
    if path.contains("/assign") {
        let target = json!({"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"});
        return json!({"assignments": [{"target": target}], "target": target});
    }
    if path.ends_with("scheduleActionsForRules") {
        return json!({"deviceComplianceScheduledActionForRules": body["scheduledActionsForRule"]});
    }
    if path.contains("wipeManagedApp") {
        return json!({"deviceTag": "t"});
    }
    if path.ends_with("targetApps") {
        return json!({"apps": [], "appGroupType": "allApps"});
    }
    if path.contains("deviceAppManagement") && !path.contains("ssign") {
        return app_policy("p", "block");
    }
    if path.contains("alerts_v2") {
        return json!({"status": "new", "comment": "c"});
    }
    if path.contains("threatAssessment") {
        return json!({"@odata.type": "#microsoft.graph.urlAssessmentRequest", "url": "http://e.example", "expectedAssessment": "block", "category": "spam"});
    }
    if path.ends_with("conditionalAccess/evaluate") {
        return json!({"signInIdentity": {"@odata.type": "#microsoft.graph.servicePrincipalSignIn"}, "signInContext": {"@odata.type": "#microsoft.graph.applicationContext", "includeApplications": []}});
    }
    if path.contains("namedLocations") {
        return json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "l", "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]});
    }
    if path.contains("conditionalAccess") {
        return access_policy("p", "disabled", json!({"includeUsers": ["All"]}), "All", &["mfa"]);
    }
    if path.contains("/users") || path.contains("/groups") {
        return json!({"displayName": "x", "userPrincipalName": "x@x"});
    }
    if path.ends_with("setScheduledRetireState") {
        return json!({"state": "cancelRetire", "managedDeviceIds": ["00000000-0000-4000-8000-000000000000"]});
    }
    if path.contains("localizedNotificationMessages") {
        return json!({"locale": "de-DE", "subject": "s", "messageTemplate": "m"});
    }
    if path.contains("notificationMessageTemplates") {
        return json!({"displayName": "t"});
    }
    if path.contains("Connectors") {
        return json!({"iosEnabled": true});
    }
    if path == "/deviceManagement" {
        return json!({"settings": {"secureByDefault": true}});
    }
    body["displayName"] = "p".into();
    body
}

#[test]
fn the_documentation_lists_the_routes_that_there_are() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api-coverage.md");
    let text = moat_server::graph_coverage();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == text,
        "docs/api-coverage.md is out of date: run the tests with UPDATE_DOCS=1"
    );
}
