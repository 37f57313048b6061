//! The version conditions of a conditional launch: app, app protection library, system.

use moat_model::app_protection::IosAppProtectionSettings as Settings;

use super::{Condition, EffectiveSettings, Finding, LaunchAction, Remediation};
use crate::{Message, Reason, jailbreak::OsVersion, say};

/// One kind of version limit: three rows that each name a field, an action and its limit.
struct Limits<'a> {
    condition: Condition,
    /// What has the version, for people.
    subject: Message,
    /// Whether the rows are minima; maxima otherwise.
    minimum: bool,
    rows: [(LaunchAction, &'static str, &'a Option<String>); 3],
}

pub(super) fn sdk(effective: &EffectiveSettings, version: &str) -> Option<Finding> {
    let s = &effective.settings;
    let limits = Limits {
        condition: Condition::SdkVersion,
        subject: say("subject-library"),
        minimum: true,
        rows: [
            (LaunchAction::Wipe, "minimumWipeSdkVersion", &s.minimum_wipe_sdk_version),
            (
                LaunchAction::Block,
                "minimumRequiredSdkVersion",
                &s.minimum_required_sdk_version,
            ),
            (
                LaunchAction::Warn,
                "minimumWarningSdkVersion",
                &s.minimum_warning_sdk_version,
            ),
        ],
    };
    limits.check(effective, version)
}

pub(super) fn app(effective: &EffectiveSettings, version: &str) -> Option<Finding> {
    let s = &effective.settings;
    let limits = Limits {
        condition: Condition::AppVersion,
        subject: say("subject-app"),
        minimum: true,
        rows: [
            (LaunchAction::Wipe, "minimumWipeAppVersion", &s.minimum_wipe_app_version),
            (
                LaunchAction::Block,
                "minimumRequiredAppVersion",
                &s.minimum_required_app_version,
            ),
            (
                LaunchAction::Warn,
                "minimumWarningAppVersion",
                &s.minimum_warning_app_version,
            ),
        ],
    };
    limits.check(effective, version)
}

pub(super) fn minimum_os(effective: &EffectiveSettings, version: &str) -> Option<Finding> {
    let s = &effective.settings;
    let limits = Limits {
        condition: Condition::MinimumOsVersion,
        subject: say("subject-system"),
        minimum: true,
        rows: [
            (LaunchAction::Wipe, "minimumWipeOsVersion", &s.minimum_wipe_os_version),
            (
                LaunchAction::Block,
                "minimumRequiredOsVersion",
                &s.minimum_required_os_version,
            ),
            (
                LaunchAction::Warn,
                "minimumWarningOsVersion",
                &s.minimum_warning_os_version,
            ),
        ],
    };
    limits.check(effective, version)
}

pub(super) fn maximum_os(effective: &EffectiveSettings, version: &str) -> Option<Finding> {
    let s = &effective.settings;
    let limits = Limits {
        condition: Condition::MaximumOsVersion,
        subject: say("subject-system"),
        minimum: false,
        rows: [
            (LaunchAction::Wipe, "maximumWipeOsVersion", &s.maximum_wipe_os_version),
            (
                LaunchAction::Block,
                "maximumRequiredOsVersion",
                &s.maximum_required_os_version,
            ),
            (
                LaunchAction::Warn,
                "maximumWarningOsVersion",
                &s.maximum_warning_os_version,
            ),
        ],
    };
    limits.check(effective, version)
}

/// The version fields of an app protection policy, by Graph's names.
pub(super) fn fields(s: &Settings) -> [(&'static str, &Option<String>); 12] {
    [
        ("minimumWarningAppVersion", &s.minimum_warning_app_version),
        ("minimumRequiredAppVersion", &s.minimum_required_app_version),
        ("minimumWipeAppVersion", &s.minimum_wipe_app_version),
        ("minimumWarningSdkVersion", &s.minimum_warning_sdk_version),
        ("minimumRequiredSdkVersion", &s.minimum_required_sdk_version),
        ("minimumWipeSdkVersion", &s.minimum_wipe_sdk_version),
        ("minimumWarningOsVersion", &s.minimum_warning_os_version),
        ("minimumRequiredOsVersion", &s.minimum_required_os_version),
        ("minimumWipeOsVersion", &s.minimum_wipe_os_version),
        ("maximumWarningOsVersion", &s.maximum_warning_os_version),
        ("maximumRequiredOsVersion", &s.maximum_required_os_version),
        ("maximumWipeOsVersion", &s.maximum_wipe_os_version),
    ]
}

impl Limits<'_> {
    /// The harshest row that is not kept; rows stand from the harshest on. A limit that is no version does not count.
    fn check(&self, effective: &EffectiveSettings, version: &str) -> Option<Finding> {
        let rows = self
            .rows
            .iter()
            .filter_map(|(action, field, limit)| Some((*action, *field, OsVersion::parse(limit.as_deref()?)?)));
        let Some(found) = OsVersion::parse(version) else {
            let (action, field, limit) = rows.into_iter().next()?;
            return Some(self.unknown(effective, action, field, &limit));
        };
        let broken: Vec<_> = rows.filter(|(_, _, limit)| self.breaks(&found, limit)).collect();
        let (action, field, limit) = broken.first()?;
        // What lifts the harshest row may still break a milder one: the remedy is the version that keeps them all.
        let all = broken.iter().map(|(_, _, limit)| limit);
        let enough = if self.minimum { all.max() } else { all.min() }.unwrap_or(limit);
        let text = match self.minimum {
            true => say("because-older"),
            false => say("because-newer"),
        };
        let text = text
            .with("subject", self.subject.clone())
            .with("found", found.to_string())
            .with("limit", limit.to_string());
        Some(Finding {
            condition: self.condition,
            action: *action,
            remediation: self.remediation(enough),
            reason: Reason::new(text)
                .remedy(self.remedy(enough))
                .because([effective.reason(field, limit)]),
        })
    }

    /// Where the version cannot be told, access is closed, but nothing is wiped on a guess.
    fn unknown(&self, effective: &EffectiveSettings, action: LaunchAction, field: &str, limit: &OsVersion) -> Finding {
        let text = say("because-version-untold").with("subject", self.subject.clone());
        Finding {
            condition: self.condition,
            action: action.min(LaunchAction::Block),
            remediation: Remediation::AskAdministrator,
            reason: Reason::new(text)
                .remedy(say("do-update-or-ask"))
                .because([effective.reason(field, limit)]),
        }
    }

    fn breaks(&self, found: &OsVersion, limit: &OsVersion) -> bool {
        if self.minimum { found < limit } else { found > limit }
    }

    fn remediation(&self, enough: &OsVersion) -> Remediation {
        let to = enough.to_string();
        match self.condition {
            Condition::MinimumOsVersion => Remediation::UpdateOs { to },
            Condition::MaximumOsVersion => Remediation::AskAdministrator,
            Condition::SdkVersion => Remediation::UpdateAppForSdk { to },
            _ => Remediation::UpdateApp { to },
        }
    }

    fn remedy(&self, enough: &OsVersion) -> Message {
        let remedy = match self.condition {
            Condition::MinimumOsVersion => say("do-update-system"),
            Condition::MaximumOsVersion => say("do-older-system"),
            Condition::SdkVersion => say("do-update-library"),
            _ => say("do-update-app"),
        };
        remedy.with("limit", enough.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(field: &str, limits: [&str; 3]) -> EffectiveSettings {
        let [wipe, block, warn] = limits.map(|limit| serde_json::json!(limit));
        let (side, kind) = field.split_once(' ').unwrap();
        let body = serde_json::json!({
            format!("{side}Wipe{kind}Version"): wipe,
            format!("{side}Required{kind}Version"): block,
            format!("{side}Warning{kind}Version"): warn,
        });
        serde_json::from_value::<Settings>(body).unwrap().into()
    }

    fn action(finding: Option<Finding>) -> LaunchAction {
        finding.map_or(LaunchAction::Allow, |finding| finding.action)
    }

    #[test]
    fn each_kind_has_its_own_minima() {
        for (field, check, condition) in [
            (
                "minimum Sdk",
                sdk as fn(&EffectiveSettings, &str) -> Option<Finding>,
                Condition::SdkVersion,
            ),
            ("minimum App", app, Condition::AppVersion),
            ("minimum Os", minimum_os, Condition::MinimumOsVersion),
        ] {
            let effective = settings(field, ["10", "11.0", "11.1"]);
            for (version, expected) in [
                ("9.9.9", LaunchAction::Wipe),
                ("10", LaunchAction::Block),
                ("10.0", LaunchAction::Block),
                ("11", LaunchAction::Warn),
                ("11.1", LaunchAction::Allow),
                ("11.10", LaunchAction::Allow),
            ] {
                assert_eq!(action(check(&effective, version)), expected, "{field} {version}");
            }
            let finding = check(&effective, "9").unwrap();
            assert_eq!(finding.condition, condition);
            assert!(
                finding.reason.english().remedies()[0].contains("11.1"),
                "all limits at once"
            );
            for other in [sdk, app, minimum_os, maximum_os] {
                let found = other(&effective, "1").map(|finding| finding.condition);
                assert!(found.is_none() || found == Some(condition));
            }
        }
    }

    #[test]
    fn maxima_of_the_system() {
        let effective = settings("maximum Os", ["20", "19.2", "19"]);
        for (version, expected) in [
            ("19", LaunchAction::Allow),
            ("19.0.1", LaunchAction::Warn),
            ("19.2.1", LaunchAction::Block),
            ("20.0", LaunchAction::Block),
            ("20.1", LaunchAction::Wipe),
        ] {
            assert_eq!(action(maximum_os(&effective, version)), expected, "{version}");
        }
        let finding = maximum_os(&effective, "21").unwrap();
        assert_eq!(finding.remediation, Remediation::AskAdministrator);
        assert!(finding.reason.english().remedies()[0].contains("19 or older"));
    }

    #[test]
    fn nothing_is_wiped_because_a_version_is_not_known() {
        for version in ["", "unknown"] {
            assert_eq!(
                action(minimum_os(&settings("minimum Os", ["10", "", ""]), version)),
                LaunchAction::Block
            );
            assert_eq!(
                action(minimum_os(&settings("minimum Os", ["", "", "10"]), version)),
                LaunchAction::Warn
            );
            assert_eq!(
                action(minimum_os(&settings("minimum Os", ["", "", ""]), version)),
                LaunchAction::Allow
            );
        }
    }

    #[test]
    fn reasons_name_the_setting_and_the_remedy() {
        let finding = minimum_os(&settings("minimum Os", ["", "18.7.2", ""]), "18.7.1 (22H123)").unwrap();
        assert_eq!(
            finding.reason.english().text,
            "The device's system has version 18.7.1, older than 18.7.2."
        );
        assert_eq!(
            finding.reason.english().remedies(),
            ["Update the system to 18.7.2 or newer."]
        );
        assert_eq!(
            finding.reason.because[0].english().text,
            "minimumRequiredOsVersion is 18.7.2."
        );
        assert_eq!(finding.remediation, Remediation::UpdateOs { to: "18.7.2".into() });
    }
}
