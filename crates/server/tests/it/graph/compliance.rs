//! Connectors, compliance policies, alerts: what makes a device compliant.

use http::{Method, StatusCode};

use super::*;

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
    let comment = json!([{"comment": "Seen"}]);
    let comments = client.post(&format!("{path}/comments"), comment).await;
    assert_eq!(comments.body["value"][0]["comment"], "Seen", "{}", comments.text);
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
    let found = client
        .get("/v1.0/security/alerts_v2?$filter=determination%20eq%20'compromisedAccount'")
        .await;
    assert_eq!(found.body["value"][0]["id"], alert["id"], "{}", found.text);
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
