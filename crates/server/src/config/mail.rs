use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use lettre::{Address, message::Mailbox};
use serde::Deserialize;

use super::ConfigError;

/// `[mail]`: the server that mail leaves by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtp://HOST[:PORT]` with STARTTLS, or `smtps://HOST[:PORT]` with TLS from the first byte.
    pub server: String,
    /// Default: 587 for smtp, 465 for smtps.
    pub port: Option<u16>,
    /// Whom mail is from, such as `Moat <moat@corp.example>`.
    pub from: String,
    pub username: Option<String>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Authorities that the server's certificate may come from, PEM, besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// For `smtp://`. Default: required, and optional on loopback.
    pub starttls: Option<StartTls>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartTls {
    /// No mail leaves without TLS.
    Required,
    /// TLS when the server offers it, which whoever sits in between can prevent.
    Optional,
    Never,
}

/// Where a mail server is and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    /// None: TLS from the first byte.
    pub starttls: Option<StartTls>,
}

impl Mail {
    /// Checks what the types cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, problem: &str| {
            Err(ConfigError::Value {
                key,
                problem: problem.into(),
            })
        };
        let server = self.server()?;
        if self.from_mailbox().is_err() {
            return wrong("mail.from", "must be an address, such as Moat <moat@corp.example>");
        }
        if self.username.is_some() != self.password_file.is_some() {
            return wrong("mail.password_file", "username and password_file go together");
        }
        let secure = !matches!(server.starttls, Some(StartTls::Optional | StartTls::Never));
        if self.username.is_some() && !secure && !is_loopback(&server.host) {
            return wrong(
                "mail.starttls",
                "must be \"required\": a password must not be sent in the clear",
            );
        }
        Ok(())
    }

    pub fn server(&self) -> Result<MailServer, ConfigError> {
        let wrong = |key, problem: &str| ConfigError::Value {
            key,
            problem: problem.into(),
        };
        let malformed = || wrong("mail.server", "must be smtp://HOST, smtps://HOST, or either with :PORT");
        let uri: http::Uri = self.server.parse().map_err(|_| malformed())?;
        let wrapped = match uri.scheme_str() {
            Some("smtp") => false,
            Some("smtps") => true,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_string();
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
        if host.is_empty() || !plain {
            return Err(malformed());
        }
        if self.port.is_some() && authority.port_u16().is_some() {
            return Err(wrong("mail.port", "is said twice: server has a port already"));
        }
        let port = self.port.or(authority.port_u16());
        if port == Some(0) {
            return Err(wrong("mail.port", "must be 1 to 65535"));
        }
        let starttls = match (wrapped, self.starttls) {
            (true, None) => None,
            (true, Some(_)) => return Err(wrong("mail.starttls", "belongs to smtp://, not to smtps://")),
            (false, Some(said)) => Some(said),
            (false, None) if is_loopback(&host) => Some(StartTls::Optional),
            (false, None) => Some(StartTls::Required),
        };
        Ok(MailServer {
            port: port.unwrap_or(if wrapped { 465 } else { 587 }),
            host,
            starttls,
        })
    }

    pub fn from_mailbox(&self) -> Result<Mailbox, lettre::address::AddressError> {
        self.from.parse()
    }

    /// The bare address that mail is from.
    pub fn from_address(&self) -> Result<Address, lettre::address::AddressError> {
        Ok(self.from_mailbox()?.email)
    }

    /// The password; a line break at its end is not part of it.
    pub fn password(file: &Path) -> std::io::Result<String> {
        let text = std::fs::read_to_string(file)?;
        Ok(text.lines().next().unwrap_or_default().to_string())
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MailServer, String> {
        let mail: Mail = toml::from_str(text).map_err(|error| error.to_string())?;
        mail.check().map_err(|error| error.to_string())?;
        mail.server().map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_never_leaves_in_the_clear() {
        let with = |server: &str, more: &str| {
            parse(&format!(
                "server = '{server}'\nfrom = 'Moat <moat@corp.example>'\n{more}"
            ))
        };
        let account = "username = 'moat'\npassword_file = 'p'";
        let server = with("smtp://mail.corp.example", account).unwrap();
        assert_eq!((server.port, server.starttls), (587, Some(StartTls::Required)));
        let server = with("smtps://mail.corp.example", account).unwrap();
        assert_eq!((server.port, server.starttls), (465, None));
        let server = with("smtp://[::1]:2525", account).unwrap();
        assert_eq!(
            (server.host.as_str(), server.port, server.starttls),
            ("::1", 2525, Some(StartTls::Optional))
        );
        let said = with("smtp://localhost", "starttls = 'never'\nport = 25").unwrap();
        assert_eq!((said.port, said.starttls), (25, Some(StartTls::Never)));
        let clear = with("smtp://mail.corp.example", &format!("{account}\nstarttls = 'optional'"));
        assert!(clear.unwrap_err().contains("mail.starttls"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, key) in [
            ("server = 'mail.corp.example'\nfrom = 'a@b.example'", "mail.server"),
            ("server = 'http://mail'\nfrom = 'a@b.example'", "mail.server"),
            ("server = 'smtp://u:p@mail'\nfrom = 'a@b.example'", "mail.server"),
            ("server = 'smtp://mail/x'\nfrom = 'a@b.example'", "mail.server"),
            (
                "server = 'smtp://mail:25'\nport = 26\nfrom = 'a@b.example'",
                "mail.port",
            ),
            ("server = 'smtp://mail'\nfrom = 'nobody'", "mail.from"),
            (
                "server = 'smtp://mail'\nfrom = 'a@b.example'\nusername = 'u'",
                "mail.password_file",
            ),
            (
                "server = 'smtps://mail'\nstarttls = 'never'\nfrom = 'a@b.example'",
                "mail.starttls",
            ),
            (
                "server = 'smtp://mail'\nfrom = 'a@b.example'\npassword = 'secret'",
                "password",
            ),
        ] {
            assert!(parse(text).unwrap_err().contains(key), "{text}");
        }
    }
}
