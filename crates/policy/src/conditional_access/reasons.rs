use moat_model::conditional_access::{GrantControl, GrantOperator};

use super::{AppProtection, Compliance, ControlSet, Device, SignIn, compile::Policy, conditions::Conditions};
use crate::{
    Message, Reason, say,
    sentence::{Value, level_word},
};

/// Why the policy closes access to the sign-in, down to the device's or the app's own reasons.
pub(super) fn closed(
    policy: &Policy,
    position: usize,
    unmet: ControlSet,
    conditions: &Conditions,
    sign_in: &SignIn<'_>,
) -> Reason {
    let (blocks, requires) = match policy.enforced {
        true => (say("because-access-blocks"), say("because-access-requires")),
        false => (say("because-access-would-block"), say("because-access-would-require")),
    };
    if unmet.contains(GrantControl::Block) {
        return Reason::new(blocks.with("policy", &policy.name))
            .remedy(say("do-ask-about-policy"))
            .because(circumstances(policy, position, conditions, sign_in));
    }
    let link = match policy.operator {
        GrantOperator::And => say("controls-and"),
        GrantOperator::Or => say("controls-list"),
    };
    let several = unmet.iter().count() > 1;
    let names = unmet.iter().map(name);
    let names = names.reduce(|all, other| link.clone().with("one", all).with("other", other));
    let asked = match (names, policy.operator) {
        (Some(names), GrantOperator::Or) if several => say("controls-one-of").with("controls", names),
        (names, _) => names.unwrap_or_else(|| say("control-block")),
    };
    Reason::new(requires.with("policy", &policy.name).with("controls", asked))
        .because(unmet.iter().map(|control| missing(control, sign_in)))
}

fn name(control: GrantControl) -> Message {
    match control {
        GrantControl::Block => say("control-block"),
        GrantControl::Mfa => say("control-mfa"),
        GrantControl::CompliantDevice => say("control-compliant-device"),
        GrantControl::DomainJoinedDevice => say("control-domain-joined"),
        GrantControl::ApprovedApplication => say("control-approved-app"),
        GrantControl::CompliantApplication => say("control-protected-app"),
        GrantControl::PasswordChange => say("control-password-change"),
    }
}

fn missing(control: GrantControl, sign_in: &SignIn<'_>) -> Reason {
    match control {
        GrantControl::Block => Reason::new(say("because-blocked")),
        GrantControl::Mfa => Reason::new(say("because-no-mfa")).remedy(say("do-mfa")),
        GrantControl::CompliantDevice => device(sign_in.device),
        GrantControl::DomainJoinedDevice => Reason::new(say("because-not-joined")).remedy(say("do-join")),
        GrantControl::ApprovedApplication => Reason::new(say("because-not-approved")).remedy(say("do-approved-app")),
        GrantControl::CompliantApplication => app(sign_in.app_protection),
        GrantControl::PasswordChange => {
            Reason::new(say("because-user-risk").with("risk", level_word(sign_in.user_risk.as_str())))
                .remedy(say("do-change-password"))
        }
    }
}

fn device(device: Option<&Device>) -> Reason {
    let Some(device) = device else {
        return Reason::new(say("because-no-device")).remedy(say("do-use-enrolled"));
    };
    if !device.enrolled {
        return Reason::new(say("because-not-enrolled")).remedy(say("do-enrol"));
    }
    let (text, remedy) = match device.compliance {
        Compliance::Unknown => (say("because-compliance-unknown"), say("do-check-in")),
        Compliance::NotCompliant | Compliance::Compliant | Compliance::InGracePeriod => {
            (say("because-not-compliant"), say("do-ask-what-to-change"))
        }
    };
    explained(text, remedy, &device.because)
}

fn app(protection: AppProtection<'_>) -> Reason {
    let because = match protection {
        AppProtection::NotProtected(because) => because,
        AppProtection::Protected => &[],
    };
    explained(say("because-app-unprotected"), say("do-managed-app-sign-in"), because)
}

/// The remedy is for when nothing below says what to do.
fn explained(text: Message, remedy: Message, because: &[Reason]) -> Reason {
    let reason = Reason::new(text).because(because.iter().cloned());
    if reason.has_remedy() {
        reason
    } else {
        reason.remedy(remedy)
    }
}

/// What the conditions of a policy that blocks saw in the sign-in, without who and where to.
fn circumstances(policy: &Policy, position: usize, conditions: &Conditions, sign_in: &SignIn<'_>) -> Vec<Reason> {
    let unknown = || Value::from(say("seen-unknown"));
    let platform = sign_in
        .platform
        .map_or_else(unknown, |platform| platform.as_str().into());
    let client = sign_in.client_app.map_or_else(unknown, |client| client.as_str().into());
    let ip = sign_in.ip.map(|ip| Value::from(ip.to_string()));
    let country = sign_in.country.map(|country| Value::from(country.to_string()));
    let filter = policy.filter.as_ref().map(|(mode, rule)| {
        say("because-filter")
            .with("mode", mode.to_string())
            .with("rule", rule.to_string())
    });
    let seen = [
        (
            conditions.platforms.narrowed,
            say("because-platform").with("platform", platform),
        ),
        (
            conditions.client_apps.narrowed,
            say("because-client").with("client", client),
        ),
        (
            conditions.locations.narrowed,
            say("because-place")
                .with("ip", ip.unwrap_or_else(|| say("seen-unknown-address").into()))
                .with("country", country.unwrap_or_else(|| say("seen-unknown-country").into())),
        ),
        (
            conditions.sign_in_risk.narrowed,
            say("because-sign-in-risk").with("risk", level_word(sign_in.sign_in_risk.as_str())),
        ),
        (
            conditions.user_risk.narrowed,
            say("because-user-risk").with("risk", level_word(sign_in.user_risk.as_str())),
        ),
    ];
    let seen = seen
        .into_iter()
        .filter(|(narrowed, _)| narrowed.contains(position))
        .map(|(_, message)| message);
    seen.chain(filter).map(Reason::new).collect()
}
