//! Policies of every kind, connectors, gateways, API clients and message templates, as administrators make them.

use anyhow::Result;
use http::Method;
use moat_server::App;
use serde_json::{Value, json};

use crate::{call, people::People};

const COMPLIANCE: &str = "/v1.0/deviceManagement/deviceCompliancePolicies";
const APPS: &str = "/beta/deviceAppManagement/iosManagedAppProtections";
const ACCESS: &str = "/v1.0/identity/conditionalAccess/policies";
const LOCATIONS: &str = "/v1.0/identity/conditionalAccess/namedLocations";
const CONNECTORS: &str = "/beta/deviceManagement/mobileThreatDefenseConnectors";
const OWN: &str = "/beta/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92";
const TEMPLATES: &str = "/beta/deviceManagement/notificationMessageTemplates";

pub async fn make(app: &App, people: &People) -> Result<()> {
    let post = async |path: &str, body: Value| call(app, Method::POST, path, body).await;
    for name in ["Ticket system", "SIEM export"] {
        post(
            "/admin/clients",
            json!({"name": name, "roles": ["Alert.Read.All", "Machine.Read.All"]}),
        )
        .await?;
    }
    for group in ["", "field", "board"] {
        let token = json!({"maxUses": 50, "deviceGroup": group, "lifetimeSeconds": 86_400});
        post("/admin/enrollment-tokens", token).await?;
    }
    call(
        app,
        Method::PATCH,
        OWN,
        json!({"iosEnabled": true, "iosMobileApplicationManagementEnabled": true}),
    )
    .await?;
    post(
        CONNECTORS,
        json!({"displayName": "Other threat defence", "iosEnabled": true}),
    )
    .await?;
    compliance(app, people).await?;
    app_protection(app, people).await?;
    conditional_access(app, people).await
}

/// Judges every device by what is in force.
pub async fn judge(app: &App) -> Result<()> {
    let policies = call(app, Method::GET, COMPLIANCE, Value::Null).await?;
    let path = format!("{COMPLIANCE}/{}", text(&policies["value"][0]["id"]));
    call(
        app,
        Method::PATCH,
        &path,
        json!({"description": "What phones must hold to"}),
    )
    .await
    .map(drop)
}

async fn compliance(app: &App, people: &People) -> Result<()> {
    let post = async |path: &str, body: Value| call(app, Method::POST, path, body).await;
    let template =
        json!({"displayName": "Not compliant", "brandingOptions": "includeCompanyName", "defaultLocale": "en-us"});
    let template = text(&post(TEMPLATES, template).await?["id"]);
    for (locale, subject, message) in [
        (
            "en-us",
            "{{DeviceName}} is not compliant",
            "Hello {{UserName}},\n\nplease look at {{DeviceName}}.",
        ),
        (
            "de-de",
            "{{DeviceName}} erfüllt die Regeln nicht",
            "Hallo {{UserName}},\n\nbitte prüfen Sie {{DeviceName}}.",
        ),
    ] {
        let path = format!("{TEMPLATES}/{template}/localizedNotificationMessages");
        post(
            &path,
            json!({"locale": locale, "subject": subject, "messageTemplate": message}),
        )
        .await?;
    }
    let action = |kind: &str, hours: u32, template: &str| json!({"actionType": kind, "gracePeriodHours": hours, "notificationTemplateId": template, "notificationMessageCCList": []});
    let none = "00000000-0000-0000-0000-000000000000";
    let policies = [
        (
            "Phones",
            json!({"securityBlockJailbrokenDevices": true, "deviceThreatProtectionEnabled": true,
                "deviceThreatProtectionRequiredSecurityLevel": "medium", "osMinimumVersion": "17.0"}),
            json!([
                action("block", 0, none),
                action("notification", 48, &template),
                action("retire", 720, none)
            ]),
            everybody(),
        ),
        (
            "Board",
            json!({"securityBlockJailbrokenDevices": true, "osMinimumVersion": "18.0", "passcodeRequired": true, "passcodeMinimumLength": 6}),
            json!([action("block", 24, none)]),
            groups(&[people.group("Board")], &[]),
        ),
        (
            "Field service",
            json!({"securityBlockJailbrokenDevices": true, "managedEmailProfileRequired": true}),
            json!([action("block", 72, none), action("remoteLock", 240, none)]),
            groups(&[people.group("Field service")], &[people.group("IT")]),
        ),
    ];
    for (name, settings, actions, assignments) in policies {
        let mut policy = json!({"@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": name,
            "description": format!("What devices of {name} must hold to"),
            "scheduledActionsForRule": [{"ruleName": "PasswordRequired", "scheduledActionConfigurations": actions}]});
        merge(&mut policy, settings);
        let id = text(&post(COMPLIANCE, policy).await?["id"]);
        post(&format!("{COMPLIANCE}/{id}/assign"), assignments).await?;
    }
    Ok(())
}

async fn app_protection(app: &App, people: &People) -> Result<()> {
    for (name, action, bundle, group) in [
        ("Mail", "block", "org.example.mail", "Staff"),
        ("Files", "wipe", "org.example.files", "Field service"),
    ] {
        let policy = json!({"@odata.type": "#microsoft.graph.iosManagedAppProtection", "displayName": name,
            "maximumAllowedDeviceThreatLevel": "low", "mobileThreatDefenseRemediationAction": action,
            "pinRequired": true, "minimumPinLength": 6, "minimumRequiredOsVersion": "17.0",
            "apps": [{"mobileAppIdentifier": {"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": bundle}}]});
        let id = text(&call(app, Method::POST, APPS, policy).await?["id"]);
        let assignments = groups(&[people.group(group)], &[]);
        call(app, Method::POST, &format!("{APPS}/{id}/assign"), assignments).await?;
    }
    Ok(())
}

async fn conditional_access(app: &App, people: &People) -> Result<()> {
    let post = async |path: &str, body: Value| call(app, Method::POST, path, body).await;
    let intranet = text(&post("/admin/gateways", json!({"name": "intranet"})).await?["applicationId"]);
    let mail = text(&post("/admin/gateways", json!({"name": "mail"})).await?["applicationId"]);
    let office = json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Office", "isTrusted": true,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]});
    let office = text(&post(LOCATIONS, office).await?["id"]);
    let abroad = json!({"@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": "Home countries",
        "countriesAndRegions": ["CH", "DE", "AT"], "includeUnknownCountriesAndRegions": false});
    post(LOCATIONS, abroad).await?;
    let all = json!({"includeUsers": ["All"], "excludeUsers": [people.emergency]});
    let policies = [
        (
            "Compliant devices for the intranet",
            "enabled",
            all.clone(),
            &intranet,
            json!(["compliantDevice"]),
            Value::Null,
        ),
        (
            "Mail needs protected apps",
            "enabled",
            json!({"includeGroups": [people.group("Staff")]}),
            &mail,
            json!(["compliantDevice", "compliantApplication"]),
            Value::Null,
        ),
        (
            "Second factor outside the office",
            "enabledForReportingButNotEnforced",
            all.clone(),
            &intranet,
            json!(["mfa"]),
            json!({"includeLocations": ["All"], "excludeLocations": [office]}),
        ),
        (
            "No contractors on mail",
            "disabled",
            json!({"includeGroups": [people.group("Contractors")]}),
            &mail,
            json!(["block"]),
            Value::Null,
        ),
    ];
    for (name, state, users, application, controls, locations) in policies {
        let mut policy = json!({"displayName": name, "state": state,
            "conditions": {"clientAppTypes": ["all"], "applications": {"includeApplications": [application]}, "users": users},
            "grantControls": {"operator": "OR", "builtInControls": controls}});
        if !locations.is_null() {
            policy["conditions"]["locations"] = locations;
        }
        post(ACCESS, policy).await?;
    }
    Ok(())
}

fn everybody() -> Value {
    json!({"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]})
}

fn groups(included: &[&str], excluded: &[&str]) -> Value {
    let target = |kind: &str, group: &&str| json!({"target": {"@odata.type": format!("#microsoft.graph.{kind}"), "groupId": group}});
    let included = included.iter().map(|group| target("groupAssignmentTarget", group));
    let excluded = excluded
        .iter()
        .map(|group| target("exclusionGroupAssignmentTarget", group));
    json!({"assignments": included.chain(excluded).collect::<Vec<_>>()})
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}
