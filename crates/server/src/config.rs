//! The configuration file: TOML, every key optional, unknown keys refused.

mod mail;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use rustls_pki_types::ServerName;
use serde::Deserialize;

pub use mail::{Mail, MailServer, StartTls};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Console, APIs and enrolment.
    pub listen: SocketAddr,
    /// Devices, with their certificates. Default: the port after `listen`.
    pub device_listen: Option<SocketAddr>,
    /// How devices and browsers reach `listen`, such as `https://moat.example:8443`. Default: from the request.
    pub public_url: Option<String>,
    /// How devices reach `device_listen`. Default: the host of the request with the port of `device_listen`.
    pub device_url: Option<String>,
    /// Names and addresses for the certificate beside those of this machine. Ignored with `certificate`.
    pub names: Vec<String>,
    /// Certificate chain and key for `listen`, PEM. Default: issued by Moat's own authority.
    pub certificate: Option<PathBuf>,
    pub certificate_key: Option<PathBuf>,
    /// Days that a device certificate is valid; it is renewed when a third is left.
    pub device_certificate_days: u32,
    /// Minutes without a word after which a device counts as silent.
    pub silent_after_minutes: u32,
    /// Days that the audit log and what devices reported are kept. Alerts stay.
    pub retention_days: u32,
    /// Indicators for private and other internal addresses. Defender refuses them; an organisation that runs its own
    /// network may well mean one, so Moat takes them unless this is false.
    pub allow_internal_addresses: bool,
    /// Requests per minute and hour that one API client may make of each call of the Defender API.
    pub requests_per_minute: u32,
    pub requests_per_hour: u32,
    /// Requests and, among them, changes that one API client may make of Microsoft Graph in 20 seconds.
    pub graph_requests_per_20_seconds: u32,
    pub graph_changes_per_20_seconds: u32,
    /// The server that mail leaves by. Without it mail waits.
    pub mail: Option<Mail>,
    pub feeds: Feeds,
    /// Where it was read.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// `[feeds]`: how lists of others are fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feeds {
    /// Whether a list may come from an internal address. Whoever may add a feed could otherwise have this server ask
    /// others in its network.
    pub allow_internal_addresses: bool,
    /// Authorities that a source's certificate may come from, PEM, besides the public ones.
    pub ca_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            device_listen: None,
            public_url: None,
            device_url: None,
            names: Vec::new(),
            certificate: None,
            certificate_key: None,
            device_certificate_days: 90,
            silent_after_minutes: 10,
            retention_days: 180,
            allow_internal_addresses: true,
            requests_per_minute: 100,
            requests_per_hour: 1500,
            graph_requests_per_20_seconds: 2000,
            graph_changes_per_20_seconds: 200,
            mail: None,
            feeds: Feeds::default(),
            file: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{} is not a configuration of Moat", file.display())]
    Parse {
        file: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{key}: {problem}")]
    Value { key: &'static str, problem: String },
}

impl Config {
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
            file: file.into(),
            source,
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            file: file.into(),
            source: Box::new(source),
        })?;
        config.check()?;
        config.file = Some(file.into());
        Ok(config)
    }

    /// The files that it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let mail = self.mail.iter().flat_map(|mail| [&mail.password_file, &mail.ca_file]);
        let all = [&self.certificate, &self.certificate_key].into_iter().chain(mail);
        all.flatten().cloned().collect()
    }

    /// Checks what the types cannot say.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, problem: &str| {
            Err(ConfigError::Value {
                key,
                problem: problem.into(),
            })
        };
        for (key, url) in [("public_url", &self.public_url), ("device_url", &self.device_url)] {
            if url.as_ref().is_some_and(|url| !is_https_origin(url)) {
                return wrong(key, "must be https://HOST or https://HOST:PORT, without a path");
            }
        }
        if let Some(name) = self.names.iter().find(|name| !is_server_name(name)) {
            return wrong("names", &format!("{name:?} is neither a host name nor an address"));
        }
        if self.certificate.is_some() != self.certificate_key.is_some() {
            return wrong("certificate_key", "certificate and certificate_key go together");
        }
        if !(1..=825).contains(&self.device_certificate_days) {
            return wrong("device_certificate_days", "must be 1 to 825");
        }
        if !(1..=10_080).contains(&self.silent_after_minutes) {
            return wrong("silent_after_minutes", "must be 1 to 10080 (a week)");
        }
        if !(1..=3_650).contains(&self.retention_days) {
            return wrong("retention_days", "must be 1 to 3650");
        }
        if self.requests_per_minute == 0 || self.requests_per_hour == 0 {
            return wrong("requests_per_minute", "rate limits must be at least 1");
        }
        if self.graph_requests_per_20_seconds == 0 || self.graph_changes_per_20_seconds == 0 {
            return wrong("graph_requests_per_20_seconds", "rate limits must be at least 1");
        }
        if self.listen.port() != 0 && self.device_listen.is_some_and(|device| device == self.listen) {
            return wrong("device_listen", "must differ from listen");
        }
        self.mail.as_ref().map_or(Ok(()), Mail::check)
    }

    pub fn device_listen(&self) -> SocketAddr {
        self.device_listen.unwrap_or_else(|| {
            let port = match self.listen.port() {
                0 => 0,
                u16::MAX => u16::MAX - 1,
                port => port + 1,
            };
            SocketAddr::new(self.listen.ip(), port)
        })
    }

    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 86_400)
    }

    pub fn silent_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.silent_after_minutes) * 60)
    }
}

/// Whether a certificate can be for this name: a host name, also of all hosts below one, or an address.
pub(crate) fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}

fn is_https_origin(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("https")
            && uri.host().is_some_and(|h| !h.is_empty())
            && uri.path() == "/"
            && uri.query().is_none()
            && !url.ends_with('/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|e| e.to_string())?;
        config.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse(""), Ok(Config::default()));
        assert_eq!(Config::default().device_listen().port(), 8444);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused_by_name() {
        assert!(parse("lisen = '0.0.0.0:1'").unwrap_err().contains("lisen"));
        for (text, key) in [
            ("public_url = 'http://a'", "public_url"),
            ("device_url = 'https://a/path'", "device_url"),
            ("certificate = 'a.pem'", "certificate_key"),
            ("device_certificate_days = 0", "device_certificate_days"),
            ("silent_after_minutes = 0", "silent_after_minutes"),
            ("retention_days = 0", "retention_days"),
            ("names = ['moat.example', 'no name']", "names"),
        ] {
            assert!(parse(text).unwrap_err().contains(key), "{text}");
        }
    }
}
