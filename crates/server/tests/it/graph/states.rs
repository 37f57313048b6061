//! What dashboards ask: devices, users and settings by state.

use super::*;

#[tokio::test]
async fn states_are_counted_by_device_user_and_setting() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, bert) = (user(&client, "anna").await, user(&client, "bert").await);
    client
        .call(http::Method::PATCH, OWN, Some(json!({"iosEnabled": true})))
        .await;
    let made = client
        .post("/v1.0/deviceManagement/deviceCompliancePolicies", policy("Phones", 0))
        .await;
    let path = format!("/v1.0/deviceManagement/deviceCompliancePolicies/{}", id(&made));
    let everything =
        json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    assert_eq!(client.post(&format!("{path}/assign"), everything).await.status, 200);
    // anna has one phone that is well and one that is jailbroken, bert one that never reported.
    let well = world.device("a-well", "").await;
    let broken = world.device("b-broken", "").await;
    let fresh = world.device("c-new", "").await;
    for (device, owner) in [(&well, &anna), (&broken, &anna), (&fresh, &bert)] {
        give(&client, device, owner).await;
    }
    well.reports(json!([]), "none").await;
    let finding = json!({"rule": "r", "group": "rootless", "detail": "/var/jb", "weight": 0.9, "families": []});
    broken.jailbreaks(1, finding).await;

    let summaries = client.get(&format!("{path}/deviceSettingStateSummaries")).await;
    let jailbreak = summaries.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["settingName"] == "securityBlockJailbrokenDevices")
        .unwrap_or_else(|| panic!("{}", summaries.text));
    let count = |value: &Value, names: &[&str]| -> Vec<i64> {
        names.iter().map(|name| value[*name].as_i64().unwrap()).collect()
    };
    let states = [
        "compliantDeviceCount",
        "nonCompliantDeviceCount",
        "unknownDeviceCount",
        "errorDeviceCount",
    ];
    assert_eq!(count(jailbreak, &states), [1, 1, 1, 0], "{jailbreak}");

    let users = client.get(&format!("{path}/userStatuses?$count=true")).await;
    let shown: Vec<_> = users.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["userPrincipalName"].as_str().unwrap(),
                one["status"].as_str().unwrap(),
                one["devicesCount"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("anna@corp.example", "nonCompliant", 2),
            ("bert@corp.example", "unknown", 1)
        ],
        "{}",
        users.text
    );
    let worst = client
        .get(&format!(
            "{path}/userStatuses?$filter=status%20eq%20'nonCompliant'%20and%20devicesCount%20ge%202"
        ))
        .await;
    assert_eq!(worst.body["value"].as_array().unwrap().len(), 1, "{}", worst.text);
    let overview = client.get(&format!("{path}/userStatusOverview")).await.body;
    assert_eq!(
        count(&overview, &["failedCount", "pendingCount", "successCount"]),
        [1, 1, 0],
        "{overview}"
    );
    assert_eq!(client.get(&format!("{path}/deviceStatuses/$count")).await.text, "3");

    let summary = client
        .get("/v1.0/deviceManagement/deviceCompliancePolicyDeviceStateSummary")
        .await
        .body;
    let listed = client.get("/v1.0/deviceManagement/managedDevices").await.body;
    let in_state = |state: &str| {
        listed["value"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["complianceState"] == state)
            .count() as i64
    };
    assert_eq!(
        count(
            &summary,
            &[
                "compliantDeviceCount",
                "nonCompliantDeviceCount",
                "inGracePeriodCount",
                "unknownDeviceCount"
            ]
        ),
        ["compliant", "noncompliant", "inGracePeriod", "unknown"].map(in_state),
        "{summary}"
    );
    let all = client.get("/v1.0/deviceManagement/managedDeviceOverview").await.body;
    assert_eq!(all["enrolledDeviceCount"], 3, "{all}");
    let systems = &all["deviceOperatingSystemSummary"];
    assert_eq!(
        count(systems, &["iosCount", "unknownCount"]),
        [0, 3],
        "they are Linux: {all}"
    );

    let states = client
        .get(&format!(
            "/v1.0/deviceManagement/managedDevices/{}/deviceCompliancePolicyStates",
            broken.id
        ))
        .await;
    let state = &states.body["value"][0];
    assert_eq!(
        (&state["displayName"], &state["state"], &state["platformType"]),
        (&json!("Phones"), &json!("nonCompliant"), &json!("iOS"))
    );
    let settings = state["settingStates"].as_array().unwrap();
    assert_eq!(state["settingCount"], settings.len(), "{state}");
    let setting = settings
        .iter()
        .find(|one| one["setting"] == "securityBlockJailbrokenDevices")
        .unwrap();
    assert_eq!(
        (&setting["state"], &setting["userId"]),
        (&json!("nonCompliant"), &json!(anna)),
        "{setting}"
    );
    assert_eq!(setting["sources"][0]["displayName"], "Phones");
    let path = format!(
        "/v1.0/deviceManagement/managedDevices/{}/deviceCompliancePolicyStates/{}",
        broken.id,
        state["id"].as_str().unwrap()
    );
    assert_eq!(client.get(&path).await.body["state"], "nonCompliant");
}
