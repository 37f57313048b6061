/// What a path is, without following a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FileKind {
    File,
    Folder,
    Symlink,
    Other,
}

/// Where the asking process runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, uniffi::Record)]
pub struct Place {
    /// `ios`, `ipados`.
    pub platform: String,
    /// `17.4.1`.
    pub os_version: Option<String>,
    /// `simulator`, `ios_app_on_mac`, `mac_catalyst`, if any.
    pub environment: Vec<String>,
    /// What this process is: `app_process` in the app, nothing in the tunnel extension. Rules that need more are not asked.
    pub able_to: Vec<String>,
    /// The team that the app was built by; none leaves the team check unanswered.
    pub team_id: Option<String>,
}

/// Why a question has no answer. Neither is evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ProbeError {
    /// This platform or process cannot tell.
    #[error("not available: {reason}")]
    Unavailable { reason: String },
    /// The system refused the question, such as EPERM.
    #[error("denied: {reason}")]
    Denied { reason: String },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ProbeError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable {
            reason: format!("the probe failed: {}", error.reason),
        }
    }
}

/// Answers the questions of the jailbreak rules; the app implements it. It reports what it sees and judges nothing.
/// An answer that cannot be given is an error, never `false`.
#[uniffi::export(with_foreign)]
pub trait Probe: Send + Sync {
    fn place(&self) -> Result<Place, ProbeError>;
    /// None when nothing is there.
    fn lstat(&self, path: String) -> Result<Option<FileKind>, ProbeError>;
    /// Names in a folder; empty when there is no such folder.
    fn list(&self, path: String) -> Result<Vec<String>, ProbeError>;
    /// Paths that match, with `*` inside a segment.
    fn glob(&self, pattern: String) -> Result<Vec<String>, ProbeError>;
    /// Whether a file could be made in the folder; the probe removes it again.
    fn write_test(&self, folder: String) -> Result<bool, ProbeError>;
    /// Whether the file system at the path is mounted for writing.
    fn writable_mount(&self, path: String) -> Result<bool, ProbeError>;
    /// Paths that something is mounted on. Asked once in a run.
    fn mounts(&self) -> Result<Vec<String>, ProbeError>;
    /// Paths of the loaded images. Asked once in a run.
    fn dyld_images(&self) -> Result<Vec<String>, ProbeError>;
    fn env(&self, name: String) -> Result<Option<String>, ProbeError>;
    fn objc_class(&self, name: String) -> Result<bool, ProbeError>;
    fn can_open_url(&self, scheme: String) -> Result<bool, ProbeError>;
    /// Whether the port accepts a connection within the time.
    fn tcp(&self, host: String, port: u16, timeout_ms: u32) -> Result<bool, ProbeError>;
    fn kinfo(&self, flag: String) -> Result<bool, ProbeError>;
    fn ppid(&self) -> Result<u64, ProbeError>;
    fn csops(&self, flag: String) -> Result<bool, ProbeError>;
    /// Whether the process could fork.
    fn fork(&self) -> Result<bool, ProbeError>;
    /// None when the entitlement is not there.
    fn entitlement(&self, name: String) -> Result<Option<bool>, ProbeError>;
    fn self_macho(&self, field: String) -> Result<u64, ProbeError>;
    fn bundle_file(&self, name: String) -> Result<bool, ProbeError>;
    /// The team that signed the running program.
    fn team_id(&self) -> Result<String, ProbeError>;
}
