//! App protection policies and the apps that follow them.

use http::{Method, StatusCode};

use super::*;

/// A policy for one app: above the threat level Low its work data is closed, or wiped.
pub fn app_policy(name: &str, action: &str) -> Value {
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

pub const APPS: &str = "/beta/deviceAppManagement/iosManagedAppProtections";

pub async fn try_app_check_in(device: &Device, wiped: Value) -> Answer {
    let body = json!({"bundleId": "org.example.mail", "appVersion": "1.0", "sdkVersion": "1.0", "osVersion": "18.1",
        "deviceModel": "iPhone15,3", "deviceTag": "tag-1", "jailbroken": false, "wiped": wiped});
    let headers = [("content-type", "application/json")];
    device
        .call(Method::POST, "/device/v1/apps/check-in", &headers, body.to_string())
        .await
}

pub async fn app_checks_in(device: &Device, wiped: Value) -> Value {
    let answer = try_app_check_in(device, wiped).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

pub fn lease_of(reply: &Value) -> Value {
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
