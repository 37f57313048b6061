use std::collections::BTreeMap;

use moat_model::{
    PolicyId,
    app_protection::{DialerRestriction, IosAppProtectionSettings, MessagingRedirect},
};
use serde::Serialize;

use super::fields::{FIELDS, Field};
use crate::{Reason, say};

/// A policy that applies to an app instance.
#[derive(Debug, Clone, Copy)]
pub struct AppliedPolicy<'a> {
    pub id: PolicyId,
    pub name: &'a str,
    pub settings: &'a IosAppProtectionSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyName {
    pub id: PolicyId,
    pub name: String,
}

/// Where an effective value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The policies that say just this, by their ids. Empty where it is nobody's own value: an intersection, or the
    /// recommended default of a number in conflict.
    pub policies: Vec<PolicyName>,
    /// The policies that say anything about this field differ, or agree on what leaves nothing in common.
    pub conflict: bool,
    /// The recommended default stands, because numbers differ.
    pub recommended: bool,
}

/// What counts for an app instance: the settings of all its policies in one, and where each value is from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSettings {
    pub settings: IosAppProtectionSettings,
    /// By Graph's field names; a field that does not count, or about which no policy says anything, is not in here.
    pub origins: BTreeMap<&'static str, Origin>,
}

impl From<IosAppProtectionSettings> for EffectiveSettings {
    /// Settings whose origin is not known, such as those of a lease.
    fn from(settings: IosAppProtectionSettings) -> Self {
        Self {
            settings,
            origins: BTreeMap::new(),
        }
    }
}

impl EffectiveSettings {
    /// The fields in which policies differ, as Graph spells them.
    pub fn conflicts(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.origins
            .iter()
            .filter(|(_, origin)| origin.conflict)
            .map(|(name, _)| *name)
    }

    /// The link of a chain that says what a setting is and who set it so.
    pub(super) fn reason(&self, field: &str, value: impl std::fmt::Display) -> Reason {
        let said = match self.origins.get(field) {
            None => say("because-setting"),
            Some(origin) => {
                let names = origin.policies.iter().map(|policy| format!("{:?}", policy.name));
                let names: Vec<_> = names.collect();
                let of = match names.as_slice() {
                    [] if origin.recommended => say("because-setting-recommended"),
                    [] => say("because-setting-common"),
                    [_] => say("because-setting-of"),
                    _ => say("because-setting-of-several"),
                };
                match names.is_empty() {
                    true => of,
                    false => of.with("policies", names.join(", ")),
                }
            }
        };
        Reason::new(said.with("field", field).with("value", value.to_string()))
    }
}

/// The effective settings of an app instance: per field the most restrictive value wins, lists intersect, and numeric
/// entry fields that differ take the recommended default. The order of policies does not matter. None without a policy.
///
/// A field counts only in policies where the setting that it belongs to is switched on: a policy without
/// `maximumAllowedDeviceThreatLevel` has no say in `mobileThreatDefenseRemediationAction`, and one that does not require a
/// PIN has none in its length.
#[must_use]
pub fn merge(policies: &[AppliedPolicy<'_>]) -> Option<EffectiveSettings> {
    if policies.is_empty() {
        return None;
    }
    let settings = combine(&policies.iter().map(|policy| policy.settings).collect::<Vec<_>>());
    let mut own: Vec<(PolicyName, IosAppProtectionSettings)> = policies
        .iter()
        .map(|policy| {
            let name = PolicyName {
                id: policy.id,
                name: policy.name.to_owned(),
            };
            (name, combine(&[policy.settings]))
        })
        .collect();
    own.sort_by(|(a, _), (b, _)| a.cmp(b));
    let origins = FIELDS
        .iter()
        .filter_map(|field| Some((field.name, origin(field, &settings, &own)?)))
        .collect();
    Some(EffectiveSettings { settings, origins })
}

fn combine(all: &[&IosAppProtectionSettings]) -> IosAppProtectionSettings {
    let default = IosAppProtectionSettings::default();
    let mut result = default.clone();
    for field in FIELDS {
        let mut counting = all.iter().filter(|settings| (field.counts)(settings)).peekable();
        if let Some(first) = counting.peek() {
            (field.copy)(&mut result, first);
        }
        // The first is joined with itself too: that brings lists into their one form.
        counting.for_each(|settings| (field.join)(&mut result, settings));
    }
    block_what_names_nothing(&mut result);
    for field in FIELDS {
        if !(field.counts)(&result) {
            (field.copy)(&mut result, &default);
        }
    }
    result
}

/// Two policies that each name another app have none in common.
fn block_what_names_nothing(settings: &mut IosAppProtectionSettings) {
    if settings.dialer_restriction_level == DialerRestriction::CustomApp
        && settings.custom_dialer_app_protocol.is_none()
    {
        settings.dialer_restriction_level = DialerRestriction::Blocked;
    }
    if settings.protected_messaging_redirect_app_type == MessagingRedirect::SpecificApps
        && settings.messaging_redirect_app_url_scheme.is_none()
    {
        settings.protected_messaging_redirect_app_type = MessagingRedirect::Blocked;
    }
}

fn origin(
    field: &Field,
    effective: &IosAppProtectionSettings,
    own: &[(PolicyName, IosAppProtectionSettings)],
) -> Option<Origin> {
    let counting: Vec<_> = own.iter().filter(|(_, settings)| (field.counts)(settings)).collect();
    let (_, first) = counting.first()?;
    let differ = counting.iter().any(|(_, settings)| !(field.same)(first, settings));
    if !differ && !(field.counts)(effective) {
        // The setting that it belongs to went another way: nothing is left to explain.
        return None;
    }
    let recommended = differ && field.numeric;
    let policies: Vec<_> = counting
        .iter()
        .filter(|(_, settings)| !recommended && (field.same)(effective, settings))
        .map(|(name, _)| name.clone())
        .collect();
    Some(Origin {
        conflict: differ || policies.is_empty(),
        policies,
        recommended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_model::{
        Period,
        app_protection::{
            BrowserType, DataTransferLevel, DeviceThreatLimit, PartnerPriority, RemediationAction, StorageLocation,
        },
    };

    fn policy_id(number: u32) -> PolicyId {
        format!("{number:032x}").parse().unwrap()
    }

    fn merged(all: &[IosAppProtectionSettings]) -> EffectiveSettings {
        let policies: Vec<_> = all
            .iter()
            .zip([(1, "one"), (2, "two"), (3, "three")])
            .map(|(settings, (number, name))| AppliedPolicy {
                id: policy_id(number),
                name,
                settings,
            })
            .collect();
        merge(&policies).unwrap()
    }

    fn names(effective: &EffectiveSettings, field: &str) -> Vec<String> {
        effective.origins[field]
            .policies
            .iter()
            .map(|policy| policy.name.clone())
            .collect()
    }

    #[test]
    fn no_policy_is_no_settings() {
        assert_eq!(merge(&[]), None);
    }

    #[test]
    fn the_most_restrictive_value_wins_and_says_whose_it_is() {
        let effective = merged(&[
            IosAppProtectionSettings {
                print_blocked: true,
                allow_widget_content_sync: true,
                minimum_required_os_version: Some("17.10".into()),
                maximum_required_os_version: Some("19".into()),
                period_offline_before_access_check: Period::from_minutes(720),
                maximum_allowed_device_threat_level: DeviceThreatLimit::Medium,
                ..Default::default()
            },
            IosAppProtectionSettings {
                allowed_outbound_data_transfer_destinations: DataTransferLevel::ManagedApps,
                minimum_required_os_version: Some("17.9".into()),
                maximum_required_os_version: Some("18.2".into()),
                period_offline_before_wipe_is_enforced: Period::ZERO,
                maximum_allowed_device_threat_level: DeviceThreatLimit::Low,
                mobile_threat_defense_remediation_action: RemediationAction::Wipe,
                ..Default::default()
            },
        ]);
        let settings = &effective.settings;
        assert!(settings.print_blocked && !settings.allow_widget_content_sync);
        assert_eq!(settings.minimum_required_os_version.as_deref(), Some("17.10"));
        assert_eq!(settings.maximum_required_os_version.as_deref(), Some("18.2"));
        assert_eq!(settings.period_offline_before_access_check, Period::from_minutes(720));
        assert_eq!(settings.period_offline_before_wipe_is_enforced, Period::from_days(90));
        assert_eq!(settings.maximum_allowed_device_threat_level, DeviceThreatLimit::Low);
        assert_eq!(
            settings.mobile_threat_defense_remediation_action,
            RemediationAction::Wipe
        );
        assert_eq!(names(&effective, "printBlocked"), ["one"]);
        assert_eq!(names(&effective, "maximumAllowedDeviceThreatLevel"), ["two"]);
        assert_eq!(names(&effective, "dataBackupBlocked"), ["one", "two"]);
        assert!(effective.conflicts().any(|field| field == "minimumRequiredOsVersion"));
        assert!(!effective.conflicts().any(|field| field == "dataBackupBlocked"));
        assert!(
            !effective.origins.contains_key("minimumWipeOsVersion"),
            "nobody says anything"
        );
        let reason = effective.reason("maximumAllowedDeviceThreatLevel", "low");
        assert_eq!(
            reason.english().text,
            "maximumAllowedDeviceThreatLevel is low in the policy \"two\"."
        );
    }

    #[test]
    fn numbers_that_differ_take_the_recommended_default() {
        let policy = |retries, length| IosAppProtectionSettings {
            pin_required: true,
            maximum_pin_retries: retries,
            minimum_pin_length: length,
            ..Default::default()
        };
        let effective = merged(&[policy(3, 8), policy(4, 8), policy(3, 8)]);
        assert_eq!(effective.settings.maximum_pin_retries, 5);
        assert_eq!(effective.settings.minimum_pin_length, 8, "where they agree, it stays");
        let origin = &effective.origins["maximumPinRetries"];
        assert!(origin.conflict && origin.recommended && origin.policies.is_empty());
        assert_eq!(names(&effective, "minimumPinLength"), ["one", "two", "three"]);
        assert_eq!(
            effective.reason("maximumPinRetries", 5).english().text,
            "maximumPinRetries is 5, the recommended value, because policies differ."
        );
    }

    #[test]
    fn a_setting_counts_only_where_its_switch_is_on() {
        let strict = IosAppProtectionSettings {
            mobile_threat_defense_remediation_action: RemediationAction::Wipe,
            mobile_threat_defense_partner_priority: Some(PartnerPriority::DefenderOverThirdPartyPartner),
            minimum_pin_length: 12,
            allowed_data_storage_locations: vec![StorageLocation::Box],
            ..Default::default()
        };
        let plain = IosAppProtectionSettings {
            maximum_allowed_device_threat_level: DeviceThreatLimit::High,
            pin_required: true,
            minimum_pin_length: 6,
            save_as_blocked: true,
            allowed_data_storage_locations: vec![StorageLocation::SharePoint, StorageLocation::OneDriveForBusiness],
            ..Default::default()
        };
        let effective = merged(&[strict, plain]);
        let settings = &effective.settings;
        assert_eq!(
            settings.mobile_threat_defense_remediation_action,
            RemediationAction::Block
        );
        assert_eq!(settings.mobile_threat_defense_partner_priority, None);
        assert_eq!(settings.minimum_pin_length, 6);
        assert_eq!(
            settings.allowed_data_storage_locations,
            [StorageLocation::OneDriveForBusiness, StorageLocation::SharePoint]
        );
        assert!(!effective.origins["minimumPinLength"].conflict);
    }

    #[test]
    fn lists_intersect() {
        let policy = |models: &str, locations: &[StorageLocation]| IosAppProtectionSettings {
            allowed_ios_device_models: Some(models.into()),
            save_as_blocked: true,
            allowed_data_storage_locations: locations.to_vec(),
            ..Default::default()
        };
        let (a, b) = (
            policy(
                "iPhone5,2;iPhone5,3",
                &[StorageLocation::Box, StorageLocation::SharePoint],
            ),
            policy("iphone5,3", &[StorageLocation::SharePoint]),
        );
        let effective = merged(&[a.clone(), b]);
        assert_eq!(
            effective.settings.allowed_ios_device_models.as_deref(),
            Some("iPhone5,3")
        );
        assert_eq!(
            effective.settings.allowed_data_storage_locations,
            [StorageLocation::SharePoint]
        );
        let disjoint = merged(&[a, policy("iPad4,1", &[])]);
        assert_eq!(
            disjoint.settings.allowed_ios_device_models.as_deref(),
            Some(";"),
            "no model at all, never null"
        );
        assert!(disjoint.origins["allowedIosDeviceModels"].policies.is_empty());
        assert!(
            disjoint
                .reason("allowedIosDeviceModels", "empty")
                .english()
                .text
                .contains("in common")
        );
    }

    #[test]
    fn two_apps_by_name_have_none_in_common() {
        let policy = |dialer: &str, messenger: &str| IosAppProtectionSettings {
            dialer_restriction_level: DialerRestriction::CustomApp,
            custom_dialer_app_protocol: Some(dialer.into()),
            protected_messaging_redirect_app_type: MessagingRedirect::SpecificApps,
            messaging_redirect_app_url_scheme: Some(messenger.into()),
            ..Default::default()
        };
        let effective = merged(&[policy("skype:", "threema:;signal:"), policy("zoom:", "signal:")]);
        assert_eq!(effective.settings.dialer_restriction_level, DialerRestriction::Blocked);
        assert_eq!(effective.settings.custom_dialer_app_protocol, None);
        assert!(effective.origins["customDialerAppProtocol"].conflict);
        assert!(
            effective.origins["dialerRestrictionLevel"].conflict,
            "blocked is nobody's wish"
        );
        assert_eq!(
            effective.settings.protected_messaging_redirect_app_type,
            MessagingRedirect::SpecificApps
        );
        assert_eq!(
            effective.settings.messaging_redirect_app_url_scheme.as_deref(),
            Some("signal:")
        );
    }

    #[test]
    fn what_belongs_to_a_level_goes_with_it() {
        let shares = IosAppProtectionSettings {
            allowed_outbound_data_transfer_destinations: DataTransferLevel::ManagedApps,
            disable_protection_of_managed_outbound_open_in_data: true,
            protect_inbound_data_from_unknown_sources: true,
            managed_browser_to_open_links_required: true,
            custom_browser_protocol: Some("firefox-focus".into()),
            ..Default::default()
        };
        let filters = IosAppProtectionSettings {
            allowed_outbound_data_transfer_destinations: DataTransferLevel::ManagedApps,
            filter_open_in_to_only_managed_apps: true,
            ..Default::default()
        };
        let closed = IosAppProtectionSettings {
            allowed_outbound_data_transfer_destinations: DataTransferLevel::None,
            allowed_inbound_data_transfer_sources: DataTransferLevel::ManagedApps,
            managed_browser_to_open_links_required: true,
            managed_browser: BrowserType::MicrosoftEdge,
            ..Default::default()
        };
        let both = merged(&[shares.clone(), filters]).settings;
        assert!(both.filter_open_in_to_only_managed_apps);
        assert!(!both.disable_protection_of_managed_outbound_open_in_data);
        assert!(both.protect_inbound_data_from_unknown_sources);
        assert_eq!(both.custom_browser_protocol.as_deref(), Some("firefox-focus"));
        let none = merged(&[shares, closed]).settings;
        assert!(!none.disable_protection_of_managed_outbound_open_in_data);
        assert!(!none.protect_inbound_data_from_unknown_sources);
        assert_eq!(none.managed_browser, BrowserType::MicrosoftEdge);
        assert_eq!(none.custom_browser_protocol, None);
    }
}
