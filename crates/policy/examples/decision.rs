//! Times of a conditional access decision with many policies. Run with `--release`; prints JSON, nanoseconds.

use std::{hint::black_box, net::IpAddr, str::FromStr, time::Instant};

use moat_model::{
    GroupId, PolicyId,
    conditional_access::{
        ApplicationId, ClientAppType, DeviceAttributes, DevicePlatform, LocationId, NamedLocation, RiskLevel, RoleId,
    },
};
use moat_policy::{
    Reason, Sentence,
    conditional_access::{AppProtection, Compliance, Device, PolicySet, Resource, SignIn, User},
    say,
};
use serde_json::{Value, json};

const POLICIES: usize = 200;
const LOCATIONS: usize = 20;
/// Groups of one user, through other groups too.
const GROUPS: usize = 40;
const DECISIONS: usize = 200_000;

fn main() {
    let start = Instant::now();
    let set = PolicySet::compile(&policies(), &locations()).expect("the policies are valid");
    let compiled = start.elapsed();
    println!(
        "{{\"benchmark\":\"decision\",\"policies\":{POLICIES},\"compile_ms\":{:.1},\"allowed\":{},\"denied\":{}}}",
        compiled.as_secs_f64() * 1e3,
        measure(&set, Compliance::Compliant),
        measure(&set, Compliance::NotCompliant),
    );
}

fn measure(set: &PolicySet, compliance: Compliance) -> String {
    let groups: Vec<GroupId> = (0..GROUPS).map(|number| id(2, number * 3)).collect();
    let roles: [RoleId; 1] = [id(3, 1)];
    let device = device(compliance);
    let sign_ins: Vec<SignIn<'_>> = (0..64)
        .map(|number| sign_in(number, &groups, &roles, &device))
        .collect();
    let expected = compliance == Compliance::Compliant;
    assert!(sign_ins.iter().all(|sign_in| set.evaluate(sign_in).allowed == expected));
    let mut times: Vec<u64> = Vec::with_capacity(DECISIONS);
    for sign_in in sign_ins.iter().cycle().take(DECISIONS) {
        let start = Instant::now();
        black_box(set.evaluate(black_box(sign_in)));
        times.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    let (p50, p99) = (times[DECISIONS / 2], times[DECISIONS * 99 / 100]);
    format!("{{\"p50_ns\":{p50},\"p99_ns\":{p99}}}")
}

fn sign_in<'a>(number: usize, groups: &'a [GroupId], roles: &'a [RoleId], device: &'a Device) -> SignIn<'a> {
    SignIn {
        user: Some(User {
            id: id(1, number),
            groups,
            roles,
            guest: false,
        }),
        resource: Resource::Application(id::<ApplicationId>(4, number % 30)),
        platform: Some(DevicePlatform::IOs),
        client_app: Some(ClientAppType::Browser),
        ip: Some(IpAddr::from([10, (number % 40) as u8, 0, 7])),
        country: "CH".parse().ok(),
        sign_in_risk: RiskLevel::None,
        user_risk: RiskLevel::Low,
        device: Some(device),
        mfa: true,
        approved_app: true,
        app_protection: AppProtection::Protected,
    }
}

fn device(compliance: Compliance) -> Device {
    Device {
        compliance,
        because: vec![Reason::new(say("because-jailbroken")).remedy(Sentence::Plain("Restore the system.".into()))],
        enrolled: true,
        attributes: DeviceAttributes {
            display_name: Some("Ada's iPhone".into()),
            model: Some("iPhone 15 Pro".into()),
            ownership: Some("Company".into()),
            ..DeviceAttributes::default()
        },
    }
}

/// A mixture: for all users or groups, for all or some applications, with every kind of condition among them.
fn policies() -> Vec<(PolicyId, moat_model::conditional_access::ConditionalAccessPolicy)> {
    let policy = |number: usize| {
        let groups: Vec<String> = (0..5).map(|n| text(2, (number * 7 + n * 11) % 200)).collect();
        let users = match number % 3 {
            0 => json!({ "includeUsers": ["All"], "excludeGroups": [groups[0]], "excludeUsers": [text(1, 900)] }),
            _ => json!({ "includeGroups": groups, "excludeUsers": [text(1, 900)] }),
        };
        let applications = match number % 4 {
            0 => json!({ "includeApplications": ["All"] }),
            _ => json!({ "includeApplications": [text(4, number % 30), text(4, (number + 1) % 30)] }),
        };
        let mut conditions = json!({ "users": users, "applications": applications });
        match number % 5 {
            0 => conditions["platforms"] = json!({ "includePlatforms": ["iOS", "android"] }),
            1 => {
                conditions["locations"] =
                    json!({ "includeLocations": ["All"], "excludeLocations": [text(5, number % LOCATIONS)] });
            }
            2 => {
                let rule = "device.deviceOwnership -eq \"Company\" -and device.model -contains \"Pro\"";
                conditions["devices"] = json!({ "deviceFilter": { "mode": "include", "rule": rule } });
            }
            3 => conditions["userRiskLevels"] = json!(["low", "medium", "high"]),
            _ => {}
        }
        let controls = if number.is_multiple_of(2) {
            json!(["mfa", "compliantDevice"])
        } else {
            json!(["compliantApplication"])
        };
        json!({
            "displayName": format!("Policy {number}"),
            "state": if number % 10 == 9 { "enabledForReportingButNotEnforced" } else { "enabled" },
            "conditions": conditions,
            "grantControls": { "operator": "AND", "builtInControls": controls },
        })
    };
    (0..POLICIES)
        .map(|number| (id(6, number), read(policy(number))))
        .collect()
}

fn locations() -> Vec<(LocationId, NamedLocation)> {
    let location = |number: usize| {
        json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "displayName": format!("Office {number}"),
            "isTrusted": number.is_multiple_of(2),
            "ipRanges": [{ "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": format!("10.{number}.0.0/16") }],
        })
    };
    (0..LOCATIONS)
        .map(|number| (id(5, number), read(location(number))))
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("written in Graph's spelling")
}

fn text(kind: u8, number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-0000000000{kind:02x}")
}

fn id<T: FromStr>(kind: u8, number: usize) -> T {
    text(kind, number).parse().unwrap_or_else(|_| panic!("an id"))
}
