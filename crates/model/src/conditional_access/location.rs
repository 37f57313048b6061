use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Other, null_as_default};
use crate::words;

/// Graph's `namedLocation`. What may stand in it is checked by `moat_policy::conditional_access::validate_location`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub enum NamedLocation {
    #[serde(rename = "#microsoft.graph.ipNamedLocation")]
    Ip(IpNamedLocation),
    #[serde(rename = "#microsoft.graph.countryNamedLocation")]
    Country(CountryNamedLocation),
}

impl NamedLocation {
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Ip(location) => &location.display_name,
            Self::Country(location) => &location.display_name,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpNamedLocation {
    #[serde(deserialize_with = "null_as_default")]
    pub display_name: String,
    #[serde(deserialize_with = "null_as_default")]
    pub is_trusted: bool,
    #[serde(deserialize_with = "null_as_default")]
    pub ip_ranges: Vec<IpRange>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

/// An address with the length of its prefix, such as `203.0.113.7/24`. Bits after the prefix are kept as sent and mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub enum IpRange {
    #[serde(rename = "#microsoft.graph.iPv4CidrRange", rename_all = "camelCase")]
    V4 { cidr_address: String },
    #[serde(rename = "#microsoft.graph.iPv6CidrRange", rename_all = "camelCase")]
    V6 { cidr_address: String },
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CountryNamedLocation {
    #[serde(deserialize_with = "null_as_default")]
    pub display_name: String,
    #[serde(deserialize_with = "null_as_default")]
    pub countries_and_regions: Vec<CountryCode>,
    /// Whether an address of no known country belongs to the location.
    #[serde(deserialize_with = "null_as_default")]
    pub include_unknown_countries_and_regions: bool,
    #[serde(deserialize_with = "null_as_default")]
    pub country_lookup_method: CountryLookup,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

words! {
    CountryLookup {
        ClientIpAddress => "clientIpAddress",
        AuthenticatorAppGps => "authenticatorAppGps",
    }
}

#[allow(clippy::derivable_impls, reason = "the enum is declared by a macro")]
impl Default for CountryLookup {
    fn default() -> Self {
        Self::ClientIpAddress
    }
}

/// A country or region: two letters of ISO 3166-1, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a country: two upper-case letters of ISO 3166-1")]
pub struct InvalidCountry(String);

impl FromStr for CountryCode {
    type Err = InvalidCountry;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(InvalidCountry(s.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for CountryCode {
    type Error = InvalidCountry;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<CountryCode> for String {
    fn from(country: CountryCode) -> Self {
        country.to_string()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn locations_are_spelled_as_graph_spells_them() {
        let ip = json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "displayName": "Offices",
            "isTrusted": true,
            "ipRanges": [
                { "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "12.34.221.11/22" },
                { "@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "2001:db8::/48" },
            ],
        });
        let country = json!({
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "displayName": "Where we sell",
            "countriesAndRegions": ["DE", "CH"],
            "includeUnknownCountriesAndRegions": false,
            "countryLookupMethod": "clientIpAddress",
        });
        for text in [ip, country] {
            let location: NamedLocation = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(serde_json::to_value(&location).unwrap(), text);
        }
    }

    #[test]
    fn what_is_unset_has_its_default() {
        let text = json!({ "@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": null });
        let location: NamedLocation = serde_json::from_value(text).unwrap();
        assert_eq!(location, NamedLocation::Country(CountryNamedLocation::default()));
    }

    #[test]
    fn unknown_kinds_and_countries_are_refused() {
        for text in [
            json!({ "displayName": "no type" }),
            json!({ "@odata.type": "#microsoft.graph.compliantNetworkNamedLocation" }),
            json!({ "@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": ["de"] }),
            json!({ "@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": ["Germany"] }),
            json!({ "@odata.type": "#microsoft.graph.ipNamedLocation", "ipRanges": [{ "cidrAddress": "10.0.0.0/8" }] }),
        ] {
            assert!(serde_json::from_value::<NamedLocation>(text.clone()).is_err(), "{text}");
        }
    }
}
