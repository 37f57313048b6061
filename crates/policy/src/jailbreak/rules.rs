use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::check::Check;

/// Largest rules file, in bytes, and most rules in it.
const MAX_BYTES: usize = 4 << 20;
const MAX_RULES: usize = 10_000;

/// The verdict whose score makes a jailbreak level.
pub(super) const DEVICE_COMPROMISED: &str = "device_compromised";

/// A parsed rules file (schema 1).
#[derive(Debug, Clone)]
pub struct Rules {
    version: String,
    platforms: Vec<String>,
    skip: Vec<String>,
    /// Classes of each verdict.
    pub(super) verdicts: BTreeMap<String, BTreeSet<String>>,
    pub(super) suspected: Threshold,
    pub(super) confirmed: Threshold,
    checks: Vec<Check>,
}

/// What makes a level: a score, and either several groups or one that suffices alone.
#[derive(Debug, Clone)]
pub(super) struct Threshold {
    pub score: f64,
    pub min_groups: usize,
    pub sufficient_groups: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("the rules file is larger than 4 MiB")]
    TooLarge,
    #[error("the rules file has more than 10000 rules")]
    TooManyRules,
    #[error("the rules file is not JSON of the expected shape: {0}")]
    Json(String),
    #[error("schema {0} is not known; this version reads schema 1")]
    Schema(u64),
    /// `rule` is the id, or the place (`number 7`) when there is none.
    #[error("rule {rule}: {problem}")]
    Rule { rule: String, problem: String },
    #[error("scoring: {0}")]
    Scoring(String),
}

impl Rules {
    /// Reads a rules file. Fields that this version does not know are left aside, so that newer files work.
    pub fn parse(bytes: &[u8]) -> Result<Self, RulesError> {
        if bytes.len() > MAX_BYTES {
            return Err(RulesError::TooLarge);
        }
        let file: File = serde_json::from_slice(bytes).map_err(|e| RulesError::Json(e.to_string()))?;
        if file.schema != 1 {
            return Err(RulesError::Schema(file.schema));
        }
        if file.version.is_empty() || file.version.len() > 64 {
            return Err(RulesError::Json("version must be text of 1 to 64 bytes".into()));
        }
        if file.rules.len() > MAX_RULES {
            return Err(RulesError::TooManyRules);
        }
        let scoring = file.scoring;
        scoring.check()?;
        Ok(Self {
            version: file.version,
            platforms: file.applies.platform,
            skip: file.applies.skip,
            suspected: scoring.threshold("suspected")?,
            confirmed: scoring.threshold("confirmed")?,
            verdicts: scoring.verdicts,
            checks: checks(&file.rules)?,
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

    /// Whether they are skipped in this environment, such as `simulator`.
    #[must_use]
    pub fn skipped_in(&self, environment: &str) -> bool {
        self.skip.iter().any(|s| s.eq_ignore_ascii_case(environment))
    }
}

fn checks(rules: &[Value]) -> Result<Vec<Check>, RulesError> {
    let mut seen = BTreeSet::new();
    let mut checks = Vec::with_capacity(rules.len());
    for (number, value) in (1..).zip(rules) {
        let wrong = |problem: String| {
            let id = value.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
            RulesError::Rule {
                rule: id.map_or_else(|| format!("number {number}"), |id| id.chars().take(80).collect()),
                problem,
            }
        };
        let check = Check::read(value).map_err(wrong)?;
        if !seen.insert(check.id.clone()) {
            return Err(wrong("this id stands twice".into()));
        }
        checks.push(check);
    }
    Ok(checks)
}

#[derive(Deserialize)]
struct File {
    schema: u64,
    version: String,
    applies: Applies,
    scoring: Scoring,
    /// Read one by one, so that an error can name its rule.
    rules: Vec<Value>,
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
    fn check(&self) -> Result<(), RulesError> {
        if self.model != "noisy_or_of_group_maxima" {
            return Err(RulesError::Scoring(format!("model {:?} is not known", self.model)));
        }
        if self.verdicts.get(DEVICE_COMPROMISED).is_none_or(BTreeSet::is_empty) {
            return Err(RulesError::Scoring(format!(
                "verdicts.{DEVICE_COMPROMISED} names no class, so nothing could ever be found"
            )));
        }
        if self.threshold("suspected")?.score > self.threshold("confirmed")?.score {
            return Err(RulesError::Scoring(
                "level \"suspected\" has a higher score than \"confirmed\"".into(),
            ));
        }
        Ok(())
    }

    fn threshold(&self, name: &str) -> Result<Threshold, RulesError> {
        let level = self.levels.iter().find(|l| l.level == name);
        // A score of 0 would make every clean device a suspect.
        let level = level.filter(|l| l.score > 0.0 && l.score <= 1.0).ok_or_else(|| {
            RulesError::Scoring(format!("there is no level {name:?} with a score above 0 and up to 1"))
        })?;
        Ok(Threshold {
            score: level.score,
            min_groups: level.min_groups,
            sufficient_groups: level.or_single_group.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jailbreak::{BUILT_IN, Op};
    use proptest::prelude::*;

    fn built_in() -> Value {
        serde_json::from_slice(BUILT_IN).unwrap()
    }

    fn error_after(change: impl FnOnce(&mut Value)) -> String {
        let mut file = built_in();
        change(&mut file);
        Rules::parse(file.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_built_in_rule_is_understood() {
        let rules = Rules::parse(BUILT_IN).unwrap();
        assert_eq!(rules.checks().count(), 162);
        for check in rules.checks() {
            assert!(!matches!(check.op, Op::Unknown { .. }), "{}", check.id);
            let classes = rules.verdicts.values().flatten();
            assert!(
                classes.clone().any(|c| *c == check.class),
                "{} counts for nothing",
                check.id
            );
        }
        let port = rules.checks().find(|c| c.id == "port.22").unwrap();
        let expected = Op::Tcp {
            host: "127.0.0.1".into(),
            port: 22,
            timeout_ms: 50,
        };
        assert_eq!(port.op, expected);
    }

    #[test]
    fn errors_name_the_rule_and_the_field() {
        let probe =
            |field: &'static str, value: Value| error_after(move |file| file["rules"][0]["probe"][field] = value);
        assert!(probe("path", 7.into()).starts_with("rule fs.var_jb.symlink: probe.path"));
        assert!(probe("path", "".into()).starts_with("rule fs.var_jb.symlink: probe.path"));
        assert!(probe("want", Value::Null).starts_with("rule fs.var_jb.symlink: probe.want"));
        assert!(probe("path", "x".repeat(2000).into()).contains("probe.path"));
        let first = |field: &'static str, value: Value| error_after(move |file| file["rules"][0][field] = value);
        assert!(first("weight", 9.into()).starts_with("rule fs.var_jb.symlink: weight is 9"));
        assert!(first("os_min", "new".into()).starts_with("rule fs.var_jb.symlink: os_min \"new\""));
        assert!(first("id", "fs.cores_binpack".into()).starts_with("rule fs.cores_binpack: this id stands twice"));
        assert!(first("families", vec!["x"; 65].into()).contains("families has more than 64"));
        let missing = |field: &'static str| {
            error_after(move |file| {
                file["rules"][2].as_object_mut().unwrap().remove(field);
            })
        };
        assert_eq!(
            missing("cls"),
            "rule fs.var_jb_.installed_dopamine: missing field `cls`"
        );
        assert_eq!(missing("id"), "rule number 3: missing field `id`");
    }

    #[test]
    fn scoring_that_could_not_work_is_refused() {
        let scoring =
            |pointer: &'static str, value: Value| error_after(move |file| *file.pointer_mut(pointer).unwrap() = value);
        assert!(scoring("/schema", 2.into()).contains("schema 2"));
        assert!(scoring("/scoring/model", "sum".into()).contains("\"sum\""));
        assert!(scoring("/scoring/verdicts/device_compromised", Value::Array(vec![])).contains("names no class"));
        assert!(scoring("/scoring/levels/0/score", 0.into()).contains("\"suspected\""));
        assert!(scoring("/scoring/levels/0/score", 0.9.into()).contains("higher score"));
        assert!(scoring("/scoring/levels", Value::Array(vec![])).contains("there is no level"));
    }

    #[test]
    fn files_beyond_the_limits_are_refused() {
        let rule = built_in()["rules"][0].clone();
        let many = error_after(|file| file["rules"] = vec![rule; MAX_RULES + 1].into());
        assert_eq!(many, RulesError::TooManyRules.to_string());
        assert_eq!(
            Rules::parse(&vec![b' '; MAX_BYTES + 1]).unwrap_err(),
            RulesError::TooLarge
        );
        let port = error_after(|file| {
            file["rules"][0]["probe"] =
                serde_json::json!({"op": "tcp", "host": "::1", "port": 22, "timeout_ms": 60_000});
        });
        assert!(port.contains("probe.timeout_ms is 60000"), "{port}");
    }

    #[test]
    fn unknown_fields_are_left_aside() {
        let mut file = built_in();
        file["colour"] = "blue".into();
        file["rules"][0]["colour"] = "blue".into();
        file["rules"][0]["probe"]["colour"] = "blue".into();
        file["scoring"]["levels"][0]["colour"] = "blue".into();
        let parsed = Rules::parse(file.to_string().as_bytes()).unwrap();
        assert!(parsed.checks().eq(Rules::parse(BUILT_IN).unwrap().checks()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Rules::parse(&bytes);
        }

        #[test]
        fn no_damage_to_one_byte_makes_it_panic(at in 0..BUILT_IN.len(), byte in any::<u8>()) {
            let mut bytes = BUILT_IN.to_vec();
            bytes[at] = byte;
            let _ = Rules::parse(&bytes);
        }
    }
}
