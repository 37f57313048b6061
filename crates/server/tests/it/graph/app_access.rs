//! Apps with app protection at gateways: the grant control `compliantApplication`.

use http::Method;

use super::{
    app_protection::{APPS, app_checks_in, app_policy},
    conditional_access::{ACCESS, Gateway, access_policy, gateway},
    *,
};

const FINDING: &str = r#"{"rule": "r", "group": "g", "detail": "d", "weight": 0.5, "families": []}"#;

/// Anna's phone with an app that follows a policy, and a gateway that wants such an app.
struct Scene<'a> {
    client: Client<'a>,
    anna: String,
    door: Gateway<'a>,
    phone: Device,
    app_policy: String,
    access_policy: String,
}

impl<'a> Scene<'a> {
    async fn new(world: &'a World, management: &str) -> Self {
        let client = administrator(world).await;
        let on = json!({"iosEnabled": true, "iosMobileApplicationManagementEnabled": true});
        client.call(Method::PATCH, OWN, Some(on)).await;
        let anna = user(&client, "anna").await;
        let new =
            json!({"lifetimeSeconds": 3600, "maxUses": 1, "management": management, "deviceGroup": "", "user": anna});
        let phone = world.device_by("phone", new).await;
        phone.reports(json!([]), "none").await;
        let app_policy = id(&client.post(APPS, app_policy("Mail", "block")).await);
        let everybody =
            json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}]});
        let answer = client.post(&format!("{APPS}/{app_policy}/assign"), everybody).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        let door = gateway(world, "door").await;
        let everybody = json!({"includeUsers": ["All"]});
        let body = access_policy(
            "Apps only",
            "enabled",
            everybody,
            &door.application,
            &["compliantApplication"],
        );
        let access_policy = id(&client.post(ACCESS, body).await);
        Self {
            client,
            anna,
            door,
            phone,
            app_policy,
            access_policy,
        }
    }

    /// The app checks in; what it shows at gateways then.
    async fn proof(&self) -> String {
        proof_of(&app_checks_in(&self.phone, Value::Null).await)
    }

    /// Let in, or the first reason why not.
    async fn app(&self, proof: &str) -> String {
        said(&self.door.ask_with(&self.phone, &[("x-moat-app", proof)]).await)
    }

    async fn browser(&self) -> String {
        said(&self.door.ask(&self.phone).await)
    }

    async fn patch(&self, path: &str, body: Value) {
        let answer = self.client.call(Method::PATCH, path, Some(body)).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }
}

fn proof_of(reply: &Value) -> String {
    reply["accessProof"]
        .as_str()
        .unwrap_or_else(|| panic!("{reply}"))
        .into()
}

fn said(answer: &Answer) -> String {
    match answer.status.as_u16() {
        200 => "in".into(),
        403 => answer.body["reasons"][0]["text"].as_str().unwrap().into(),
        _ => panic!("{}", answer.text),
    }
}

fn assert_says(said: &str, part: &str) {
    assert!(said.contains(part), "{said:?} does not say {part:?}");
}

#[tokio::test]
async fn an_app_that_follows_its_policy_comes_in_and_a_browser_does_not() {
    for management in ["managed", "unmanaged"] {
        let world = World::start().await;
        let scene = Scene::new(&world, management).await;
        let proof = scene.proof().await;
        assert_eq!(scene.app(&proof).await, "in", "{management}");
        assert_says(
            &scene.browser().await,
            "\"Apps only\" requires an app with an app protection policy",
        );

        let either = json!({"grantControls": {"operator": "AND", "builtInControls": ["compliantApplication", "compliantDevice"]}});
        let path = format!("{ACCESS}/{}", scene.access_policy);
        scene.patch(&path, either).await;
        assert_says(&scene.app(&proof).await, "a compliant device");
        let both = json!({"grantControls": {"operator": "OR", "builtInControls": ["compliantApplication", "compliantDevice"]}});
        scene.patch(&path, both).await;
        assert_eq!(scene.app(&proof).await, "in");
        let browsers = json!({"conditions": {"clientAppTypes": ["browser"]}, "grantControls": {"operator": "OR", "builtInControls": ["block"]}});
        scene.patch(&path, browsers).await;
        assert_eq!(scene.app(&proof).await, "in", "an app is no browser");
        assert_says(&scene.browser().await, "blocks access");
    }
}

#[tokio::test]
async fn only_what_this_server_issued_to_this_device_proves_anything() {
    let world = World::start().await;
    let scene = Scene::new(&world, "managed").await;
    let proof = scene.proof().await;
    let new =
        json!({"lifetimeSeconds": 3600, "maxUses": 1, "management": "managed", "deviceGroup": "", "user": scene.anna});
    let other = world.device_by("other", new).await;
    other.reports(json!([]), "none").await;
    let others = proof_of(&app_checks_in(&other, Value::Null).await);
    assert_says(&scene.app(&others).await, "issued for another device");
    for wrong in ["x".to_string(), proof[..proof.len() - 1].into(), "A".repeat(8_000)] {
        assert_says(&scene.app(&wrong).await, "not issued by this server");
    }
    assert_says(&scene.app("").await, "requires an app");
    let elsewhere = World::start().await;
    let theirs = Scene::new(&elsewhere, "managed").await.proof().await;
    assert_says(&scene.app(&theirs).await, "not issued by this server");
    assert_eq!(scene.app(&proof).await, "in");
}

#[tokio::test]
async fn what_changes_after_the_check_in_counts_at_once() {
    let world = World::start().await;
    let scene = Scene::new(&world, "managed").await;
    let proof = scene.proof().await;
    // Medium: above the app's policy, and not yet what closes access to everybody.
    let finding = serde_json::from_str(FINDING).unwrap();
    scene.phone.suspected(1, finding).await;
    let closed = scene.app(&proof).await;
    assert_says(&closed, "threat level is medium; work data may be used up to low");
    assert_says(&closed, "may be jailbroken");
    scene.phone.clears(2).await;
    assert_eq!(scene.app(&proof).await, "in");

    scene
        .patch(
            &format!("{APPS}/{}", scene.app_policy),
            json!({"minimumRequiredAppVersion": "2.0"}),
        )
        .await;
    assert_says(&scene.app(&proof).await, "2.0");
    scene
        .patch(
            &format!("{APPS}/{}", scene.app_policy),
            json!({"minimumRequiredAppVersion": null}),
        )
        .await;
    assert_eq!(scene.app(&proof).await, "in");

    let path = format!("/v1.0/users/{}", scene.anna);
    scene.patch(&path, json!({"accountEnabled": false})).await;
    assert_says(&scene.app(&proof).await, "account is disabled");
    scene.patch(&path, json!({"accountEnabled": true})).await;
    assert_eq!(scene.app(&proof).await, "in");

    scene
        .client
        .post(
            &format!("{APPS}/{}/assign", scene.app_policy),
            json!({"assignments": []}),
        )
        .await;
    assert_says(
        &scene.app(&proof).await,
        "No app protection policy is for this user and app",
    );
}

#[tokio::test]
async fn a_wipe_ends_what_was_issued_before() {
    let world = World::start().await;
    let scene = Scene::new(&world, "managed").await;
    let proof = scene.proof().await;
    let path = format!("/v1.0/users/{}/wipeManagedAppRegistrationsByDeviceTag", scene.anna);
    assert_eq!(
        scene.client.post(&path, json!({"deviceTag": "tag-1"})).await.status,
        204
    );
    assert_says(&scene.app(&proof).await, "ordered to wipe");
    let meanwhile = scene.proof().await;
    assert_says(&scene.app(&meanwhile).await, "ordered to wipe");
    let receipt = json!({"order": null, "reason": "a condition", "at": 1_764_000_000_000_000_i64});
    let after = proof_of(&app_checks_in(&scene.phone, receipt).await);
    assert_says(&scene.app(&meanwhile).await, "wiped since it checked in");
    assert_says(&scene.app(&after).await, "ordered to wipe");
}
