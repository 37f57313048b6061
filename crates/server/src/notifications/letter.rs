//! A letter to a person: a message with what its template wants around it, as plain text and as HTML.

use moat_model::DeviceId;
use serde::{Deserialize, Serialize};

use super::{LocalizedMessage, Template, variables};
use crate::language::Languages;

/// A device as a letter speaks of it.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub user: String,
    pub device: String,
    pub device_id: String,
    pub os: String,
    pub model: String,
}

/// What the organisation says of itself.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    pub organisation: String,
    /// An address of the web or of mail; may be empty.
    pub contact: String,
}

/// A letter that is ready but for its link, which is made when it is sent and then lives for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    pub locale: String,
    pub subject: String,
    message: String,
    organisation: Option<String>,
    contact: Option<String>,
    details: Vec<(String, String)>,
    /// What stands before the link, and before the contact. Letters of older versions have neither.
    #[serde(default = "why")]
    why: String,
    #[serde(default = "help")]
    help: String,
    /// The device whose page it links to.
    pub link_to: Option<DeviceId>,
}

impl Letter {
    pub fn new(
        languages: &Languages,
        template: &Template,
        message: &LocalizedMessage,
        about: &About,
        sender: &Sender,
    ) -> Self {
        let language = languages.of_letters(&message.locale);
        let value = |name: &str| match name {
            "UserName" => Some(about.user.as_str()),
            "DeviceName" => Some(about.device.as_str()),
            "DeviceId" => Some(about.device_id.as_str()),
            "OSAndVersion" => Some(about.os.as_str()),
            _ => None,
        };
        let options = template.branding;
        let details = [
            (language.t("letter-device"), &about.device),
            (language.t("letter-model"), &about.model),
            (language.t("letter-system"), &about.os),
            (language.t("letter-device-id"), &about.device_id),
        ];
        let details = details.into_iter().filter(|_| options.device_details());
        Self {
            locale: message.locale.clone(),
            subject: one_line(&variables::fill(&message.subject, value)),
            message: variables::fill(&message.message, value),
            organisation: Some(sender.organisation.clone()).filter(|_| options.company_name()),
            contact: Some(sender.contact.clone()).filter(|text| options.contact() && !text.is_empty()),
            details: details.map(|(name, value)| (name, one_line(value))).collect(),
            why: language.t("letter-why"),
            help: language.t("letter-help"),
            link_to: about.device_id.parse().ok().filter(|_| options.portal_link()),
        }
    }

    /// As plain text.
    pub fn text(&self, link: Option<&str>) -> String {
        let mut blocks = vec![self.message.trim_end().to_string()];
        if !self.details.is_empty() {
            let lines: Vec<String> = self
                .details
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            blocks.push(lines.join("\n"));
        }
        if let Some(link) = link {
            blocks.push(format!("{}\n{link}", self.why));
        }
        if let Some(contact) = &self.contact {
            blocks.push(format!("{}: {}", self.help, shown(contact)));
        }
        if let Some(organisation) = &self.organisation {
            blocks.push(format!("-- \n{organisation}"));
        }
        blocks.join("\n\n") + "\n"
    }

    /// As HTML, which says the same.
    pub fn html(&self, link: Option<&str>) -> String {
        let mut html = format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 40em\">\n",
            escaped(&self.locale),
            escaped(&self.subject)
        );
        for paragraph in self.message.split("\n\n").filter(|text| !text.trim().is_empty()) {
            let lines = escaped(paragraph.trim()).replace('\n', "<br>\n");
            html.push_str(&format!("<p>{lines}</p>\n"));
        }
        if !self.details.is_empty() {
            html.push_str("<table>\n");
            for (name, value) in &self.details {
                let row = format!(
                    "<tr><th align=\"left\">{}</th><td>{}</td></tr>\n",
                    escaped(name),
                    escaped(value)
                );
                html.push_str(&row);
            }
            html.push_str("</table>\n");
        }
        if let Some(link) = link {
            html.push_str(&format!(
                "<p><a href=\"{}\">{}</a></p>\n",
                escaped(link),
                escaped(&self.why)
            ));
        }
        if let Some(contact) = &self.contact {
            let (href, text) = (escaped(contact), escaped(shown(contact)));
            html.push_str(&format!(
                "<p>{}: <a href=\"{href}\">{text}</a></p>\n",
                escaped(&self.help)
            ));
        }
        if let Some(organisation) = &self.organisation {
            html.push_str(&format!("<p>{}</p>\n", escaped(organisation)));
        }
        html.push_str("</body></html>\n");
        html
    }
}

fn why() -> String {
    "Why, and what to do:".into()
}

fn help() -> String {
    "Help".into()
}

/// Without line breaks and other control characters, which a name from outside may hold.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn shown(contact: &str) -> &str {
    contact.strip_prefix("mailto:").unwrap_or(contact)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{super::branding::Branding, *};

    fn letter(branding: &str) -> Letter {
        let template = Template {
            branding: Branding::parse(branding).unwrap(),
            ..Template::default()
        };
        let message = LocalizedMessage {
            locale: "de-DE".into(),
            subject: "{{DeviceName}} von {{UserName}}".into(),
            message: "Hallo {{UserName}},\n\n{{DeviceName}} mit {{OSAndVersion}}\nist auffällig.".into(),
            ..LocalizedMessage::default()
        };
        let about = About {
            user: "Anna <b>".into(),
            device: "Tele\r\nBcc: x@y.example".into(),
            device_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            os: "iOS 18.7".into(),
            model: "iPhone17,1".into(),
        };
        let sender = Sender {
            organisation: "Corp & Co".into(),
            contact: "mailto:help@corp.example".into(),
        };
        let languages = Languages::open(std::path::Path::new("/nowhere")).unwrap();
        Letter::new(&languages, &template, &message, &about, &sender)
    }

    #[test]
    fn a_bare_letter_has_the_message_alone() {
        let letter = letter("none");
        assert_eq!(letter.subject, "Tele  Bcc: x@y.example von Anna <b>", "one line");
        assert_eq!(
            letter.text(None),
            "Hallo Anna <b>,\n\nTele\r\nBcc: x@y.example mit iOS 18.7\nist auffällig.\n"
        );
        assert_eq!(letter.link_to, None);
        let html = letter.html(None);
        assert!(
            html.contains("<p>Hallo Anna &lt;b&gt;,</p>") && html.contains("lang=\"de-DE\""),
            "{html}"
        );
    }

    #[test]
    fn options_add_what_they_name_in_the_letters_language() {
        let letter =
            letter("includeCompanyName,includeContactInformation,includeCompanyPortalLink,includeDeviceDetails");
        assert!(letter.link_to.is_some());
        let text = letter.text(Some("https://moat.example/why/x"));
        for part in [
            "Gerät: Tele",
            "Modell: iPhone17,1",
            "was zu tun ist:\nhttps://moat.example/why/x",
            "Hilfe: help@corp.example",
            "-- \nCorp & Co",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let html = letter.html(Some("https://moat.example/why/x"));
        assert!(html.contains("<a href=\"https://moat.example/why/x\">"), "{html}");
        assert!(
            html.contains("Corp &amp; Co") && html.contains("href=\"mailto:help@corp.example\""),
            "{html}"
        );
    }

    #[test]
    fn the_frame_speaks_the_languages_of_the_files_and_else_english() {
        let languages = Languages::open(std::path::Path::new("/nowhere")).unwrap();
        for (locale, device) in [
            ("de-AT", "Gerät"),
            ("fr", "Appareil"),
            ("es-MX", "Dispositivo"),
            ("pt", "Device"),
        ] {
            assert_eq!(languages.of_letters(locale).t("letter-device"), device, "{locale}");
        }
    }
}
