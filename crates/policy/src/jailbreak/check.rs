use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::version::OsVersion;

/// Longest text in a rule, in bytes, and most entries of a list in it.
const MAX_TEXT: usize = 1024;
const MAX_LIST: usize = 64;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub id: String,
    pub group: String,
    pub op: Op,
    /// 0 to 1: how strongly a hit speaks for the class.
    pub weight: f64,
    /// jailbreak, hooking, tamper or debugger.
    pub class: String,
    pub families: Vec<String>,
    /// Does not apply below this version of the system.
    pub os_min: Option<OsVersion>,
    /// What the asking process must be, such as `app_process`.
    pub needs: Vec<String>,
}

/// A question to the device's probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Something is at `path`; with `want` it must be of that kind (`symlink`, `dir`, `file`).
    Lstat { path: String, want: Option<String> },
    /// A name in the folder `path` starts with `prefix`.
    List { path: String, prefix: String },
    /// Something matches the pattern (`*` within a segment).
    Glob { path: String },
    /// The asking app could write in the folder.
    WriteTest { path: String },
    /// The file system at `path` is mounted as `want` (`rw`).
    Statfs { path: String, want: String },
    /// Something is mounted on this path.
    Mounts { on: String },
    /// A loaded image's path contains this text, ignoring case, or matches it as a pattern.
    DyldImages { contains_ci: String },
    /// The environment variable is set.
    Env { name: String },
    /// The Objective-C runtime knows the class.
    ObjcClass { name: String },
    /// An app answers to the URL scheme.
    CanOpenUrl { scheme: String },
    /// The port accepts connections.
    Tcp {
        host: String,
        port: u16,
        /// How long to wait for an answer: 1 to 1000.
        timeout_ms: u32,
    },
    /// The kernel has this flag set on the process (`P_TRACED`).
    Kinfo { flag: String },
    /// The parent process is another than this.
    Ppid { want_not: u64 },
    /// The code-signing state has this flag (`CS_DEBUGGED`).
    Csops { flag: String },
    /// The process could fork.
    Fork,
    /// The entitlement has this value.
    Entitlement { name: String, want: bool },
    /// This field of the program's own Mach-O header has this value (`cryptid`).
    SelfMacho { field: String, want: u64 },
    /// The app's bundle holds this file.
    BundleFile { name: String },
    /// The program is signed by another team than this; `$TEAM_ID` stands for the team that the probe was built by.
    TeamId { want: String },
    /// An operation that this version does not know: ignored and counted.
    Unknown { op: String },
}

impl Check {
    /// Reads one element of `rules`. The error names the field.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let rule = Rule::deserialize(value).map_err(|e| e.to_string())?;
        if !(0.0..=1.0).contains(&rule.weight) {
            return Err(format!("weight is {}; it must be 0 to 1", rule.weight));
        }
        for (field, text) in [("id", &rule.id), ("group", &rule.group), ("cls", &rule.cls)] {
            within_limits(field, text)?;
        }
        for (field, list) in [("families", &rule.families), ("needs", &rule.needs)] {
            if list.len() > MAX_LIST {
                return Err(format!("{field} has more than {MAX_LIST} entries"));
            }
            list.iter().try_for_each(|text| within_limits(field, text))?;
        }
        let os_min = match &rule.os_min {
            Some(text) => {
                Some(OsVersion::parse(text).ok_or_else(|| format!("os_min {text:?} is no version such as 15.0"))?)
            }
            None => None,
        };
        Ok(Self {
            op: Fields(&rule.probe).op()?,
            id: rule.id,
            group: rule.group,
            weight: rule.weight,
            class: rule.cls,
            families: rule.families,
            os_min,
            needs: rule.needs,
        })
    }
}

fn within_limits(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(format!("{field} must be text of 1 to {MAX_TEXT} bytes"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    group: String,
    probe: BTreeMap<String, Value>,
    weight: f64,
    cls: String,
    #[serde(default)]
    families: Vec<String>,
    os_min: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
}

/// The `probe` object of a rule.
struct Fields<'a>(&'a BTreeMap<String, Value>);

impl Fields<'_> {
    fn op(&self) -> Result<Op, String> {
        Ok(match self.text("op")?.as_str() {
            "lstat" => Op::Lstat {
                path: self.text("path")?,
                want: self.optional("want", Self::text)?,
            },
            "list" => Op::List {
                path: self.text("path")?,
                prefix: self.text("prefix")?,
            },
            "glob" => Op::Glob {
                path: self.text("path")?,
            },
            "write_test" => Op::WriteTest {
                path: self.text("path")?,
            },
            "statfs" => Op::Statfs {
                path: self.text("path")?,
                want: self.text("want")?,
            },
            "mounts" => Op::Mounts { on: self.text("on")? },
            "dyld_images" => match self.text("contains_ci") {
                Ok(contains_ci) => Op::DyldImages { contains_ci },
                Err(_) => Op::Unknown {
                    op: "dyld_images without contains_ci".into(),
                },
            },
            "env" => Op::Env {
                name: self.text("name")?,
            },
            "objc_class" => Op::ObjcClass {
                name: self.text("name")?,
            },
            "can_open_url" => Op::CanOpenUrl {
                scheme: self.text("scheme")?,
            },
            "tcp" => {
                let port = self.number("port")?;
                let port = u16::try_from(port).map_err(|_| format!("port {port} is not a port"))?;
                Op::Tcp {
                    host: self.text("host")?,
                    port,
                    timeout_ms: self.timeout()?,
                }
            }
            "kinfo" => Op::Kinfo {
                flag: self.text("flag")?,
            },
            "ppid" => Op::Ppid {
                want_not: self.number("want_not")?,
            },
            "csops" => Op::Csops {
                flag: self.text("flag")?,
            },
            "fork" => Op::Fork,
            "entitlement" => Op::Entitlement {
                name: self.text("name")?,
                want: self.optional("want", Self::truth)?.unwrap_or(true),
            },
            "self_macho" => Op::SelfMacho {
                field: self.text("field")?,
                want: self.number("want")?,
            },
            "bundle_file" => Op::BundleFile {
                name: self.text("name")?,
            },
            "team_id" => Op::TeamId {
                want: self.text("want")?,
            },
            other => Op::Unknown { op: other.into() },
        })
    }

    fn timeout(&self) -> Result<u32, String> {
        let millis = self.optional("timeout_ms", Self::number)?.unwrap_or(50);
        u32::try_from(millis)
            .ok()
            .filter(|m| (1..=1000).contains(m))
            .ok_or_else(|| format!("probe.timeout_ms is {millis}; it must be 1 to 1000"))
    }

    fn optional<T>(&self, name: &str, read: fn(&Self, &str) -> Result<T, String>) -> Result<Option<T>, String> {
        self.0.contains_key(name).then(|| read(self, name)).transpose()
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let value = self.0.get(name).and_then(Value::as_str);
        value
            .filter(|text| !text.is_empty() && text.len() <= MAX_TEXT)
            .map(String::from)
            .ok_or_else(|| format!("probe.{name} is missing or no text of 1 to {MAX_TEXT} bytes"))
    }

    fn number(&self, name: &str) -> Result<u64, String> {
        let value = self.0.get(name).and_then(Value::as_u64);
        value.ok_or_else(|| format!("probe.{name} is missing or no whole number"))
    }

    fn truth(&self, name: &str) -> Result<bool, String> {
        let value = self.0.get(name).and_then(Value::as_bool);
        value.ok_or_else(|| format!("probe.{name} is missing or not true or false"))
    }
}
