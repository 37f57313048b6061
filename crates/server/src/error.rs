use std::fmt;

use moat_policy::{InvalidField, Message, Sentence, Speak, app_protection::InvalidSettings, conditional_access};

/// The one error at the edge of the server. Each face renders it in its own shape.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong: 400. `code` is a word of the Defender API, such as `InvalidDomainName`. When it is one
    /// field's fault, `field` is its name, and `message` begins with it.
    #[error("{message}")]
    Invalid {
        code: &'static str,
        field: Option<&'static str>,
        message: String,
        /// The same for faces that speak other languages; empty where only the message is known.
        broken: Vec<Broken>,
    },
    /// No, or no longer valid, credentials: 401.
    #[error("{0}")]
    Unauthorized(String),
    /// Known caller without the right: 403.
    #[error("{0}")]
    Forbidden(String),
    /// 404.
    #[error("{0}")]
    NotFound(String),
    /// The thing changed meanwhile or exists already: 409.
    #[error("{0}")]
    Conflict(Sentence),
    /// The thing is not what the caller expects it to be still: 412.
    #[error("it was changed meanwhile: read it again, and change what you then have")]
    Changed,
    /// 429 with `Retry-After` in seconds.
    #[error("too many requests; try again in {retry_after_seconds} s")]
    TooManyRequests { retry_after_seconds: u64 },
    /// The disk or database is full; nothing was acknowledged: 507.
    #[error("the server cannot store anything: its disk is full")]
    StorageFull,
    /// Our fault: 500. The text goes to the log, not to the caller.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// A property and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// As the operation spells it, with the place in a list: `restrictedApps[3].appId`.
    pub property: String,
    /// What stands between the property and the rule.
    pub between: &'static str,
    pub rule: Sentence,
}

impl Broken {
    /// What is wrong with something of this name.
    pub fn with(&self, name: &str, speaker: &dyn Speak) -> String {
        format!("{name}{}{}", self.between, self.rule.in_language(speaker))
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn invalid(code: &'static str, message: impl fmt::Display) -> Self {
        Self::Invalid {
            code,
            field: None,
            message: message.to_string(),
            broken: Vec::new(),
        }
    }

    /// A field that breaks a rule: `name`, and ` must have 1 to 100 characters` or `: no domain`.
    pub fn invalid_field(code: &'static str, field: &'static str, rule: impl fmt::Display) -> Self {
        Self::Invalid {
            code,
            field: Some(field),
            message: format!("{field}{rule}"),
            broken: Vec::new(),
        }
    }

    /// The same with a rule that has a language: `must have 1 to 100 characters`.
    pub fn rule(code: &'static str, field: &'static str, rule: Message) -> Self {
        let rule = Sentence::from(rule);
        Self::Invalid {
            code,
            field: Some(field),
            message: format!("{field} {rule}"),
            broken: vec![Broken {
                property: field.to_string(),
                between: " ",
                rule,
            }],
        }
    }

    /// A policy that cannot be, whatever its properties are; `field` is where it can be mended.
    pub fn refused(field: &'static str, rule: Message) -> Self {
        match Self::rules([(field.to_string(), rule.into())]) {
            Self::Invalid {
                code, message, broken, ..
            } => Self::Invalid {
                code,
                field: Some(field),
                message,
                broken,
            },
            other => other,
        }
    }

    /// Rules that properties of a policy break.
    fn rules(broken: impl IntoIterator<Item = (String, Sentence)>) -> Self {
        let broken = broken.into_iter().map(|(property, rule)| Broken {
            property,
            between: ": ",
            rule,
        });
        let broken: Vec<_> = broken.collect();
        let messages: Vec<_> = broken
            .iter()
            .map(|one| one.with(&one.property, &moat_policy::English))
            .collect();
        Self::Invalid {
            code: "BadRequest",
            field: None,
            message: messages.join("; "),
            broken,
        }
    }

    pub fn conflict(why: impl Into<Sentence>) -> Self {
        Self::Conflict(why.into())
    }

    /// What it says, for people.
    pub fn told(&self, speaker: &dyn Speak) -> String {
        match self {
            Self::Invalid { broken, .. } if !broken.is_empty() => {
                let told: Vec<_> = broken.iter().map(|one| one.with(&one.property, speaker)).collect();
                told.join("; ")
            }
            Self::Conflict(why) => why.in_language(speaker),
            other => other.to_string(),
        }
    }

    pub fn not_found(noun: &str, id: impl fmt::Display) -> Self {
        Self::NotFound(format!("there is no {noun} {id}"))
    }

    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::Internal(error.into())
    }

    /// HTTP status of this error.
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::Invalid { .. } => http::StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => http::StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => http::StatusCode::FORBIDDEN,
            Self::NotFound(_) => http::StatusCode::NOT_FOUND,
            Self::Conflict(_) => http::StatusCode::CONFLICT,
            Self::Changed => http::StatusCode::PRECONDITION_FAILED,
            Self::TooManyRequests { .. } => http::StatusCode::TOO_MANY_REQUESTS,
            Self::StorageFull => http::StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal(_) => http::StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The Defender API's word for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { code, .. } => code,
            Self::Unauthorized(_) => "Unauthorized",
            Self::Forbidden(_) => "Forbidden",
            Self::NotFound(_) => "ResourceNotFound",
            Self::Conflict(_) => "Conflict",
            Self::Changed => "resourceModified",
            Self::TooManyRequests { .. } => "TooManyRequests",
            Self::StorageFull => "StorageFull",
            Self::Internal(_) => "InternalServerError",
        }
    }

    /// Writes our own faults to the log; callers learn only that it was ours.
    pub fn log(&self) {
        match self {
            Self::Internal(source) => tracing::error!(error = format!("{source:#}"), "request failed"),
            Self::StorageFull => tracing::error!("the disk is full: nothing more is acknowledged"),
            _ => {}
        }
    }
}

impl From<InvalidField> for Error {
    fn from(invalid: InvalidField) -> Self {
        Self::rules([(invalid.field, invalid.rule)])
    }
}

impl From<conditional_access::Invalid> for Error {
    fn from(invalid: conditional_access::Invalid) -> Self {
        Self::rules([(invalid.field, invalid.problem)])
    }
}

impl From<InvalidSettings> for Error {
    fn from(invalid: InvalidSettings) -> Self {
        Self::rules(invalid.0.into_iter().map(|note| (note.field.to_string(), note.text)))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        // SQLite: 13 is SQLITE_FULL, 10 SQLITE_IOERR and its extended codes. PostgreSQL: 53100 disk_full.
        let full =
            |code: &str| code == "13" || code == "53100" || code.parse::<u32>().is_ok_and(|code| code & 0xff == 10);
        match error.as_database_error().and_then(|e| e.code()) {
            Some(code) if full(&code) => Self::StorageFull,
            _ => Self::internal(error),
        }
    }
}
