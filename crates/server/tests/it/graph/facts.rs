//! Facts that only a device's management knows, from the device to the compliance of it.

use http::Method;

use super::*;

const SETTINGS: [&str; 4] = [
    "managedEmailProfileRequired",
    "osMinimumBuildVersion",
    "passcodeRequired",
    "restrictedApps",
];

/// A policy about passcode, mail, apps and build, for Anna.
async fn demanding(client: &Client<'_>) -> (String, String) {
    let anna = user(client, "anna").await;
    let staff = group(client, "Staff", &[&anna]).await;
    let mut body = policy("Demanding", 0);
    let fields = body.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("deviceThreat") && name != "securityBlockJailbrokenDevices");
    body["passcodeRequired"] = true.into();
    body["managedEmailProfileRequired"] = true.into();
    body["osMinimumBuildVersion"] = "22G86".into();
    body["restrictedApps"] =
        json!([{"@odata.type": "#microsoft.graph.appListItem", "name": "Game", "appId": "org.example.game"}]);
    let answer = client
        .post("/beta/deviceManagement/deviceCompliancePolicies", body)
        .await;
    let demanding = id(&answer);
    assign(client, &demanding, &staff).await;
    (anna, demanding)
}

async fn sync(client: &Client<'_>, name: &str, on: bool) {
    let change = json!({name: on});
    let answer = client
        .call(Method::PATCH, &OWN.replace("v1.0", "beta"), Some(change))
        .await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

const SYNC: &str = "allowPartnerToCollectIOSApplicationMetadata";
const PERSONAL: &str = "allowPartnerToCollectIOSPersonalApplicationMetadata";

fn configuration(passcode: bool, apps: &[(&str, bool)]) -> Value {
    let apps: Vec<_> = apps
        .iter()
        .map(|(id, managed)| json!({"bundleId": id, "name": id, "version": "1", "managed": managed}))
        .collect();
    json!({"passcode": {"isSet": passcode}, "managedEmailProfile": true, "apps": apps})
}

/// Checks in with a configuration; the answer.
async fn tells(device: &Device, configuration: Value) -> Value {
    let answer = device
        .try_check_in(json!({"configuration": configuration}), json!([]))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

/// What the policy says of its settings on the device, in their order.
async fn judged(client: &Client<'_>, policy: &str) -> [String; 4] {
    let path = format!("/beta/deviceManagement/deviceCompliancePolicies/{policy}/deviceStatuses");
    let answer = client.get(&path).await;
    let settings = answer.body["value"][0]["moatSettings"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text));
    SETTINGS.map(|name| {
        let found = settings.iter().find(|setting| setting["setting"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name}: {}", answer.text));
        found["status"].as_str().unwrap().to_string()
    })
}

async fn state(client: &Client<'_>, device: &Device) -> Value {
    managed(client, device).await["complianceState"].clone()
}

#[tokio::test]
async fn what_management_knows_of_a_device_is_judged_at_once() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, policy) = demanding(&client).await;
    sync(&client, SYNC, true).await;
    let device = world.iphone("managed", "22G90").await;
    give(&client, &device, &anna).await;
    assert_eq!(tells(&device, Value::Null).await["appInventory"], "all");
    let unknown = judged(&client, &policy).await;
    assert_eq!(unknown, ["error", "compliant", "error", "error"], "nothing was said");

    let allowed = configuration(true, &[("org.example.mail", false), ("org.example.game", true)]);
    tells(&device, allowed.clone()).await;
    assert_eq!(judged(&client, &policy).await, ["compliant"; 4].map(String::from));
    assert_eq!(state(&client, &device).await, "compliant");

    tells(&device, configuration(true, &[("org.example.Game", false)])).await;
    assert_eq!(judged(&client, &policy).await[3], "nonCompliant");
    assert_eq!(state(&client, &device).await, "noncompliant");
    let why = managed(&client, &device).await["moatReasons"].to_string();
    assert!(why.contains("org.example.game"), "{why}");
    tells(&device, allowed.clone()).await;
    assert_eq!(state(&client, &device).await, "compliant");

    tells(&device, configuration(false, &[])).await;
    assert_eq!(judged(&client, &policy).await[2], "nonCompliant", "no passcode");
    tells(&device, allowed).await;
    let path = format!("/beta/deviceManagement/deviceCompliancePolicies/{policy}");
    let newer = json!({"@odata.type": "#microsoft.graph.iosCompliancePolicy", "osMinimumBuildVersion": "22G91"});
    let answer = client.call(Method::PATCH, &path, Some(newer)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    assert_eq!(
        judged(&client, &policy).await[1],
        "nonCompliant",
        "the build is too old"
    );
}

#[tokio::test]
async fn apps_are_kept_only_where_the_switches_let_them() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, policy) = demanding(&client).await;
    let device = world.iphone("unmanaged", "22G90").await;
    give(&client, &device, &anna).await;
    let apps = configuration(true, &[("org.example.game", false), ("org.example.mail", true)]);
    let kept = async || {
        let path = format!("/beta/deviceManagement/managedDevices/{}/detectedApps", device.id);
        let answer = client.get(&path).await;
        let apps = answer.body["value"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", answer.text));
        apps.iter()
            .map(|app| app["id"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(tells(&device, apps.clone()).await["appInventory"], "none");
    assert!(kept().await.is_empty(), "sent all the same, and dropped");
    assert_eq!(judged(&client, &policy).await[3], "error");

    sync(&client, SYNC, true).await;
    assert_eq!(tells(&device, apps.clone()).await["appInventory"], "managed");
    assert_eq!(kept().await, ["org.example.mail"]);
    assert_eq!(judged(&client, &policy).await[3], "error", "half a list proves nothing");

    sync(&client, PERSONAL, true).await;
    assert_eq!(tells(&device, apps.clone()).await["appInventory"], "all");
    assert_eq!(judged(&client, &policy).await[3], "nonCompliant");
    sync(&client, PERSONAL, false).await;
    assert!(kept().await.is_empty(), "what may not be known is forgotten");
    assert_eq!(judged(&client, &policy).await[3], "error");
}
