//! Accounts of last resort.

use moat_model::conditional_access::ConditionalAccessPolicy;
use moat_policy::conditional_access::{BreakGlassAccount, LockedOut, User};
use serde_json::{Value, json};

use crate::world::{compile, group_id, id_text, policy, role_id, user_id};

fn account(number: usize) -> BreakGlassAccount<'static> {
    BreakGlassAccount {
        name: ["emergency-1", "emergency-2"][number],
        user: User {
            id: user_id(number),
            groups: &[],
            roles: &[],
            guest: false,
        },
    }
}

fn with(state: &str, conditions: Value, operator: &str, controls: &[&str]) -> ConditionalAccessPolicy {
    let grants = json!({ "operator": operator, "builtInControls": controls });
    policy("Strict", state, conditions, grants)
}

fn locked_out(policy: ConditionalAccessPolicy) -> bool {
    !compile(&[policy]).locked_out(&[account(0)]).is_empty()
}

#[test]
fn what_an_account_of_last_resort_cannot_satisfy_locks_it_out() {
    for (operator, controls, expected) in [
        ("AND", &["block"][..], true),
        ("AND", &["mfa"], false),
        ("AND", &["compliantDevice"], true),
        ("AND", &["mfa", "compliantDevice"], true),
        ("OR", &["mfa", "compliantDevice"], false),
        ("OR", &["compliantDevice", "domainJoinedDevice"], true),
        ("AND", &["approvedApplication"], true),
        ("AND", &["compliantApplication"], true),
    ] {
        assert_eq!(
            locked_out(with("enabled", json!({}), operator, controls)),
            expected,
            "{operator} {controls:?}"
        );
    }
}

#[test]
fn only_enabled_policies_that_reach_the_account_at_an_application_count() {
    let blocks = |state: &str, conditions: Value| locked_out(with(state, conditions, "AND", &["block"]));
    for (conditions, expected) in [
        (
            json!({ "users": { "includeUsers": ["All"], "excludeUsers": [id_text(1, 0)] } }),
            false,
        ),
        (json!({ "users": { "includeUsers": [id_text(1, 0)] } }), true),
        (json!({ "users": { "includeUsers": [id_text(1, 1)] } }), false),
        (
            json!({ "applications": { "includeApplications": [id_text(4, 0)] } }),
            true,
        ),
        (json!({ "applications": { "includeApplications": ["None"] } }), false),
        (
            json!({ "applications": { "includeUserActions": ["urn:user:registerdevice"] } }),
            false,
        ),
        (json!({ "platforms": { "includePlatforms": ["android"] } }), true),
        (json!({ "signInRiskLevels": ["high"] }), true),
    ] {
        assert_eq!(blocks("enabled", conditions.clone()), expected, "{conditions}");
    }
    assert!(!blocks("disabled", json!({})));
    assert!(!blocks("enabledForReportingButNotEnforced", json!({})));
}

#[test]
fn accounts_and_policies_are_named() {
    let (groups, roles) = ([group_id(0)], [role_id(0)]);
    let grouped = BreakGlassAccount {
        user: User {
            groups: &groups,
            roles: &roles,
            ..account(1).user
        },
        ..account(1)
    };
    let named = |name: &str, users: Value| {
        let grants = json!({ "builtInControls": ["compliantDevice"] });
        policy(name, "enabled", json!({ "users": users }), grants)
    };
    let set = compile(&[
        named("Admins", json!({ "includeRoles": [id_text(3, 0)] })),
        named("Sales", json!({ "includeGroups": [id_text(2, 0)] })),
        named(
            "All but the group",
            json!({ "includeUsers": ["All"], "excludeGroups": [id_text(2, 0)] }),
        ),
    ]);
    let locked = |number: usize, policies: &[&str]| LockedOut {
        user: user_id(number),
        name: account(number).name.into(),
        policies: policies.iter().map(|name| (*name).to_owned()).collect(),
    };
    assert_eq!(
        set.locked_out(&[account(0), grouped]),
        [locked(0, &["All but the group"]), locked(1, &["Admins", "Sales"])]
    );
    assert_eq!(set.locked_out(&[]), []);
}
