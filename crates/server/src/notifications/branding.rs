//! What goes around a message: Graph's `notificationTemplateBrandingOptions`.

use crate::error::{Error, Result};

/// Options as Graph spells them, in its order.
const WORDS: [&str; 5] = [
    "includeCompanyLogo",
    "includeCompanyName",
    "includeContactInformation",
    "includeCompanyPortalLink",
    "includeDeviceDetails",
];

/// A set of options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Branding([bool; WORDS.len()]);

impl Branding {
    pub const fn company_name(self) -> bool {
        self.0[1]
    }

    pub const fn contact(self) -> bool {
        self.0[2]
    }

    pub const fn portal_link(self) -> bool {
        self.0[3]
    }

    pub const fn device_details(self) -> bool {
        self.0[4]
    }

    /// Reads words with commas between them.
    pub fn parse(text: &str) -> Result<Self> {
        let mut options = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| *word != "none") {
            let Some(at) = WORDS.iter().position(|known| *known == word) else {
                let shown: String = word.chars().take(80).collect();
                let rule = format!(": {shown:?} is not one of none, {}", WORDS.join(", "));
                return Err(Error::invalid_field("BadRequest", "brandingOptions", rule));
            };
            options.0[at] = true;
        }
        Ok(options)
    }

    /// The words with commas between them; `none` when there is none.
    pub fn text(self) -> String {
        let on: Vec<&str> = WORDS
            .iter()
            .zip(self.0)
            .filter_map(|(word, on)| on.then_some(*word))
            .collect();
        if on.is_empty() { "none".into() } else { on.join(",") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_order_and_written_in_one() {
        let options = Branding::parse("includeDeviceDetails, includeCompanyName").unwrap();
        assert!(options.company_name() && options.device_details() && !options.portal_link());
        assert_eq!(options.text(), "includeCompanyName,includeDeviceDetails");
        assert_eq!(Branding::parse("none").unwrap().text(), "none");
        for wrong in ["", "includecompanyname", "all", "includeCompanyName;none"] {
            assert!(Branding::parse(wrong).is_err(), "{wrong}");
        }
    }
}
