//! The console's pages of policies, as a browser uses them.

use http::Method;
use moat_server::Role;
use serde_json::{Value, json};

use crate::world::{Answer, Client, World};

const PASSWORD: &str = "correct horse battery";

/// A signed-in browser.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn start(world: &'a World, role: &str) -> Browser<'a> {
        let name = role.replace(' ', "").to_lowercase();
        let new = json!({"name": name, "password": PASSWORD, "role": role});
        world.local(Method::POST, "/admin/administrators", new).await;
        let fields = form(&[("name", &name), ("password", PASSWORD)]);
        let answer = world.form("/sign-in", &fields).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        Self {
            world,
            cookie: cookie.split(';').next().unwrap().to_string(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.get_in("en", path).await
    }

    async fn get_in(&self, language: &str, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("accept-language", language)];
        self.world.send(Method::GET, path, &headers, "").await
    }

    /// Sends the form that a page has, with some of its fields changed.
    async fn send(&self, page: &str, to: &str, changes: &[(&str, &str)]) -> Answer {
        let page = self.get(page).await;
        assert_eq!(page.status, 200, "{}", page.text);
        self.send_from(&page, to, changes).await
    }

    async fn send_from(&self, page: &Answer, to: &str, changes: &[(&str, &str)]) -> Answer {
        let mut fields = fields_of(&page.text);
        fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let changes = changes
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        fields.extend(changes.filter(|(_, value)| value != "(none)"));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.world.send(Method::POST, to, &headers, form(&fields)).await
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

/// The fields of the first form of a page, as a browser would send them unchanged.
fn fields_of(page: &str) -> Vec<(String, String)> {
    let start = page
        .find("<form method=\"post\" id=\"policy\"")
        .expect("a policy's form");
    let page = &page[start..start + page[start..].find("</form>").unwrap()];
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
        Some(unescape(rest.split('"').next()?))
    };
    let mut fields = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = attribute(tag, "name");
        match tag.split(' ').next().unwrap() {
            "input" if tag.contains("checkbox") && !tag.contains(" checked") => {}
            "input" => fields.push((name.unwrap(), attribute(tag, "value").unwrap_or_default())),
            "textarea" => fields.push((name.unwrap(), unescape(text))),
            "select" => fields.push((name.unwrap(), "(first)".into())),
            "option" => {
                let (_, chosen) = fields.last_mut().unwrap();
                if chosen == "(first)" || tag.contains(" selected") {
                    *chosen = attribute(tag, "value").unwrap();
                }
            }
            _ => {}
        }
    }
    fields
}

fn unescape(text: &str) -> String {
    text.replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let location = answer.headers["location"].to_str().unwrap();
    location.split('?').next().unwrap().to_string()
}

async fn script(world: &World) -> Client<'_> {
    let roles: Vec<Role> = Role::ALL
        .iter()
        .copied()
        .filter(|role| *role != Role::TiReadWrite)
        .collect();
    world.client("script", &roles).await
}

async fn only(client: &Client<'_>, set: &str) -> Value {
    let all = client.get(&format!("/beta/{set}")).await;
    let all = all.body["value"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

const COMPLIANCE: &str = "deviceManagement/deviceCompliancePolicies";
const APPS: &str = "deviceAppManagement/iosManagedAppProtections";
const ACCESS: &str = "identity/conditionalAccess/policies";

#[tokio::test]
async fn a_compliance_policy_is_tried_made_changed_and_deleted() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let client = script(&world).await;
    let device = world.device("phone", "").await;
    let finding = json!({"rule": "fs.var_jb", "group": "rootless", "detail": "/var/jb is a symlink", "weight": 0.9, "families": []});
    device.jailbreaks(1, finding).await;
    assert!(
        browser
            .get("/policies/compliance")
            .await
            .text
            .contains("No compliance policy yet")
    );

    let new = "/policies/compliance/new";
    let typed = [
        ("displayName", "Phones <1>"),
        ("securityBlockJailbrokenDevices", "true"),
        ("passcodeMinimumLength", "6"),
        ("restrictedApps", "com.example.game A game"),
        ("assignments", "allDevices"),
    ];
    let tried = browser.send(new, "/policies/compliance/preview", &typed).await;
    assert!(tried.text.contains("Devices reached</dt><dd>1"), "{}", tried.text);
    assert!(
        tried
            .text
            .contains(">phone</a> <span class=\"mark high\">▲ Not compliant"),
        "{}",
        tried.text
    );
    let none = client.get(&format!("/beta/{COMPLIANCE}")).await;
    assert!(
        none.body["value"].as_array().unwrap().is_empty(),
        "a preview saves nothing"
    );

    // Sent twice, as by a double click: one policy.
    let page = browser.get(new).await;
    let made = browser.send_from(&page, "/policies/compliance", &typed).await;
    let again = browser.send_from(&page, "/policies/compliance", &typed).await;
    let policy = location(&made);
    assert_eq!(policy, location(&again));
    let stored = only(&client, COMPLIANCE).await;
    assert_eq!(stored["displayName"], "Phones <1>");
    assert_eq!(stored["securityBlockJailbrokenDevices"], true);
    assert_eq!(stored["passcodeMinimumLength"], 6);
    assert_eq!(stored["passcodeExpirationDays"], Value::Null);
    assert_eq!(stored["restrictedApps"][0]["appId"], "com.example.game");

    let list = browser.get("/policies/compliance").await.text;
    assert!(
        list.contains("All devices") && list.contains("Phones &#60;1&#62;"),
        "{list}"
    );
    assert!(list.contains("aria-label=\"Not compliant: 1\""), "{list}");
    let devices = browser
        .get(&format!("{policy}/devices?status=not-compliant"))
        .await
        .text;
    assert!(
        devices.contains(">phone</a>") && devices.contains("Not compliant (1)"),
        "{devices}"
    );
    assert!(
        !browser
            .get(&format!("{policy}/devices?status=compliant"))
            .await
            .text
            .contains(">phone</a>")
    );

    // What is sent unchanged stays; a grace period is one of the actions.
    let saved = browser
        .send(
            &policy,
            &policy,
            &[
                ("action-0-days", "2"),
                ("action-0-hours", "3"),
                ("action-1-type", "retire"),
                ("action-1-days", "9"),
            ],
        )
        .await;
    location(&saved);
    let id = policy.rsplit('/').next().unwrap();
    let actions = client
        .get(&format!("/beta/{COMPLIANCE}/{id}/scheduledActionsForRule"))
        .await;
    let actions = &actions.body["value"][0]["scheduledActionConfigurations"];
    assert_eq!(
        (&actions[0]["actionType"], &actions[0]["gracePeriodHours"]),
        (&json!("block"), &json!(51))
    );
    assert_eq!(
        (&actions[1]["actionType"], &actions[1]["gracePeriodHours"]),
        (&json!("retire"), &json!(216))
    );
    assert_eq!(only(&client, COMPLIANCE).await["passcodeMinimumLength"], 6);
    let list = browser.get("/policies/compliance").await.text;
    assert!(list.contains("aria-label=\"In grace period: 1\""), "{list}");

    let version = only(&client, COMPLIANCE).await["version"].clone();
    location(&browser.send(&policy, &policy, &[("assignments", "allUsers")]).await);
    assert_eq!(
        only(&client, COMPLIANCE).await["version"],
        version,
        "who it is for is no new version"
    );
    let versions = browser.get(&format!("{policy}/versions")).await.text;
    assert!(
        versions.contains("<b>Assignments</b>: <del>All devices</del> → <ins>All users</ins>"),
        "{versions}"
    );
    location(&browser.send(&policy, &policy, &[("assignments", "allDevices")]).await);

    let yaml = browser.get(&format!("{policy}/export")).await;
    assert_eq!(yaml.headers["content-type"], "application/yaml; charset=utf-8");
    assert!(
        yaml.text.contains("passcodeMinimumLength: 6\n") && yaml.text.contains("allDevicesAssignmentTarget"),
        "{}",
        yaml.text
    );

    let refused = browser
        .send(&policy, &format!("{policy}/delete"), &[("confirm", "Phones")])
        .await;
    assert!(
        refused.text.contains("Type the name exactly: Phones &#60;1&#62;"),
        "{}",
        refused.text
    );
    let deleted = browser
        .send(&policy, &format!("{policy}/delete"), &[("confirm", "Phones <1>")])
        .await;
    assert_eq!(location(&deleted), "/policies/compliance");
    assert_eq!(browser.get(&policy).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_input_and_what_was_typed_stays() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let typed = [
        ("displayName", ""),
        ("description", "kept"),
        ("passcodeMinimumLength", "three"),
        ("action-0-days", "900"),
    ];
    let refused = browser
        .send("/policies/compliance/new", "/policies/compliance", &typed)
        .await;
    assert_eq!(refused.status, 200);
    for text in [
        "id=\"wrong-policy-displayName\" role=\"alert\">Give it a name.",
        "Minimum password length must be a whole number from 4 to 14.",
        "Row 1: the time must be 0 to 365 days.",
        "value=\"kept\"",
        "value=\"three\"",
        "value=\"900\"",
    ] {
        assert!(refused.text.contains(text), "{text} in {}", refused.text);
    }
    // What only the operation knows finds its input as well.
    let typed = [
        ("displayName", "x"),
        ("osMinimumVersion", "eighteen"),
        ("action-1-type", "notification"),
    ];
    let refused = browser
        .send("/policies/compliance/new", "/policies/compliance", &typed)
        .await;
    assert!(
        refused.text.contains("id=\"wrong-policy-osMinimumVersion\""),
        "{}",
        refused.text
    );
    let typed = [("displayName", "x"), ("action-1-type", "notification")];
    let refused = browser
        .send("/policies/compliance/new", "/policies/compliance", &typed)
        .await;
    assert!(
        refused.text.contains("Actions (2): must name a message template"),
        "{}",
        refused.text
    );
    let client = script(&world).await;
    let none = client.get(&format!("/beta/{COMPLIANCE}")).await;
    assert!(none.body["value"].as_array().unwrap().is_empty(), "nothing was saved");
}

#[tokio::test]
async fn two_who_save_at_once_see_both_values_and_versions_lead_back() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let client = script(&world).await;
    let typed = [
        ("displayName", "Phones"),
        ("passcodeMinimumLength", "6"),
        ("assignments", "allUsers"),
    ];
    let policy = location(
        &browser
            .send("/policies/compliance/new", "/policies/compliance", &typed)
            .await,
    );
    let (mine, theirs) = (browser.get(&policy).await, browser.get(&policy).await);
    location(
        &browser
            .send_from(&theirs, &policy, &[("passcodeMinimumLength", "8")])
            .await,
    );
    let refused = browser
        .send_from(&mine, &policy, &[("passcodeMinimumLength", "10")])
        .await;
    assert_eq!(refused.status, 200);
    assert!(
        refused
            .text
            .contains("<td>Minimum password length</td><td class=\"text\">8</td><td class=\"text\">10</td>"),
        "{}",
        refused.text
    );
    assert_eq!(
        only(&client, COMPLIANCE).await["passcodeMinimumLength"],
        8,
        "nothing was saved"
    );
    location(&browser.send_from(&refused, &policy, &[]).await);
    assert_eq!(
        only(&client, COMPLIANCE).await["passcodeMinimumLength"],
        10,
        "saving again is knowing"
    );

    let versions = browser.get(&format!("{policy}/versions")).await.text;
    assert!(
        versions.contains("<b>Minimum password length</b>: <del>8</del> → <ins>10</ins>"),
        "{versions}"
    );
    let first = versions.rsplit("name=\"version\" value=\"").next().unwrap();
    let first = first.split('"').next().unwrap();
    let back = browser
        .send(&policy, &format!("{policy}/restore"), &[("version", first)])
        .await;
    location(&back);
    let stored = only(&client, COMPLIANCE).await;
    assert_eq!(
        (&stored["passcodeMinimumLength"], &stored["displayName"]),
        (&json!(6), &json!("Phones"))
    );
    assert_eq!(
        browser
            .send(&policy, &format!("{policy}/restore"), &[("version", "guess")])
            .await
            .status,
        404
    );

    let copy = browser
        .get(&format!(
            "/policies/compliance/new?from={}",
            policy.rsplit('/').next().unwrap()
        ))
        .await;
    assert!(copy.text.contains("value=\"Copy of Phones\""));
    location(&browser.send_from(&copy, "/policies/compliance", &[]).await);
    let all = client.get(&format!("/beta/{COMPLIANCE}")).await;
    let lengths: Vec<_> = all.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["passcodeMinimumLength"])
        .collect();
    assert_eq!(lengths, [&json!(6), &json!(6)]);
}

#[tokio::test]
async fn readers_see_and_do_not_change() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let reader = Browser::start(&world, "Security reader").await;
    let helpdesk = Browser::start(&world, "Helpdesk").await;
    let mut made = Vec::new();
    for (kind, new, typed) in [
        ("compliance", "new", vec![("displayName", "C")]),
        ("apps", "new", vec![("displayName", "A"), ("apps", "org.example.Mail")]),
        ("access", "new", vec![("displayName", "X")]),
        (
            "locations",
            "new?kind=ip",
            vec![("displayName", "L"), ("ipRanges", "192.0.2.0/24")],
        ),
    ] {
        let (list, form) = (format!("/policies/{kind}"), format!("/policies/{kind}/{new}"));
        let policy = location(&browser.send(&form, &list, &typed).await);
        assert_eq!(reader.get(&list).await.status, 200, "{kind}");
        assert_eq!(reader.get(&form).await.status, 403, "{kind}");
        assert_eq!(helpdesk.get(&list).await.status, 403, "{kind}");
        assert_eq!(helpdesk.get(&policy).await.status, 403, "{kind}");
        let page = reader.get(&policy).await;
        assert!(page.text.contains("<fieldset class=\"whole\" disabled>"), "{kind}");
        assert!(!page.text.contains("class=\"primary\""), "{kind}");
        for to in [
            policy.clone(),
            list,
            format!("{policy}/delete"),
            format!("{policy}/restore"),
        ] {
            let name = typed[0].1;
            let refused = reader
                .send_from(&page, &to, &[("confirm", name), ("version", "v")])
                .await;
            assert_eq!(refused.status, 403, "{to}: {}", refused.text);
        }
        for (form, page) in [
            (format!("{policy}/delete"), policy.clone()),
            (format!("/policies/{kind}/preview"), format!("/policies/{kind}")),
        ] {
            let answer = reader.get(&form).await;
            if answer.status == 303 {
                assert_eq!(answer.headers["location"], page, "{form}");
            }
        }
        made.push(policy);
    }
    for policy in made {
        for page in [String::new(), "/versions".into(), "/export".into()] {
            let answer = reader.get(&format!("{policy}{page}")).await;
            assert_eq!(answer.status, 200, "{policy}{page}: {}", answer.text);
        }
        let german = reader.get_in("de", &policy).await.text;
        assert!(
            german.contains("Ihre Rolle darf dies sehen, aber nicht ändern."),
            "{german}"
        );
    }
}

#[tokio::test]
async fn conditional_access_is_tried_before_it_closes_anything() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let client = script(&world).await;
    let made = world
        .local(Method::POST, "/admin/gateways", json!({"name": "intranet"}))
        .await;
    let application = made["applicationId"].as_str().unwrap();
    let user = json!({"accountEnabled": true, "displayName": "ada", "mailNickname": "ada",
        "userPrincipalName": "ada@corp.example", "passwordProfile": {"password": "x"}});
    let ada = client.post("/v1.0/users", user).await.body["id"]
        .as_str()
        .unwrap()
        .to_string();
    let device = world.device("phone", "").await;
    device.reports(json!([]), "none").await;
    let reference = json!({"@odata.id": format!("https://h/beta/users/{ada}")});
    let path = format!("/beta/deviceManagement/managedDevices/{}/users/$ref", device.id);
    assert_eq!(client.post(&path, reference).await.status, 204);
    let compliance = json!({"@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "c",
        "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": [{"actionType": "block"}]}]});
    let id = client.post(&format!("/beta/{COMPLIANCE}"), compliance).await.body["id"]
        .as_str()
        .unwrap()
        .to_string();
    let all = json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]});
    assert_eq!(
        client
            .post(&format!("/beta/{COMPLIANCE}/{id}/assign"), all)
            .await
            .status,
        200
    );

    let typed = [
        ("displayName", "Nobody"),
        ("who", "selected"),
        ("includeUsers", "ADA@corp.example"),
        ("what", "selected"),
        ("includeApplications", application),
        ("grant", "block"),
    ];
    let tried = browser
        .send("/policies/access/new", "/policies/access/preview", &typed)
        .await;
    assert!(
        tried.text.contains("intranet: would lose access</dt><dd>1"),
        "{}",
        tried.text
    );
    assert!(
        tried
            .text
            .contains(">phone</a> <span class=\"mark high\">▲ Loses access (intranet)"),
        "{}",
        tried.text
    );
    let policy = location(&browser.send("/policies/access/new", "/policies/access", &typed).await);
    let stored = only(&client, ACCESS).await;
    assert_eq!(
        stored["state"], "enabledForReportingButNotEnforced",
        "a new policy reports first"
    );
    assert_eq!(stored["conditions"]["users"]["includeUsers"], json!([ada]));
    assert_eq!(stored["grantControls"]["builtInControls"], json!(["block"]));
    assert!(browser.get(&policy).await.text.contains(">ada@corp.example</textarea>"));

    let asked = browser
        .get(&format!(
            "/policies/access/what-if?user=ada@corp.example&application={application}"
        ))
        .await;
    assert!(
        asked.text.contains("1 policy applies") && asked.text.contains("◆ Applies"),
        "{}",
        asked.text
    );
    let other = browser.get("/policies/access/what-if?user=ada@corp.example").await.text;
    assert!(
        other.contains("0 policies apply") && other.contains("It is not for this application."),
        "{other}"
    );
    let nobody = browser
        .get("/policies/access/what-if?user=eve@corp.example&ip=x&country=Germany")
        .await
        .text;
    for text in [
        "There is no user eve@corp.example.",
        "This is no IP address",
        "This is no country code",
    ] {
        assert!(nobody.contains(text), "{text} in {nobody}");
    }

    // What the form does not show is not lost by saving it.
    let risk = json!({"conditions": {"signInRiskLevels": ["high"]}});
    let id = stored["id"].as_str().unwrap();
    let patched = client
        .call(Method::PATCH, &format!("/beta/{ACCESS}/{id}"), Some(risk))
        .await;
    assert_eq!(patched.status, 204, "{}", patched.text);
    location(&browser.send(&policy, &policy, &[("state", "disabled")]).await);
    let stored = only(&client, ACCESS).await;
    assert_eq!(
        (&stored["state"], &stored["conditions"]["signInRiskLevels"]),
        (&json!("disabled"), &json!(["high"]))
    );
}

#[tokio::test]
async fn a_policy_that_locks_out_accounts_for_emergencies_is_refused_in_plain_words() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let client = script(&world).await;
    let user = json!({"accountEnabled": true, "displayName": "bg", "mailNickname": "bg", "moatBreakGlass": true,
        "userPrincipalName": "break-glass@corp.example", "passwordProfile": {"password": "x"}});
    assert_eq!(client.post("/v1.0/users", user).await.status, 201);
    let typed = [
        ("displayName", "All"),
        ("state", "enabled"),
        ("builtInControls", "compliantDevice"),
    ];
    let refused = browser.send("/policies/access/new", "/policies/access", &typed).await;
    assert_eq!(refused.status, 200);
    assert!(
        refused
            .text
            .contains("this would lock out accounts for emergencies</h2>"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("break-glass@corp.example"));
    assert!(
        refused.text.contains("id=\"wrong-policy-excludeUsers\""),
        "{}",
        refused.text
    );
    let mended = [&typed[..], &[("excludeUsers", "break-glass@corp.example")]].concat();
    location(&browser.send("/policies/access/new", "/policies/access", &mended).await);
    assert_eq!(only(&client, ACCESS).await["state"], "enabled");
}

#[tokio::test]
async fn an_app_protection_policy_is_made_and_warns_without_a_connector() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let client = script(&world).await;
    let new = browser.get("/policies/apps/new").await;
    assert!(
        new.text
            .contains("No connector is set up for app protection evaluation"),
        "{}",
        new.text
    );
    let typed = [
        ("displayName", "Mail"),
        ("apps", "org.example.Mail\norg.example.Files"),
        ("maximumAllowedDeviceThreatLevel", "low"),
        ("mobileThreatDefenseRemediationAction", "wipe"),
        ("periodOfflineBeforeAccessCheck", "720"),
        ("allowedDataStorageLocations", "box"),
        ("assignments", "allUsers"),
    ];
    let tried = browser.send_from(&new, "/policies/apps/preview", &typed).await;
    assert!(tried.text.contains("Of 0 apps that checked in"), "{}", tried.text);
    let policy = location(&browser.send_from(&new, "/policies/apps", &typed).await);
    let stored = only(&client, APPS).await;
    assert_eq!(stored["maximumAllowedDeviceThreatLevel"], "low");
    assert_eq!(stored["mobileThreatDefenseRemediationAction"], "wipe");
    assert_eq!(stored["periodOfflineBeforeAccessCheck"], "PT12H");
    assert_eq!(stored["periodOfflineBeforeWipeIsEnforced"], "P90D");
    assert_eq!(stored["allowedDataStorageLocations"], json!(["box"]));
    assert_eq!(stored["pinRequired"], true, "what the admin centre recommends");
    assert_eq!(stored["deployedAppCount"], 2);
    assert_eq!(stored["isAssigned"], true);
    location(&browser.send(&policy, &policy, &[]).await);
    let mut after = only(&client, APPS).await;
    for volatile in ["version", "lastModifiedDateTime", "@odata.etag"] {
        after[volatile] = stored[volatile].clone();
    }
    assert_eq!(after, stored, "saving unchanged changes nothing");
    let refused = browser
        .send(
            &policy,
            &policy,
            &[("minimumRequiredOsVersion", "new"), ("apps", "no id")],
        )
        .await;
    assert!(
        refused
            .text
            .contains("Min OS version: block below: &#34;new&#34; is no version"),
        "{}",
        refused.text
    );
    let connector = "/beta/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92";
    let on = json!({"iosMobileApplicationManagementEnabled": true});
    assert_eq!(client.call(Method::PATCH, connector, Some(on)).await.status, 200);
    assert!(!browser.get(&policy).await.text.contains("No connector is set up"));
    let registered = browser.get(&format!("{policy}/registrations")).await.text;
    assert!(registered.contains("No app here"), "{registered}");
}

#[tokio::test]
async fn named_locations_are_made_and_kept_while_a_policy_names_them() {
    let world = World::start().await;
    let browser = Browser::start(&world, "Global administrator").await;
    let client = script(&world).await;
    let typed = [
        ("displayName", "Office"),
        ("ipRanges", "203.0.113.0/24\n2001:db8::/48"),
        ("isTrusted", "true"),
    ];
    let office = location(
        &browser
            .send("/policies/locations/new?kind=ip", "/policies/locations", &typed)
            .await,
    );
    let stored = only(&client, "identity/conditionalAccess/namedLocations").await;
    assert_eq!(stored["ipRanges"][1]["@odata.type"], "#microsoft.graph.iPv6CidrRange");
    let wrong = [("displayName", "Countries"), ("countriesAndRegions", "DE Germany")];
    let refused = browser
        .send("/policies/locations/new?kind=country", "/policies/locations", &wrong)
        .await;
    assert!(
        refused.text.contains("Germany is no country code of two letters"),
        "{}",
        refused.text
    );
    let right = [("displayName", "Countries"), ("countriesAndRegions", "de, ch")];
    location(
        &browser
            .send("/policies/locations/new?kind=country", "/policies/locations", &right)
            .await,
    );
    let list = browser.get("/policies/locations").await.text;
    assert!(
        list.contains("DE, CH") && list.contains("203.0.113.0/24, 2001:db8::/48"),
        "{list}"
    );
    let bad = browser.send(&office, &office, &[("ipRanges", "not a range")]).await;
    assert!(bad.text.contains("id=\"wrong-policy-ipRanges\""), "{}", bad.text);
    let id = office.rsplit('/').next().unwrap();
    let policy = [("displayName", "From the office"), ("includeLocations", id)];
    location(&browser.send("/policies/access/new", "/policies/access", &policy).await);
    let kept = browser
        .send(&office, &format!("{office}/delete"), &[("confirm", "Office")])
        .await;
    assert_eq!(kept.status, 200);
    assert!(kept.text.contains("From the office"), "{}", kept.text);
    location(&browser.send(&office, &office, &[("displayName", "Headquarters")]).await);
    assert!(browser.get("/policies/locations").await.text.contains("Headquarters"));
}
