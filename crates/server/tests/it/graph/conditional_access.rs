//! Conditional access, decided at gateways.

use http::Method;

use super::*;

/// A gateway that asks about devices' certificates.
pub struct Gateway<'a> {
    world: &'a World,
    id: String,
    key: String,
    pub application: String,
}

impl Gateway<'_> {
    pub async fn ask(&self, device: &Device) -> Answer {
        self.ask_with(device, &[]).await
    }

    /// The same with more headers.
    pub async fn ask_with(&self, device: &Device, more: &[(&str, &str)]) -> Answer {
        let certificate: String = device.certificate.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("x-client-cert", certificate.as_str()),
        ];
        headers.extend(more);
        self.world.send(Method::GET, "/access/check", &headers, "").await
    }
}

pub async fn gateway<'a>(world: &'a World, name: &str) -> Gateway<'a> {
    gateway_by(world, json!({"name": name})).await
}

pub async fn gateway_by(world: &World, body: Value) -> Gateway<'_> {
    let made = world.local(Method::POST, "/admin/gateways", body).await;
    Gateway {
        world,
        id: made["id"].as_str().unwrap().into(),
        key: made["key"].as_str().unwrap().into(),
        application: made["applicationId"].as_str().unwrap().into(),
    }
}

/// A policy that asks everybody for a compliant device.
pub fn access_policy(name: &str, state: &str, users: Value, application: &str, controls: &[&str]) -> Value {
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

pub const ACCESS: &str = "/v1.0/identity/conditionalAccess/policies";

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
async fn what_a_policy_names_cannot_be_deleted_and_groups_lock_nobody_out() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let emergency = user(&client, "emergency").await;
    let staff = group(&client, "Staff", &[]).await;
    let location = json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Office",
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]});
    let location = id(&client
        .post("/v1.0/identity/conditionalAccess/namedLocations", location)
        .await);
    let users = json!({"includeGroups": [staff]});
    let mut body = access_policy("Outside", "enabled", users, "All", &["compliantDevice"]);
    body["conditions"]["locations"] = json!({"includeLocations": ["All"], "excludeLocations": [location]});
    let policy = id(&client.post(ACCESS, body).await);

    let path = format!("/v1.0/identity/conditionalAccess/namedLocations/{location}");
    let refused = client.call(Method::DELETE, &path, None).await;
    assert_eq!(refused.outcome(), "400 BadRequest", "{}", refused.text);
    assert!(refused.message().contains("Outside"), "{}", refused.text);
    assert_eq!(client.get(&path).await.status, 200, "it is still there");
    let refused = client
        .call(Method::DELETE, &format!("/v1.0/groups/{staff}"), None)
        .await;
    assert_eq!(refused.outcome(), "409 Conflict", "{}", refused.text);
    assert!(refused.message().contains("Outside"), "{}", refused.text);

    let mark = json!({"moatBreakGlass": true});
    let marked = client
        .call(Method::PATCH, &format!("/v1.0/users/{emergency}"), Some(mark))
        .await;
    assert_eq!(marked.status, 204, "{}", marked.text);
    let reference = json!({"@odata.id": format!("https://h/v1.0/directoryObjects/{emergency}")});
    let refused = client
        .post(&format!("/v1.0/groups/{staff}/members/$ref"), reference)
        .await;
    assert!(refused.message().contains("emergency@corp.example"), "{}", refused.text);
    assert_eq!(
        client.get(&format!("/v1.0/groups/{staff}/members")).await.body["value"],
        json!([])
    );

    assert_eq!(
        client
            .call(Method::DELETE, &format!("{ACCESS}/{policy}"), None)
            .await
            .status,
        204
    );
    assert_eq!(client.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(
        client
            .call(Method::DELETE, &format!("/v1.0/groups/{staff}"), None)
            .await
            .status,
        204
    );
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

#[tokio::test]
async fn who_and_what_a_policy_names_must_be_there() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let nobody = "6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d";
    let made = access_policy(
        "p",
        "disabled",
        json!({"includeUsers": [anna]}),
        nobody,
        &["compliantDevice"],
    );
    let made = client.post(ACCESS, made).await;
    assert_eq!(made.status, 201, "an application may come later: {}", made.text);
    assert_eq!(
        made.body["moatNotes"],
        json!([format!("No gateway protects the application {nobody}.")])
    );
    let path = format!("{ACCESS}/{}", id(&made));
    for (users, field) in [
        (json!({"includeUsers": [nobody]}), "conditions.users.includeUsers"),
        (
            json!({"includeUsers": ["All"], "excludeUsers": [nobody]}),
            "conditions.users.excludeUsers",
        ),
        (
            json!({"includeUsers": ["All"], "excludeGroups": [nobody]}),
            "conditions.users.excludeGroups",
        ),
        (json!({"includeRoles": [nobody]}), "conditions.users.includeRoles"),
    ] {
        let change = json!({"conditions": {"users": users}});
        let changed = client.call(Method::PATCH, &path, Some(change)).await;
        let created = client
            .post(ACCESS, access_policy("q", "disabled", users, "All", &["mfa"]))
            .await;
        for answer in [changed, created] {
            assert_eq!(answer.outcome(), "400 BadRequest", "{field}: {}", answer.text);
            let message = answer.message();
            assert!(
                message.contains(field) && message.contains(nobody),
                "{field}: {message}"
            );
        }
    }
    let locations = json!({"conditions": {"locations": {"includeLocations": [nobody]}}});
    let refused = client.call(Method::PATCH, &path, Some(locations)).await;
    let message = refused.message();
    assert!(
        message.contains("conditions.locations.includeLocations") && message.contains(nobody),
        "{message}"
    );
    assert_eq!(client.get(ACCESS).await.body["value"].as_array().unwrap().len(), 1);

    let person = format!("/v1.0/users/{anna}");
    let refused = client.call(Method::DELETE, &person, None).await;
    assert_eq!(refused.outcome(), "409 Conflict", "{}", refused.text);
    assert!(refused.message().contains("name the user: p"), "{}", refused.text);
    client.call(Method::DELETE, &path, None).await;
    assert_eq!(client.call(Method::DELETE, &person, None).await.status, 204);
}

#[tokio::test]
async fn a_policy_for_a_role_is_about_administrators_who_are_users() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let (anna, bert) = (user(&client, "anna").await, user(&client, "bert").await);
    let door = gateway(&world, "door").await;
    let mut phones = Vec::new();
    for owner in [&anna, &bert] {
        let phone = world.device("phone", "").await;
        give(&client, &phone, owner).await;
        phones.push(phone);
    }
    let reader = "5d6b6bb7-de71-4623-b4af-96380a352509";
    let body = access_policy(
        "Readers",
        "enabled",
        json!({"includeRoles": [reader]}),
        "All",
        &["block"],
    );
    let policy = id(&client.post(ACCESS, body).await);
    assert_eq!(door.ask(&phones[0]).await.status, 200);
    let new = json!({"name": "Anna@Corp.example", "role": "Security reader", "password": "a long password"});
    world.local(Method::POST, "/admin/administrators", new).await;
    assert_eq!(door.ask(&phones[0]).await.status, 403);
    assert_eq!(door.ask(&phones[1]).await.status, 200);
    let what_if = json!({
        "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": anna},
        "signInContext": {"@odata.type": "#microsoft.graph.applicationContext", "includeApplications": [door.application]},
        "signInConditions": {},
    });
    let answer = client.post("/v1.0/identity/conditionalAccess/evaluate", what_if).await;
    assert_eq!(answer.body["value"][0]["policyApplies"], true, "{}", answer.text);

    // An account for emergencies is locked out by its role as by its groups.
    let mark = json!({"moatBreakGlass": true});
    let path = format!("/v1.0/users/{anna}");
    let refused = client.call(Method::PATCH, &path, Some(mark.clone())).await;
    assert!(refused.message().contains("anna@corp.example"), "{}", refused.text);
    client.call(Method::DELETE, &format!("{ACCESS}/{policy}"), None).await;
    assert_eq!(client.call(Method::PATCH, &path, Some(mark)).await.status, 204);
}

#[tokio::test]
async fn a_gateway_s_word_counts_only_where_it_is_to_be_believed() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    let door = gateway(&world, "door").await;
    let everybody = json!({"includeUsers": ["All"]});
    let body = access_policy("Second factor", "enabled", everybody, &door.application, &["mfa"]);
    let made = client.post(ACCESS, body).await;
    assert!(
        made.body["moatNotes"][0].as_str().unwrap().contains("second factor"),
        "{}",
        made.text
    );
    let says = [("x-client-mfa", "true"), ("x-client-country", "ch")];
    assert_eq!(door.ask_with(&device, &says).await.status, 403);
    let path = format!("/admin/gateways/{}", door.id);
    let believed = world
        .local(
            Method::PATCH,
            &path,
            json!({"assertsMfa": true, "assertsCountry": true}),
        )
        .await;
    assert_eq!(
        (&believed["assertsMfa"], &believed["onUnreachable"]),
        (&json!(true), &json!("closed"))
    );
    assert_eq!(door.ask_with(&device, &says).await.status, 200);
    assert_eq!(door.ask_with(&device, &[("x-client-mfa", "false")]).await.status, 403);
    assert_eq!(door.ask(&device).await.status, 403);
    let shown = client.get(&format!("{ACCESS}/{}", id(&made))).await;
    assert_eq!(shown.body["moatNotes"], json!([]));

    let location = json!({"@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": "Home",
        "countriesAndRegions": ["CH"], "includeUnknownCountriesAndRegions": false});
    let home = id(&client
        .post("/v1.0/identity/conditionalAccess/namedLocations", location)
        .await);
    let mut body = access_policy(
        "Abroad",
        "enabled",
        json!({"includeUsers": ["All"]}),
        &door.application,
        &["block"],
    );
    body["conditions"]["locations"] = json!({"includeLocations": ["All"], "excludeLocations": [home]});
    assert_eq!(client.post(ACCESS, body).await.status, 201);
    assert_eq!(door.ask_with(&device, &says).await.status, 200);
    for country in ["FR", "Switzerland", ""] {
        let says = [("x-client-mfa", "true"), ("x-client-country", country)];
        assert_eq!(door.ask_with(&device, &says).await.status, 403, "{country:?}");
    }
}

#[tokio::test]
async fn a_risk_that_nobody_tells_is_said_to_be_no_protection() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let device = world.device("phone", "").await;
    let door = gateway(&world, "door").await;
    let mut body = access_policy("Risky", "enabled", json!({"includeUsers": ["All"]}), "All", &["block"]);
    body["conditions"]["signInRiskLevels"] = json!(["high"]);
    let made = client.post("/beta/identity/conditionalAccess/policies", body).await;
    let note = "No source of sign-in risk is connected, so this policy does not apply at gateways.";
    assert_eq!(made.body["moatNotes"], json!([note]), "{}", made.text);
    assert_eq!(door.ask(&device).await.status, 200);
}

#[tokio::test]
async fn a_draft_s_impact_is_told_before_it_is_stored() {
    let world = World::start().await;
    let client = administrator(&world).await;
    let anna = user(&client, "anna").await;
    let door = gateway(&world, "door").await;
    let phone = world.device("of-anna", "").await;
    give(&client, &phone, &anna).await;
    world.device("of-nobody", "").await;
    let draft = |users: Value| access_policy("Draft", "disabled", users, &door.application, &["block"]);
    let impact = async |body: Value| {
        world
            .local(Method::POST, "/admin/conditional-access/impact", body)
            .await
    };

    let told = impact(json!({"policy": draft(json!({"includeUsers": [anna]}))})).await;
    let application = &told["applications"][0];
    assert_eq!(
        (
            &told["devices"],
            &application["allowedBefore"],
            &application["allowedAfter"]
        ),
        (&json!(2), &json!(2), &json!(1)),
        "{told}"
    );
    assert_eq!(application["lose"]["count"], 1);
    let lost = &application["lose"]["first"][0];
    assert_eq!(
        (&lost["deviceName"], &lost["userId"]),
        (&json!("of-anna"), &json!(anna))
    );
    assert!(lost["reasons"][0]["text"].as_str().unwrap().contains("Draft"), "{lost}");
    assert_eq!(client.get(ACCESS).await.body["value"], json!([]), "nothing is stored");
    assert_eq!(door.ask(&phone).await.status, 200);

    let mut stored = draft(json!({"includeUsers": [anna]}));
    stored["state"] = "enabled".into();
    let stored = id(&client.post(ACCESS, stored).await);
    let without = impact(json!({"replaces": stored, "first": 0})).await;
    let gain = &without["applications"][0]["gain"];
    assert_eq!((&gain["count"], &gain["first"]), (&json!(1), &json!([])), "{without}");
    let wider = impact(json!({"policy": draft(json!({"includeUsers": ["All"]})), "replaces": stored})).await;
    assert_eq!(wider["applications"][0]["lose"]["first"][0]["deviceName"], "of-nobody");

    for (body, part) in [
        (json!({}), "give policy"),
        (json!({"replaces": door.application}), "conditional access policy"),
        (json!({"policy": draft(json!({}))}), "users"),
        (
            json!({"policy": draft(json!({"includeUsers": [door.application]}))}),
            "includeUsers",
        ),
        (json!({"replaces": stored, "first": 1_001}), "first"),
        (json!({"replaces": stored, "clientAppType": "other"}), "clientAppType"),
    ] {
        let answer = client.post("/admin/conditional-access/impact", body).await;
        assert!(answer.status.is_client_error(), "{part}: {}", answer.text);
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
}
