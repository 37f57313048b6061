/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// This platform or process cannot tell.
    #[error("cannot tell: {0}")]
    Unavailable(String),
    /// The system refused.
    #[error("refused: {0}")]
    Denied(String),
}

/// What was seen, in words; none when it is not there.
pub type Answer = Result<Option<String>, ProbeError>;

/// Answers the rules' questions about a device. What a platform cannot tell is [`ProbeError::Unavailable`].
pub trait Probe: Send + Sync {
    /// `ios`, `linux`: which rules apply.
    fn platform(&self) -> &str;

    fn os_version(&self) -> Option<String>;

    /// The build of the system, such as `22F76`.
    fn os_build(&self) -> Option<String>;

    /// Something is at `path`, of the kind `want` if that is given.
    fn lstat(&self, path: &str, want: Option<&str>) -> Answer;

    /// A name in the folder starts with `prefix`.
    fn list(&self, path: &str, prefix: &str) -> Answer;

    /// Something matches the pattern.
    fn glob(&self, pattern: &str) -> Answer;

    /// An unprivileged app could write in the folder.
    fn write_test(&self, path: &str) -> Answer;

    /// The file system at `path` is mounted as `want`.
    fn statfs(&self, path: &str, want: &str) -> Answer;

    /// Something is mounted on this path.
    fn mounts(&self, on: &str) -> Answer;

    /// A loaded image matches.
    fn dyld_images(&self, contains: &str) -> Answer;

    fn env(&self, name: &str) -> Answer;

    /// The port accepts connections.
    fn tcp(&self, port: u16) -> Answer;

    /// Questions that only an app of the platform can answer.
    fn app_process(&self) -> Answer {
        Err(ProbeError::Unavailable("only an app can tell".into()))
    }
}

/// A Linux device that is no simulated phone: the rules are not for it.
pub struct Linux;

impl Probe for Linux {
    fn platform(&self) -> &str {
        "linux"
    }

    fn os_version(&self) -> Option<String> {
        None
    }

    fn os_build(&self) -> Option<String> {
        build_id(&std::fs::read_to_string("/etc/os-release").ok()?)
    }

    fn lstat(&self, _: &str, _: Option<&str>) -> Answer {
        self.app_process()
    }

    fn list(&self, _: &str, _: &str) -> Answer {
        self.app_process()
    }

    fn glob(&self, _: &str) -> Answer {
        self.app_process()
    }

    fn write_test(&self, _: &str) -> Answer {
        self.app_process()
    }

    fn statfs(&self, _: &str, _: &str) -> Answer {
        self.app_process()
    }

    fn mounts(&self, _: &str) -> Answer {
        self.app_process()
    }

    fn dyld_images(&self, _: &str) -> Answer {
        self.app_process()
    }

    fn env(&self, _: &str) -> Answer {
        self.app_process()
    }

    fn tcp(&self, _: u16) -> Answer {
        self.app_process()
    }
}

/// `BUILD_ID` of an os-release file.
fn build_id(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("BUILD_ID="))?;
    let value = value.trim().trim_matches(['"', '\'']);
    let usable = !value.is_empty() && value.len() <= 200 && !value.chars().any(char::is_control);
    usable.then(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_of_a_linux_system_is_in_its_release() {
        assert_eq!(
            build_id("ID=x\nBUILD_ID=\"2026-11-01\"\n").as_deref(),
            Some("2026-11-01")
        );
        assert_eq!(build_id("ID=x\nBUILD_ID=rolling").as_deref(), Some("rolling"));
        for without in ["", "ID=x", "BUILD_ID=", "XBUILD_ID=1"] {
            assert_eq!(build_id(without), None, "{without}");
        }
    }
}
