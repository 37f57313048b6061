use std::fmt;

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
    Conflict(String),
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

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn invalid(code: &'static str, message: impl fmt::Display) -> Self {
        Self::Invalid {
            code,
            field: None,
            message: message.to_string(),
        }
    }

    /// A field that breaks a rule: `name`, and ` must have 1 to 100 characters` or `: no domain`.
    pub fn invalid_field(code: &'static str, field: &'static str, rule: impl fmt::Display) -> Self {
        Self::Invalid {
            code,
            field: Some(field),
            message: format!("{field}{rule}"),
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
