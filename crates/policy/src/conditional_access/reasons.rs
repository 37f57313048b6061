use moat_model::conditional_access::{GrantControl, GrantOperator};

use super::{AppProtection, Compliance, ControlSet, Device, SignIn, compile::Policy, conditions::Conditions};
use crate::Reason;

/// Why the policy closes access to the sign-in, down to the device's or the app's own reasons.
pub(super) fn closed(
    policy: &Policy,
    position: usize,
    unmet: ControlSet,
    conditions: &Conditions,
    sign_in: &SignIn<'_>,
) -> Reason {
    let (kind, blocks, requires) = match policy.enforced {
        true => ("Conditional access policy", "blocks", "requires"),
        false => ("Report-only conditional access policy", "would block", "would require"),
    };
    if unmet.contains(GrantControl::Block) {
        return Reason::new(format!("{kind} \"{}\" {blocks} access.", policy.name))
            .remedy("Ask your administrator whether the policy should apply to you.")
            .because(circumstances(policy, position, conditions, sign_in));
    }
    let names: Vec<&str> = unmet.iter().map(name).collect();
    let asked = match (names.as_slice(), policy.operator) {
        ([one], _) => (*one).to_owned(),
        (several, GrantOperator::And) => several.join(" and "),
        (several, GrantOperator::Or) => format!("one of these: {}", several.join(", ")),
    };
    Reason::new(format!("{kind} \"{}\" {requires} {asked}.", policy.name))
        .because(unmet.iter().map(|control| missing(control, sign_in)))
}

fn name(control: GrantControl) -> &'static str {
    match control {
        GrantControl::Block => "that access stays closed",
        GrantControl::Mfa => "multi-factor authentication",
        GrantControl::CompliantDevice => "a compliant device",
        GrantControl::DomainJoinedDevice => "a domain-joined device",
        GrantControl::ApprovedApplication => "an approved app",
        GrantControl::CompliantApplication => "an app with an app protection policy",
        GrantControl::PasswordChange => "a password change",
    }
}

fn missing(control: GrantControl, sign_in: &SignIn<'_>) -> Reason {
    match control {
        GrantControl::Block => Reason::new("Access is blocked."),
        GrantControl::Mfa => Reason::new("The sign-in has no multi-factor authentication.")
            .remedy("Sign in again with multi-factor authentication."),
        GrantControl::CompliantDevice => device(sign_in.device),
        GrantControl::DomainJoinedDevice => Reason::new("The device is not joined to the organisation's directory.")
            .remedy("Use a device that is joined to the organisation's directory."),
        GrantControl::ApprovedApplication => {
            Reason::new("The app is not an approved one.").remedy("Use an app that the organisation approved.")
        }
        GrantControl::CompliantApplication => app(sign_in.app_protection),
        GrantControl::PasswordChange => Reason::new(format!("The user's risk is {}.", sign_in.user_risk))
            .remedy("Change the password where the account is managed."),
    }
}

fn device(device: Option<&Device>) -> Reason {
    let Some(device) = device else {
        return Reason::new("No device is known for this sign-in.").remedy("Use an enrolled device.");
    };
    if !device.enrolled {
        return Reason::new("The device is not enrolled.").remedy("Enrol it with a link from your administrator.");
    }
    let (text, remedy) = match device.compliance {
        Compliance::Unknown => ("The device's compliance is not known.", "Let the device check in."),
        Compliance::NotCompliant | Compliance::Compliant | Compliance::InGracePeriod => (
            "The device is not compliant.",
            "Ask your administrator what to change on the device.",
        ),
    };
    explained(text, remedy, &device.because)
}

fn app(protection: AppProtection<'_>) -> Reason {
    let because = match protection {
        AppProtection::NotProtected(because) => because,
        AppProtection::Protected => &[],
    };
    explained(
        "The app is not protected by an app protection policy.",
        "Use an app that is managed by the organisation, and sign in to it.",
        because,
    )
}

/// The remedy is for when nothing below says what to do.
fn explained(text: &str, remedy: &str, because: &[Reason]) -> Reason {
    let reason = Reason::new(text).because(because.iter().cloned());
    if reason.remedies().is_empty() {
        reason.remedy(remedy)
    } else {
        reason
    }
}

/// What the conditions of a policy that blocks saw in the sign-in, without who and where to.
fn circumstances(policy: &Policy, position: usize, conditions: &Conditions, sign_in: &SignIn<'_>) -> Vec<Reason> {
    let platform = sign_in.platform.map_or("unknown", |platform| platform.as_str());
    let client = sign_in.client_app.map_or("unknown", |client| client.as_str());
    let ip = sign_in.ip.map_or("an unknown address".to_owned(), |ip| ip.to_string());
    let country = sign_in
        .country
        .map_or("an unknown country".to_owned(), |country| country.to_string());
    let filter = policy
        .filter
        .as_ref()
        .map(|(mode, rule)| format!("The policy's device filter ({mode}) is: {rule}"));
    let seen = [
        (
            conditions.platforms.narrowed,
            format!("The device's platform is {platform}."),
        ),
        (conditions.client_apps.narrowed, format!("The client is {client}.")),
        (
            conditions.locations.narrowed,
            format!("The sign-in comes from {ip} in {country}."),
        ),
        (
            conditions.sign_in_risk.narrowed,
            format!("The risk of the sign-in is {}.", sign_in.sign_in_risk),
        ),
        (
            conditions.user_risk.narrowed,
            format!("The user's risk is {}.", sign_in.user_risk),
        ),
    ];
    let seen = seen
        .into_iter()
        .filter(|(narrowed, _)| narrowed.contains(position))
        .map(|(_, text)| text);
    seen.chain(filter).map(Reason::new).collect()
}
