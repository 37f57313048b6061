use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// Largest rules file, in bytes, and most rules in it.
const MAX_BYTES: usize = 4 << 20;
const MAX_RULES: usize = 10_000;

/// A parsed rules file (schema 1).
#[derive(Debug, Clone)]
pub struct Rules {
    pub(super) version: String,
    pub(super) platforms: Vec<String>,
    pub(super) skip: Vec<String>,
    pub(super) compromised_by: BTreeSet<String>,
    pub(super) suspected_score: f64,
    pub(super) confirmed: Confirmed,
    checks: Vec<Check>,
}

/// What makes "confirmed": a score, and either several groups or one that suffices alone.
#[derive(Debug, Clone)]
pub(super) struct Confirmed {
    pub score: f64,
    pub min_groups: usize,
    pub sufficient_groups: BTreeSet<String>,
}

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
    pub os_min: Option<String>,
    /// What the asking process must be, such as `app_process`.
    pub needs: Vec<String>,
}

/// A question to the device's probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Something is at `path`; with `want` it must be of that kind (`symlink`, `dir`, `file`).
    Lstat {
        path: String,
        want: Option<String>,
    },
    /// A name in the folder `path` starts with `prefix`.
    List {
        path: String,
        prefix: String,
    },
    /// Something matches the pattern (`*` within a segment).
    Glob {
        path: String,
    },
    /// The asking app could write in the folder.
    WriteTest {
        path: String,
    },
    /// The file system at `path` is mounted as `want` (`rw`).
    Statfs {
        path: String,
        want: String,
    },
    /// Something is mounted on this path.
    Mounts {
        on: String,
    },
    /// A loaded image's path contains this text, ignoring case, or matches it as a pattern.
    DyldImages {
        contains_ci: String,
    },
    /// The environment variable is set.
    Env {
        name: String,
    },
    ObjcClass {
        name: String,
    },
    CanOpenUrl {
        scheme: String,
    },
    /// The port accepts connections.
    Tcp {
        host: String,
        port: u16,
    },
    Kinfo {
        flag: String,
    },
    Ppid {
        want_not: u64,
    },
    Csops {
        flag: String,
    },
    Fork,
    Entitlement {
        name: String,
    },
    SelfMacho {
        field: String,
        want: u64,
    },
    BundleFile {
        name: String,
    },
    TeamId {
        want: String,
    },
    /// An operation that this version does not know: ignored and counted.
    Unknown {
        op: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("the rules file is larger than 4 MiB")]
    TooLarge,
    #[error("the rules file is not JSON of the expected shape: {0}")]
    Json(String),
    #[error("schema {0} is not known; this version reads schema 1")]
    Schema(u64),
    #[error("rule {rule}: {problem}")]
    Rule { rule: String, problem: String },
    #[error("scoring: {0}")]
    Scoring(String),
}

impl Rules {
    pub fn parse(bytes: &[u8]) -> Result<Self, RulesError> {
        if bytes.len() > MAX_BYTES {
            return Err(RulesError::TooLarge);
        }
        let file: File = serde_json::from_slice(bytes).map_err(|e| RulesError::Json(e.to_string()))?;
        if file.schema != 1 {
            return Err(RulesError::Schema(file.schema));
        }
        if file.rules.len() > MAX_RULES {
            return Err(RulesError::Json(format!("more than {MAX_RULES} rules")));
        }
        let (suspected_score, confirmed) = file.scoring.levels()?;
        let mut seen = BTreeSet::new();
        let mut checks = Vec::with_capacity(file.rules.len());
        for rule in file.rules {
            let check = rule.check()?;
            if !seen.insert(check.id.clone()) {
                return Err(RulesError::Rule {
                    rule: check.id,
                    problem: "this id stands twice".into(),
                });
            }
            checks.push(check);
        }
        let compromised_by = file
            .scoring
            .verdicts
            .get("device_compromised")
            .cloned()
            .unwrap_or_default();
        Ok(Self {
            version: file.version,
            platforms: file.applies.platform,
            skip: file.applies.skip,
            compromised_by,
            suspected_score,
            confirmed,
            checks,
        })
    }

    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter()
    }

    /// Whether the rules are meant for this platform, such as `ios`.
    #[must_use]
    pub fn apply_to(&self, platform: &str) -> bool {
        self.platforms.iter().any(|p| p.eq_ignore_ascii_case(platform))
    }
}

#[derive(Deserialize)]
struct File {
    schema: u64,
    version: String,
    applies: Applies,
    scoring: Scoring,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Applies {
    platform: Vec<String>,
    #[serde(default)]
    skip: Vec<String>,
}

#[derive(Deserialize)]
struct Scoring {
    model: String,
    verdicts: BTreeMap<String, BTreeSet<String>>,
    levels: Vec<Level>,
}

#[derive(Deserialize)]
struct Level {
    level: String,
    score: f64,
    #[serde(default)]
    min_groups: usize,
    #[serde(default)]
    or_single_group: BTreeSet<String>,
}

impl Scoring {
    fn levels(&self) -> Result<(f64, Confirmed), RulesError> {
        if self.model != "noisy_or_of_group_maxima" {
            return Err(RulesError::Scoring(format!("model {:?} is not known", self.model)));
        }
        let find = |name: &str| {
            let level = self
                .levels
                .iter()
                .find(|l| l.level == name && (0.0..=1.0).contains(&l.score));
            level.ok_or_else(|| RulesError::Scoring(format!("there is no level {name:?} with a score of 0 to 1")))
        };
        let confirmed = find("confirmed")?;
        let confirmed = Confirmed {
            score: confirmed.score,
            min_groups: confirmed.min_groups,
            sufficient_groups: confirmed.or_single_group.clone(),
        };
        Ok((find("suspected")?.score, confirmed))
    }
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

impl Rule {
    fn check(self) -> Result<Check, RulesError> {
        let wrong = |problem: String| RulesError::Rule {
            rule: self.id.clone(),
            problem,
        };
        if !(0.0..=1.0).contains(&self.weight) {
            return Err(wrong("weight must be 0 to 1".into()));
        }
        let op = Fields(&self.probe).op().map_err(wrong)?;
        Ok(Check {
            id: self.id,
            group: self.group,
            op,
            weight: self.weight,
            class: self.cls,
            families: self.families,
            os_min: self.os_min,
            needs: self.needs,
        })
    }
}

/// The `probe` object of a rule.
struct Fields<'a>(&'a BTreeMap<String, Value>);

impl Fields<'_> {
    fn op(&self) -> Result<Op, String> {
        Ok(match self.text("op")?.as_str() {
            "lstat" => Op::Lstat {
                path: self.text("path")?,
                want: self.text("want").ok(),
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

    fn text(&self, name: &str) -> Result<String, String> {
        let value = self.0.get(name).and_then(Value::as_str);
        value
            .map(String::from)
            .ok_or_else(|| format!("probe.{name} is missing or no text"))
    }

    fn number(&self, name: &str) -> Result<u64, String> {
        self.0
            .get(name)
            .and_then(Value::as_u64)
            .ok_or_else(|| format!("probe.{name} is missing or no number"))
    }
}
