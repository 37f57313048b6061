//! What keeps a policy from doing at gateways what it says: nobody should take a condition for a protection that it is not.

use std::collections::HashSet;

use moat_model::conditional_access::{
    ApplicationId, ApplicationRef, ClientAppType, ConditionalAccessPolicy, Conditions, GrantControl, RiskLevel,
};
use moat_policy::{English, Message, Speak as _, say};

/// What gateways know of requests, all together.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// What they protect.
    pub applications: HashSet<ApplicationId>,
    /// One of them is believed that a user showed a second factor.
    pub mfa: bool,
    /// One of them is believed the country.
    pub country: bool,
}

/// A sentence for each part of the policy that gateways cannot follow. `by_country` says that a location of the policy is one of
/// countries.
pub fn notes(policy: &ConditionalAccessPolicy, known: &Knowledge, by_country: bool) -> Vec<Message> {
    let conditions = &policy.conditions;
    let mut notes = Vec::new();
    applications(conditions, known, &mut notes);
    for (note, levels) in [
        (say("note-no-sign-in-risk"), &conditions.sign_in_risk_levels),
        (say("note-no-user-risk"), &conditions.user_risk_levels),
    ] {
        if !levels.is_empty() && !levels.contains(&RiskLevel::None) {
            notes.push(note);
        }
    }
    let types = &conditions.client_app_types;
    let seen = [
        ClientAppType::All,
        ClientAppType::Browser,
        ClientAppType::MobileAppsAndDesktopClients,
    ];
    if !types.is_empty() && !types.iter().any(|kind| seen.contains(kind)) {
        notes.push(say("note-client-apps"));
    }
    if by_country && !known.country {
        notes.push(say("note-no-country"));
    }
    let controls = policy
        .grant_controls
        .as_ref()
        .map_or(&[][..], |grants| grants.built_in_controls.as_slice());
    if controls.contains(&GrantControl::Mfa) && !known.mfa {
        notes.push(say("note-no-mfa"));
    }
    notes
}

/// The notes as APIs have them.
pub fn english(notes: &[Message]) -> Vec<String> {
    notes.iter().map(|note| English.say(note)).collect()
}

fn applications(conditions: &Conditions, known: &Knowledge, notes: &mut Vec<Message>) {
    let Some(applications) = &conditions.applications else {
        return;
    };
    if !applications.include_user_actions.is_empty() {
        notes.push(say("note-no-actions"));
    }
    let named = applications
        .include_applications
        .iter()
        .chain(&applications.exclude_applications);
    for reference in named {
        if let ApplicationRef::Application(id) = reference
            && !known.applications.contains(id)
        {
            notes.push(say("note-no-application").with("id", id.to_string()));
        }
    }
}
