//! What only the device's management knows of it: passcode, mail profile, apps.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// Every part is none where nobody said anything about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceConfiguration {
    pub passcode: Option<Passcode>,
    pub managed_email_profile: Option<bool>,
    pub apps: Option<Vec<InstalledApp>>,
    /// `apps` leaves out what the organisation did not install.
    pub only_managed_apps: bool,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidConfiguration(String);

impl DeviceConfiguration {
    /// Most apps that are told.
    pub const MAX_APPS: usize = 1_000;
    /// Longest text that is read, in bytes.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads what a device management wrote, as JSON. Names that there are not are refused: what they say would get lost.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfiguration> {
        let wrong = |why: String| InvalidConfiguration(why);
        if text.len() > Self::MAX_BYTES {
            return Err(wrong(format!("it has more than {} bytes", Self::MAX_BYTES)));
        }
        let given: Value = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        let read = Self::deserialize(&given).map_err(|error| wrong(error.to_string()))?;
        let known = serde_json::to_value(&read).map_err(|error| wrong(error.to_string()))?;
        if let Some(name) = unknown_name(&given, &known) {
            let shown: String = name.chars().take(80).collect();
            return Err(wrong(format!("there is no {shown} in it")));
        }
        if read.apps.as_ref().is_some_and(|apps| apps.len() > Self::MAX_APPS) {
            return Err(wrong(format!("apps has more than {} entries", Self::MAX_APPS)));
        }
        Ok(read)
    }

    /// What of it may leave the device.
    #[must_use]
    pub fn shared(mut self, inventory: AppInventory) -> Self {
        match inventory {
            AppInventory::None => self.apps = None,
            AppInventory::Managed => {
                self.only_managed_apps = true;
                self.apps.iter_mut().for_each(|apps| apps.retain(|app| app.managed));
            }
            AppInventory::All => {}
        }
        self
    }
}

/// The passcode and the rules that the device itself enforces for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passcode {
    pub is_set: bool,
    /// Repeated or running characters are possible: 1111, 1234.
    #[serde(default)]
    pub allows_simple: Option<bool>,
    #[serde(default)]
    pub length: Option<u32>,
    /// Letters and digits.
    #[serde(default)]
    pub is_alphanumeric: Option<bool>,
    /// Characters that are neither letter nor digit.
    #[serde(default)]
    pub complex_characters: Option<u32>,
    #[serde(default)]
    pub changed_at: Option<Timestamp>,
    /// Last passcodes that the device refuses.
    #[serde(default)]
    pub history: Option<u32>,
    /// From the locked screen until the passcode is asked for.
    #[serde(default)]
    pub minutes_before_lock: Option<u32>,
    /// From the last touch until the screen locks.
    #[serde(default)]
    pub minutes_before_screen_timeout: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstalledApp {
    pub bundle_id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub version: String,
    /// Installed by the organisation.
    #[serde(default)]
    pub managed: bool,
}

/// Which apps a device tells: the connector's App Sync switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AppInventory {
    #[default]
    None,
    /// Those that the organisation installed.
    Managed,
    All,
}

fn unknown_name<'a>(given: &'a Value, known: &Value) -> Option<&'a str> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| match known.get(name) {
            None => Some(name.as_str()),
            Some(known) => unknown_name(value, known),
        }),
        (Value::Array(given), Value::Array(known)) => given.iter().zip(known).find_map(|(a, b)| unknown_name(a, b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_named() {
        let good = br#"{"passcode": {"isSet": true, "length": 6}, "apps": [{"bundleId": "org.example.a"}]}"#;
        let read = DeviceConfiguration::parse(good).unwrap();
        assert_eq!(read.passcode.unwrap().length, Some(6));
        for (text, name) in [
            (r#"{"passcode": {"isSet": true, "lenght": 6}}"#, "lenght"),
            (r#"{"passcode": {}}"#, "isSet"),
            (
                r#"{"apps": [{"bundleId": "a"}, {"bundleId": "b", "Managed": true}]}"#,
                "Managed",
            ),
            (r#"{"managedEmailProfile": "yes"}"#, "boolean"),
            ("[", "EOF"),
        ] {
            let error = DeviceConfiguration::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn apps_leave_the_device_only_as_far_as_they_may() {
        let text = br#"{"apps": [{"bundleId": "a"}, {"bundleId": "b", "managed": true}]}"#;
        let whole = DeviceConfiguration::parse(text).unwrap();
        assert_eq!(whole.clone().shared(AppInventory::All), whole);
        assert_eq!(whole.clone().shared(AppInventory::None).apps, None);
        let managed = whole.shared(AppInventory::Managed);
        assert!(managed.only_managed_apps);
        assert_eq!(managed.apps.unwrap()[0].bundle_id, "b");
    }
}
