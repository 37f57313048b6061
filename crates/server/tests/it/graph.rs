//! The Graph face, spoken to as clients speak.

use http::{Method, StatusCode};
use moat_server::{GRAPH_ROUTES, Role};
use serde_json::{Value, json};

use crate::world::{Answer, Client, Device, World};

/// An administrator's script: every role of Graph.
async fn administrator(world: &World) -> Client<'_> {
    let roles: Vec<Role> = Role::ALL
        .iter()
        .copied()
        .filter(|role| *role != Role::TiReadWrite)
        .collect();
    world.client("administrator", &roles).await
}

fn id(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_string()
}

async fn user(client: &Client<'_>, name: &str) -> String {
    let body = json!({"accountEnabled": true, "displayName": name, "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"), "passwordProfile": {"password": "x"}});
    id(&client.post("/v1.0/users", body).await)
}

async fn group(client: &Client<'_>, name: &str, members: &[&str]) -> String {
    let body = json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true});
    let group = id(&client.post("/v1.0/groups", body).await);
    for member in members {
        let reference = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{member}")});
        let answer = client
            .post(&format!("/v1.0/groups/{group}/members/$ref"), reference)
            .await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    group
}

/// A policy that blocks jailbroken devices and asks for the threat level Low.
fn policy(name: &str, grace_hours: u32) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.iosCompliancePolicy",
        "displayName": name,
        "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": [
            {"actionType": "block", "gracePeriodHours": grace_hours, "notificationMessageCCList": [], "notificationTemplateId": ""}
        ]}],
        "deviceThreatProtectionEnabled": true,
        "deviceThreatProtectionRequiredSecurityLevel": "low",
        "securityBlockJailbrokenDevices": true,
    })
}

async fn assign(client: &Client<'_>, policy: &str, group: &str) {
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group});
    let path = format!("/v1.0/deviceManagement/deviceCompliancePolicies/{policy}/assign");
    let answer = client.post(&path, json!({"assignments": [{"target": target}]})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["value"][0]["target"]["groupId"], *group);
}

const OWN: &str = "/v1.0/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92";

async fn managed(client: &Client<'_>, device: &Device) -> Value {
    let answer = client
        .get(&format!("/beta/deviceManagement/managedDevices/{}", device.id))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

async fn give(client: &Client<'_>, device: &Device, user: &str) {
    let reference = json!({"@odata.id": format!("https://h/beta/users/{user}")});
    let path = format!("/beta/deviceManagement/managedDevices/{}/users/$ref", device.id);
    assert_eq!(client.post(&path, reference).await.status, 204);
}

#[tokio::test]
async fn a_jailbreak_makes_the_device_noncompliant_before_the_check_in_is_answered() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let inner = group(&client, "Sales", &[&anna]).await;
    let outer = group(&client, "Everybody", &[&inner]).await;
    let device = world.device("iphone-of-anna", "").await;
    give(&client, &device, &anna).await;
    assert_eq!(
        managed(&client, &device).await["complianceState"],
        "noncompliant",
        "no policy is assigned"
    );

    let answer = client
        .call(
            Method::PATCH,
            OWN,
            Some(json!({"iosEnabled": true, "partnerUnresponsivenessThresholdInDays": 7})),
        )
        .await;
    assert_eq!(answer.body["partnerState"], "enabled", "{}", answer.text);
    let made = client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 0))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let policy = id(&made);
    assign(&client, &policy, &outer).await;
    device.reports(json!([]), "none").await;
    let state = managed(&client, &device).await;
    assert_eq!(
        (&state["complianceState"], &state["jailBroken"]),
        (&json!("compliant"), &json!("False")),
        "{state}"
    );

    let finding = json!({"rule": "fs.var_jb", "group": "rootless", "detail": "/var/jb is a symlink", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    let state = managed(&client, &device).await;
    assert_eq!(
        (&state["complianceState"], &state["jailBroken"]),
        (&json!("noncompliant"), &json!("True"))
    );
    assert_eq!(state["partnerReportedThreatState"], "compromised");
    let reasons = state["moatReasons"].to_string();
    assert!(
        reasons.contains("Phones") && reasons.contains("Device is jailbroken"),
        "{reasons}"
    );

    let statuses = client
        .get(&format!(
            "/v1.0/deviceManagement/deviceCompliancePolicies/{policy}/deviceStatuses"
        ))
        .await;
    assert_eq!(statuses.body["value"][0]["status"], "nonCompliant", "{}", statuses.text);
    assert_eq!(statuses.body["value"][0]["userPrincipalName"], "anna@corp.example");
    let path = format!("/v1.0/deviceManagement/deviceCompliancePolicies/{policy}/deviceStatusOverview");
    assert_eq!(client.get(&path).await.body["failedCount"], 1);
    let list = client
        .get("/v1.0/deviceManagement/managedDevices?$filter=complianceState%20eq%20%27noncompliant%27&$count=true&$select=id,complianceState")
        .await;
    assert_eq!(
        (&list.body["@odata.count"], &list.body["value"][0]["id"]),
        (&json!(1), &json!(device.id)),
        "{}",
        list.text
    );

    device.clears(2).await;
    assert_eq!(managed(&client, &device).await["complianceState"], "compliant");
}

#[tokio::test]
async fn grace_is_still_access_and_a_resolved_alert_ends_it() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    client.call(Method::PATCH, OWN, Some(json!({"iosEnabled": true}))).await;
    let made = client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 24))
        .await;
    let path = format!("/beta/deviceManagement/deviceCompliancePolicies/{}/assign", id(&made));
    let everything =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    assert_eq!(client.post(&path, everything).await.status, 200);
    let finding = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    let state = managed(&client, &device).await;
    assert_eq!(state["complianceState"], "inGracePeriod");
    assert!(state["complianceGracePeriodExpirationDateTime"].is_string(), "{state}");

    let alerts = client
        .get(
            "/v1.0/security/alerts_v2?$filter=severity eq 'high'&$top=5"
                .replace(' ', "%20")
                .as_str(),
        )
        .await;
    let alert = &alerts.body["value"][0];
    assert_eq!(
        (&alert["status"], &alert["severity"]),
        (&json!("new"), &json!("high")),
        "{}",
        alerts.text
    );
    assert_eq!(
        alert["evidence"][0]["@odata.type"],
        "#microsoft.graph.security.deviceEvidence"
    );
    let path = format!("/v1.0/security/alerts_v2/{}", alert["id"].as_str().unwrap());
    let wrong = client
        .call(Method::PATCH, &path, Some(json!({"status": "Resolved"})))
        .await;
    assert_eq!(wrong.outcome(), "400 BadRequest", "wrong case");
    let change = json!({"status": "resolved", "classification": "truePositive", "determination": "compromisedAccount"});
    let resolved = client.call(Method::PATCH, &path, Some(change)).await;
    assert_eq!(
        resolved.body["determination"], "compromisedAccount",
        "{}",
        resolved.text
    );
}

#[tokio::test]
async fn groups_nest_and_never_contain_themselves() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let a = group(&client, "a", &[&anna]).await;
    let b = group(&client, "b", &[&a]).await;
    let c = group(&client, "c", &[&b]).await;
    for (into, member) in [(&a, &c), (&a, &a), (&b, &c)] {
        let reference = json!({"@odata.id": format!("https://h/v1.0/directoryObjects/{member}")});
        let answer = client
            .post(&format!("/v1.0/groups/{into}/members/$ref"), reference)
            .await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{}", answer.text);
    }
    let members = client.get(&format!("/v1.0/groups/{c}/transitiveMembers")).await;
    assert_eq!(members.body["value"].as_array().unwrap().len(), 3, "{}", members.text);
    let of = client
        .get("/v1.0/users/ANNA%40corp.example/transitiveMemberOf/graph.group")
        .await;
    let names: Vec<_> = of.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["displayName"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let answer = client
        .call(Method::DELETE, &format!("/v1.0/groups/{a}/members/{anna}/$ref"), None)
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        client.get(&format!("/v1.0/users/{anna}/transitiveMemberOf")).await.body["value"],
        json!([])
    );
}

#[tokio::test]
async fn a_partner_reports_and_compliance_follows() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    device.reports(json!([]), "none").await;
    let made = client
        .post(
            "/beta/deviceManagement/mobileThreatDefenseConnectors",
            json!({"displayName": "Partner", "iosEnabled": true}),
        )
        .await;
    assert_eq!(
        (made.status, &made.body["partnerState"]),
        (StatusCode::CREATED, &json!("notSetUp")),
        "{}",
        made.text
    );
    let connector = id(&made);
    let threat = format!("/partner/v1/connectors/{connector}/devices/{}", device.id);
    let high = json!({"threatLevel": "high", "reason": "Spyware found"});
    assert_eq!(
        client.call(Method::PUT, &threat, Some(high.clone())).await.outcome(),
        "409 Conflict"
    );
    let beat = client
        .post(&format!("/partner/v1/connectors/{connector}/heartbeat"), json!({}))
        .await;
    assert_eq!(beat.body["partnerState"], "enabled", "{}", beat.text);
    let made = client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 0))
        .await;
    let path = format!("/v1.0/deviceManagement/deviceCompliancePolicies/{}/assign", id(&made));
    let everything =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    client.post(&path, everything).await;
    assert_eq!(client.call(Method::PUT, &threat, Some(high)).await.status, 204);
    let state = managed(&client, &device).await;
    assert_eq!(state["complianceState"], "noncompliant");
    assert!(state["moatReasons"].to_string().contains("Spyware found"), "{state}");
    let answer = client
        .call(Method::PUT, &threat, Some(json!({"threatLevel": "secured"})))
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(managed(&client, &device).await["complianceState"], "compliant");
}

#[tokio::test]
async fn wrong_policies_are_refused_with_the_field_and_nothing_is_kept() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let path = "/v1.0/deviceManagement/deviceCompliancePolicies";
    let with = |change: Value| {
        let mut body = policy("p", 0);
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let without = |name: &str| {
        let mut body = policy("p", 0);
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let block = json!({"actionType": "block", "gracePeriodHours": 0});
    let twice = json!([{"ruleName": "PasswordRequired", "scheduledActionConfigurations": [block, block]}]);
    for (body, field) in [
        (without("@odata.type"), "@odata.type"),
        (without("scheduledActionsForRule"), "scheduledActionsForRule"),
        (without("displayName"), "displayName"),
        (with(json!({"scheduledActionsForRule": twice})), "block"),
        (
            with(json!({"deviceThreatProtectionRequiredSecurityLevel": "Low"})),
            "deviceThreatProtectionRequiredSecurityLevel",
        ),
        (with(json!({"passcodeMinimumLength": 3})), "passcodeMinimumLength"),
        (with(json!({"osMinimumVersion": "new"})), "osMinimumVersion"),
        (
            with(json!({"securityBlockJailBrokenDevices": true})),
            "securityBlockJailbrokenDevices",
        ),
        (
            with(json!({"@odata.type": "#microsoft.graph.androidCompliancePolicy"})),
            "androidCompliancePolicy",
        ),
        (
            with(json!({"securityBlockJailbrokenDevices": "yes"})),
            "securityBlockJailbrokenDevices",
        ),
    ] {
        let answer = client.post(path, body).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{field}: {}", answer.text);
        assert!(answer.message().contains(field), "{field}: {}", answer.message());
        assert!(
            answer.body["error"]["innerError"]["request-id"].is_string(),
            "{}",
            answer.text
        );
    }
    assert_eq!(client.get(path).await.body["value"], json!([]));
    let made = id(&client.post(path, policy("p", 0)).await);
    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d"});
    let answer = client
        .post(
            &format!("{path}/{made}/assign"),
            json!({"assignments": [{"target": target}]}),
        )
        .await;
    assert!(answer.message().contains("no group"), "{}", answer.text);
    let answer = client
        .post(
            &format!("{path}/{made}/assign"),
            json!({"assignments": [{"target": {"groupId": "x"}}]}),
        )
        .await;
    assert!(answer.message().contains("@odata.type"), "{}", answer.text);
}

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

/// A gateway that asks about devices' certificates.
struct Gateway<'a> {
    world: &'a World,
    key: String,
    application: String,
}

impl Gateway<'_> {
    async fn ask(&self, device: &Device) -> Answer {
        let certificate: String = device.certificate.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let bearer = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-client-cert", certificate.as_str()),
        ];
        self.world.send(Method::GET, "/access/check", &headers, "").await
    }
}

async fn gateway<'a>(world: &'a World, name: &str) -> Gateway<'a> {
    let made = world
        .local(Method::POST, "/admin/gateways", json!({"name": name}))
        .await;
    Gateway {
        world,
        key: made["key"].as_str().unwrap().into(),
        application: made["applicationId"].as_str().unwrap().into(),
    }
}

/// A policy that asks everybody for a compliant device.
fn access_policy(name: &str, state: &str, users: Value, application: &str, controls: &[&str]) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.conditionalAccessPolicy",
        "displayName": name,
        "state": state,
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": [application]},
            "users": users,
        },
        "grantControls": {"operator": "OR", "builtInControls": controls},
    })
}

const ACCESS: &str = "/v1.0/identity/conditionalAccess/policies";

#[tokio::test]
async fn a_device_that_is_not_compliant_stays_outside_until_it_is() {
    let world = World::start().await;
    let client = administrator(&world).await;
    client.call(Method::PATCH, OWN, Some(json!({"iosEnabled": true}))).await;
    let anna = user(&client, "anna").await;
    let staff = group(&client, "Staff", &[&anna]).await;
    let device = world.device("iphone-of-anna", "").await;
    give(&client, &device, &anna).await;
    device.reports(json!([]), "none").await;
    let (intranet, canteen) = (gateway(&world, "intranet").await, gateway(&world, "canteen").await);
    let made = client
        .post(
            ACCESS,
            access_policy(
                "Compliant devices",
                "enabled",
                json!({"includeGroups": [staff]}),
                &intranet.application,
                &["compliantDevice"],
            ),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        (&made.body["grantControls"]["operator"], &made.body["sessionControls"]),
        (&json!("OR"), &Value::Null)
    );

    let closed = intranet.ask(&device).await;
    assert_eq!(closed.status, 403);
    let reason = closed.body["reasons"][0]["text"].as_str().unwrap();
    assert!(
        reason.contains("Compliant devices") && reason.contains("No compliance policy"),
        "{reason}"
    );
    assert_eq!(
        canteen.ask(&device).await.status,
        200,
        "the policy is about another application"
    );

    let policy = id(&client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 0))
        .await);
    assign(&client, &policy, &staff).await;
    let open = intranet.ask(&device).await;
    assert_eq!(open.status, 200, "{}", open.text);

    // A Medium alert: no High risk, but above the allowed level.
    let assessment = json!({"rule": "r", "group": "g", "detail": "d", "weight": 0.5, "families": []});
    device.suspected(1, assessment).await;
    let closed = intranet.ask(&device).await;
    let reason = closed.body["reasons"][0]["text"].as_str().unwrap_or_default();
    assert!(
        closed.status == 403 && reason.contains("Phones") && reason.contains("may be jailbroken"),
        "{}",
        closed.text
    );
    assert!(closed.headers["x-moat-reason"].to_str().unwrap().contains("Phones"));
    device.clears(2).await;
    assert_eq!(intranet.ask(&device).await.status, 200);

    let shown = client.get(&format!("{ACCESS}/{}", id(&made))).await;
    assert_eq!(shown.body["moatResults"]["failure"], 2, "{}", shown.text);
}

#[tokio::test]
async fn report_only_closes_nothing_and_is_told() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    let door = gateway(&world, "door").await;
    let everybody = json!({"includeUsers": ["All"]});
    let made = client
        .post(
            ACCESS,
            access_policy(
                "Watch",
                "enabledForReportingButNotEnforced",
                everybody,
                "All",
                &["compliantDevice"],
            ),
        )
        .await;
    assert_eq!(door.ask(&device).await.status, 200);
    let path = format!("{ACCESS}/{}", id(&made));
    let shown = client.get(&path).await;
    assert_eq!(
        shown.body["moatResults"],
        json!({"reportOnlyFailure": 1}),
        "{}",
        shown.text
    );
    let changed = client
        .call(Method::PATCH, &path, Some(json!({"state": "enabled"})))
        .await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!(door.ask(&device).await.status, 403);
    assert_eq!(client.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(door.ask(&device).await.status, 200);
}

#[tokio::test]
async fn an_account_for_emergencies_cannot_be_locked_out() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let path = format!("/v1.0/users/{}", user(&client, "emergency").await);
    let answer = client
        .call(Method::PATCH, &path, Some(json!({"moatBreakGlass": true})))
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let emergency = id(&client.get(&path).await);
    let refused = client
        .post(
            ACCESS,
            access_policy("Closed", "enabled", json!({"includeUsers": ["All"]}), "All", &["block"]),
        )
        .await;
    assert_eq!(refused.outcome(), "400 BadRequest");
    assert!(
        refused.message().contains("emergency@corp.example"),
        "{}",
        refused.message()
    );
    assert_eq!(
        client.get(ACCESS).await.body["value"],
        json!([]),
        "nothing of it is kept"
    );
    let users = json!({"includeUsers": ["All"], "excludeUsers": [emergency]});
    let made = client
        .post(ACCESS, access_policy("Closed", "enabled", users, "All", &["block"]))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let change = json!({"conditions": {"users": {"includeUsers": ["All"], "excludeUsers": []}}});
    let refused = client
        .call(Method::PATCH, &format!("{ACCESS}/{}", id(&made)), Some(change))
        .await;
    assert!(refused.message().contains("emergency@corp.example"), "{}", refused.text);
}

#[tokio::test]
async fn what_if_names_the_first_condition_that_does_not_hold() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, bert) = (user(&client, "anna").await, user(&client, "bert").await);
    let staff = group(&client, "Staff", &[&anna]).await;
    let location = json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Office", "isTrusted": true,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]});
    let made = client
        .post("/v1.0/identity/conditionalAccess/namedLocations", location)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut body = access_policy(
        "Outside",
        "enabled",
        json!({"includeGroups": [staff]}),
        "All",
        &["compliantDevice"],
    );
    body["conditions"]["locations"] = json!({"includeLocations": ["All"], "excludeLocations": [id(&made)]});
    let made = client.post(ACCESS, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for (who, ip, expected) in [
        (&anna, "192.0.2.1", "notSet"),
        (&anna, "203.0.113.9", "location"),
        (&bert, "192.0.2.1", "users"),
    ] {
        let request = json!({
            "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": who},
            "signInContext": {"@odata.type": "#microsoft.graph.applicationContext", "includeApplications": ["00000003-0000-0ff1-ce00-000000000000"]},
            "signInConditions": {"devicePlatform": "iOS", "clientAppType": "browser", "ipAddress": ip},
        });
        let answer = client.post("/v1.0/identity/conditionalAccess/evaluate", request).await;
        let result = &answer.body["value"][0];
        assert_eq!(result["analysisReasons"], expected, "{}", answer.text);
        assert_eq!(result["policyApplies"], expected == "notSet");
    }
}

#[tokio::test]
async fn wrong_access_policies_are_refused_with_the_field() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let good = || access_policy("p", "enabled", json!({"includeUsers": ["All"]}), "All", &["mfa"]);
    let with = |path: &str, value: Value| {
        let mut body = good();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    for (body, field) in [
        (with("/state", json!("Enabled")), "state"),
        (
            with("/grantControls/builtInControls", json!(["block", "mfa"])),
            "builtInControls",
        ),
        (
            with(
                "/conditions/users",
                json!({"includeGroups": ["6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d"]}),
            ),
            "conditions.users.includeGroups",
        ),
        (with("/conditions/users", json!({})), "users"),
        (
            with("/conditions/applications/includeApplications", json!(["intranet"])),
            "conditions",
        ),
    ] {
        let answer = client.post(ACCESS, body).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{field}: {}", answer.text);
        assert!(answer.message().contains(field), "{field}: {}", answer.message());
    }
    assert_eq!(client.get(ACCESS).await.body["value"], json!([]));
}

/// A policy for one app: above the threat level Low its work data is closed, or wiped.
fn app_policy(name: &str, action: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.iosManagedAppProtection",
        "displayName": name,
        "maximumAllowedDeviceThreatLevel": "low",
        "mobileThreatDefenseRemediationAction": action,
        "periodOfflineBeforeAccessCheck": "12:00:00",
        "periodOfflineBeforeWipeIsEnforced": "90 days, 0:00:00",
        "apps": [{"mobileAppIdentifier": {"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": "org.example.Mail"}}],
    })
}

const APPS: &str = "/beta/deviceAppManagement/iosManagedAppProtections";

async fn app_checks_in(device: &Device, wiped: Value) -> Value {
    let body = json!({"bundleId": "org.example.mail", "appVersion": "1.0", "sdkVersion": "1.0", "osVersion": "18.1",
        "deviceModel": "iPhone15,3", "deviceTag": "tag-1", "jailbroken": false, "wiped": wiped});
    let headers = [("content-type", "application/json")];
    let answer = device
        .call(Method::POST, "/device/v1/apps/check-in", &headers, body.to_string())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

fn lease_of(reply: &Value) -> Value {
    let text = reply["lease"]["lease"].as_str().unwrap_or_else(|| panic!("{reply}"));
    serde_json::from_str(text.strip_prefix("moat app lease\n").unwrap()).unwrap()
}

#[tokio::test]
async fn an_app_gets_the_policies_of_its_user_and_what_threatens_its_device() {
    let world = World::start().await;
    let client = administrator(&world).await;
    client
        .call(
            Method::PATCH,
            OWN,
            Some(json!({"iosMobileApplicationManagementEnabled": true})),
        )
        .await;
    let anna = user(&client, "anna").await;
    let staff = group(&client, "Staff", &[&anna]).await;
    let device = world.device("iphone-of-anna", "").await;
    device.reports(json!([]), "none").await;
    let nobody = app_checks_in(&device, Value::Null).await;
    assert!(nobody["reason"].as_str().unwrap().contains("whose it is"), "{nobody}");
    give(&client, &device, &anna).await;

    let made = client.post(APPS, app_policy("Mail", "wipe")).await;
    assert_eq!(
        (made.status, &made.body["periodOfflineBeforeAccessCheck"]),
        (StatusCode::CREATED, &json!("PT12H")),
        "{}",
        made.text
    );
    assert_eq!(made.body["periodOfflineBeforeWipeIsEnforced"], "P90D");
    let policy = id(&made);
    assert!(policy.starts_with("T_"));
    let without = client
        .get(&format!("/v1.0/deviceAppManagement/iosManagedAppProtections/{policy}"))
        .await;
    assert!(
        without.body.get("maximumAllowedDeviceThreatLevel").is_none(),
        "beta only: {}",
        without.text
    );
    let none = app_checks_in(&device, Value::Null).await;
    assert!(
        none["lease"].is_null() && none["reason"].as_str().unwrap().contains("No app protection policy"),
        "{none}"
    );

    let target = json!({"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": staff});
    let path = format!("/beta/deviceAppManagement/managedAppPolicies/{policy}/assign");
    let answer = client.post(&path, json!({"assignments": [{"target": target}]})).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let lease = lease_of(&app_checks_in(&device, Value::Null).await);
    assert_eq!(
        (&lease["userId"], &lease["deviceId"], &lease["bundleId"]),
        (&json!(anna), &json!(device.id), &json!("org.example.mail"))
    );
    assert_eq!(lease["settings"]["maximumAllowedDeviceThreatLevel"], "low");
    assert_eq!(
        (&lease["threats"]["own"]["level"], &lease["threats"]["own"]["agent"]),
        (&json!("secured"), &json!("active")),
        "{lease}"
    );

    let finding = json!({"rule": "r", "group": "rootless", "detail": "/var/jb", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    let lease = lease_of(&app_checks_in(&device, Value::Null).await);
    assert_eq!(
        (&lease["threats"]["own"]["level"], &lease["jailbroken"]),
        (&json!("high"), &json!(true)),
        "{lease}"
    );
    assert_eq!(lease["threats"]["own"]["alerts"][0]["title"], "Device is jailbroken");
}

#[tokio::test]
async fn a_wipe_order_stands_until_the_receipt() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let device = world.device("phone", "").await;
    give(&client, &device, &anna).await;
    let policy = id(&client.post(APPS, app_policy("Mail", "block")).await);
    let everybody =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}]});
    assert_eq!(
        client.post(&format!("{APPS}/{policy}/assign"), everybody).await.status,
        204
    );
    assert!(lease_of(&app_checks_in(&device, Value::Null).await)["wipeOrder"].is_null());

    let path = format!("/v1.0/users/{anna}/wipeManagedAppRegistrationsByDeviceTag");
    assert_eq!(
        client.post(&path, json!({"deviceTag": "other"})).await.outcome(),
        "404 ResourceNotFound"
    );
    assert_eq!(client.post(&path, json!({"deviceTag": "tag-1"})).await.status, 204);
    let order = lease_of(&app_checks_in(&device, Value::Null).await)["wipeOrder"].clone();
    assert!(order.is_string());
    assert_eq!(
        lease_of(&app_checks_in(&device, Value::Null).await)["wipeOrder"],
        order,
        "until the receipt"
    );
    let receipt = json!({"order": order, "reason": "ordered", "at": 1_764_000_000_000_000_i64});
    assert!(lease_of(&app_checks_in(&device, receipt).await)["wipeOrder"].is_null());
    let list = client.get("/beta/deviceAppManagement/managedAppRegistrations").await;
    let shown = &list.body["value"][0];
    assert_eq!(
        (&shown["moatWipeReason"], &shown["deviceTag"]),
        (&json!("ordered"), &json!("tag-1")),
        "{}",
        list.text
    );
    let path = format!(
        "/beta/deviceAppManagement/managedAppRegistrations/{}/appliedPolicies",
        shown["id"].as_str().unwrap()
    );
    assert_eq!(client.get(&path).await.body["value"][0]["displayName"], "Mail");
}

#[tokio::test]
async fn wrong_app_policies_are_refused_with_the_field() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let with = |name: &str, value: Value| {
        let mut body = app_policy("p", "block");
        body[name] = value;
        body
    };
    for (body, field) in [
        (
            with("mobileThreatDefenseRemediationAction", json!("warn")),
            "mobileThreatDefenseRemediationAction",
        ),
        (
            with("maximumAllowedDeviceThreatLevel", json!("Low")),
            "maximumAllowedDeviceThreatLevel",
        ),
        (
            with("periodOfflineBeforeAccessCheck", json!("soon")),
            "periodOfflineBeforeAccessCheck",
        ),
        (with("minimumPinLength", json!(-1)), "minimumPinLength"),
        (with("pinRequierd", json!(true)), "pinRequierd"),
        (with("apps", json!([{"bundleId": "x"}])), "apps"),
        (with("displayName", json!("")), "displayName"),
    ] {
        let answer = client.post(APPS, body).await;
        assert_eq!(answer.outcome(), "400 BadRequest", "{field}: {}", answer.text);
        assert!(answer.message().contains(field), "{field}: {}", answer.message());
    }
    let policy = id(&client.post(APPS, app_policy("p", "block")).await);
    let devices = json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    assert!(
        client
            .post(&format!("{APPS}/{policy}/assign"), devices)
            .await
            .message()
            .contains("users")
    );
}

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
        let path = format!("/beta{}", route.path.replace("{id}", none).replace("{member}", none));
        let body = || (method != Method::GET).then(|| plausible(route.path));
        let outsider = world
            .client(&format!("not {} {}", route.method, route.path), &others)
            .await;
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
