use std::collections::{BTreeMap, BTreeSet};

use moat_model::{Assessment, Finding, JailbreakLevel};

use super::{
    check::{Check, Op},
    rules::{DEVICE_COMPROMISED, Rules, Threshold},
    version::OsVersion,
};

/// What a probe found out, one observation per check.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Whose layout the probe looked at: `ios`, `ipados`, `linux`. A probe of a folder that holds an iOS tree says `ios`.
    pub platform: String,
    /// Without it, checks for newer systems apply.
    pub os_version: Option<String>,
    /// Where the agent runs, if special: `simulator`, `ios_app_on_mac`, `mac_catalyst`.
    pub environment: Vec<String>,
    pub observations: Vec<Observation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Id of the check.
    pub rule: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Absent,
    /// With what was seen, in words.
    Present(String),
    /// This platform or process cannot tell.
    Unavailable(String),
    /// The system refused the question.
    Denied(String),
}

/// The score of one verdict of the rules file, such as `debugged`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassVerdict {
    pub name: String,
    /// 0 to 1.
    pub score: f64,
    pub findings: Vec<Finding>,
}

/// Scores the observations.
///
/// Within a group only the strongest hit counts, so that ten paths of one package are one piece of evidence; groups combine
/// as noisy-or. More hits never lower the score. Only the classes of the verdict `device_compromised` count: an app under a
/// debugger is no jailbroken device.
#[must_use]
pub fn evaluate(rules: &Rules, facts: &Facts) -> Assessment {
    let answers = Answers::of(rules, facts);
    let findings = answers.findings(rules, DEVICE_COMPROMISED);
    let groups = strongest_of_groups(&findings);
    let score = noisy_or(&groups);
    Assessment {
        level: level(rules, score, &groups),
        score,
        findings,
        rules_version: rules.version().to_string(),
        answered: answers.answered,
        unanswered: answers.unanswered,
        unknown: answers.unknown,
    }
}

/// Every verdict of the rules file with its score, also those that say nothing about a jailbreak (`app_tampered`, `debugged`).
#[must_use]
pub fn class_verdicts(rules: &Rules, facts: &Facts) -> Vec<ClassVerdict> {
    let answers = Answers::of(rules, facts);
    let verdict = |name: &String| {
        let findings = answers.findings(rules, name);
        ClassVerdict {
            name: name.clone(),
            score: noisy_or(&strongest_of_groups(&findings)),
            findings,
        }
    };
    rules.verdicts.keys().map(verdict).collect()
}

/// The checks that apply, sorted by how they were answered.
#[derive(Default)]
pub(super) struct Answers<'a> {
    hits: Vec<(&'a Check, &'a str)>,
    misses: BTreeSet<&'a str>,
    answered: u32,
    unanswered: u32,
    unknown: u32,
}

impl<'a> Answers<'a> {
    pub(super) fn of(rules: &'a Rules, facts: &'a Facts) -> Self {
        let mut answers = Self::default();
        if !rules.apply_to(&facts.platform) || facts.environment.iter().any(|e| rules.skipped_in(e)) {
            return answers;
        }
        let outcomes = outcomes(&facts.observations);
        let os_version = facts.os_version.as_deref().and_then(OsVersion::parse);
        for check in rules.checks().filter(|check| is_for(check, os_version.as_ref())) {
            if matches!(check.op, Op::Unknown { .. }) {
                answers.unknown += 1;
                continue;
            }
            match outcomes.get(check.id.as_str()) {
                Some(Outcome::Absent) => {
                    answers.answered += 1;
                    answers.misses.insert(&check.id);
                }
                Some(Outcome::Present(detail)) => {
                    answers.answered += 1;
                    answers.hits.push((check, detail));
                }
                Some(Outcome::Unavailable(_) | Outcome::Denied(_)) | None => answers.unanswered += 1,
            }
        }
        answers
    }

    /// Whether the rule was answered.
    pub(super) fn has(&self, rule: &str) -> bool {
        self.misses.contains(rule) || self.hits.iter().any(|(check, _)| check.id == rule)
    }

    /// Strongest first; equal ones in the order of their ids, so that the same facts give the same text.
    fn findings(&self, rules: &Rules, verdict: &str) -> Vec<Finding> {
        let none = BTreeSet::new();
        let classes = rules.verdicts.get(verdict).unwrap_or(&none);
        let counted = self.hits.iter().filter(|(check, _)| classes.contains(&check.class));
        let mut findings: Vec<Finding> = counted.map(|(check, detail)| finding(check, detail)).collect();
        findings.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.rule.cmp(&b.rule)));
        findings
    }
}

/// One outcome per rule. When a probe answers twice, a hit is never lost to a miss.
fn outcomes(observations: &[Observation]) -> BTreeMap<&str, &Outcome> {
    let mut outcomes: BTreeMap<&str, &Outcome> = BTreeMap::new();
    for observation in observations {
        let kept = outcomes
            .entry(observation.rule.as_str())
            .or_insert(&observation.outcome);
        if strength(&observation.outcome) > strength(kept) {
            *kept = &observation.outcome;
        }
    }
    outcomes
}

fn strength(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Present(_) => 2,
        Outcome::Absent => 1,
        Outcome::Unavailable(_) | Outcome::Denied(_) => 0,
    }
}

pub(super) fn strongest_of_groups(findings: &[Finding]) -> BTreeMap<&str, f64> {
    let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
    for finding in findings {
        let strongest = groups.entry(&finding.group).or_default();
        *strongest = strongest.max(finding.weight);
    }
    groups
}

/// Rounded to a billionth, so that a weight of 0.8 alone reaches a level of 0.8.
pub(super) fn noisy_or(groups: &BTreeMap<&str, f64>) -> f64 {
    let score = 1.0 - groups.values().map(|weight| 1.0 - weight).product::<f64>();
    (score * 1e9).round() / 1e9
}

pub(super) fn level(rules: &Rules, score: f64, groups: &BTreeMap<&str, f64>) -> JailbreakLevel {
    let reached = |threshold: &Threshold| {
        score >= threshold.score
            && (groups.len() >= threshold.min_groups
                || groups.keys().any(|group| threshold.sufficient_groups.contains(*group)))
    };
    if reached(&rules.confirmed) {
        JailbreakLevel::Confirmed
    } else if reached(&rules.suspected) {
        JailbreakLevel::Suspected
    } else {
        JailbreakLevel::None
    }
}

fn is_for(check: &Check, os_version: Option<&OsVersion>) -> bool {
    match (&check.os_min, os_version) {
        (Some(min), Some(version)) => version >= min,
        _ => true,
    }
}

fn finding(check: &Check, detail: &str) -> Finding {
    Finding {
        rule: check.id.clone(),
        group: check.group.clone(),
        detail: detail.to_string(),
        weight: check.weight,
        families: check.families.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jailbreak::BUILT_IN;
    use proptest::prelude::*;

    fn rules() -> Rules {
        Rules::parse(BUILT_IN).unwrap()
    }

    fn facts(rules: &Rules, platform: &str, environment: &[&str], hits: &[&str]) -> Facts {
        for hit in hits {
            assert!(rules.checks().any(|c| c.id == *hit), "no rule {hit}");
        }
        let observe = |check: &Check| Observation {
            rule: check.id.clone(),
            outcome: if hits.contains(&check.id.as_str()) {
                Outcome::Present("seen".into())
            } else {
                Outcome::Absent
            },
        };
        Facts {
            platform: platform.into(),
            os_version: Some("17.0".into()),
            environment: environment.iter().map(|e| e.to_string()).collect(),
            observations: rules.checks().map(observe).collect(),
        }
    }

    fn assess(platform: &str, environment: &[&str], hits: &[&str]) -> Assessment {
        let rules = rules();
        evaluate(&rules, &facts(&rules, platform, environment, hits))
    }

    /// The device as found, by rule; everything else is absent.
    const PALERA1N: &[&str] = &[
        "fs.var_jb.symlink",
        "fs.cores_binpack",
        "fs.cores_jbloader",
        "port.2222",
    ];
    const LEFTOVERS: &[&str] = &["fs.applications_cydia.app", "fs.private_var_lib_apt"];
    const XCODE: &[&str] = &[
        "proc.traced",
        "proc.ppid",
        "proc.cs_debugged",
        "code.get_task_allow",
        "code.not_encrypted",
    ];

    #[test]
    fn scenarios() {
        use JailbreakLevel::{Confirmed, None, Suspected};
        for (what, platform, environment, hits, score, level) in [
            ("clean", "ios", &[][..], &[][..], 0.0, None),
            ("an app squats a URL scheme", "ios", &[], &["url.sileo"], 0.25, None),
            (
                "all URL schemes at once",
                "ios",
                &[],
                &["url.sileo", "url.zbra", "url.filza"],
                0.25,
                None,
            ),
            (
                "rootless, one group that suffices",
                "ipados",
                &[],
                &["fs.var_jb.symlink"],
                0.9,
                Confirmed,
            ),
            ("palera1n rootless", "ios", &[], PALERA1N, 0.993, Confirmed),
            ("leftovers of an old jailbreak", "ios", &[], LEFTOVERS, 0.6, Suspected),
            (
                "Frida gadget",
                "ios",
                &[],
                &["dyld.frida", "dyld.fridagadget"],
                0.95,
                Suspected,
            ),
            (
                "Frida gadget and its port",
                "ios",
                &[],
                &["dyld.frida", "port.27042"],
                0.98,
                Confirmed,
            ),
            ("Xcode build under the debugger", "ios", &[], XCODE, 0.0, None),
            (
                "RootHide with the app on its blacklist: seen by no check",
                "ios",
                &[],
                &[],
                0.0,
                None,
            ),
            (
                "RootHide without it",
                "ios",
                &[],
                &["fs.var.jbroot", "env.jbroot"],
                0.985,
                Confirmed,
            ),
            ("simulator", "ios", &["simulator"], PALERA1N, 0.0, None),
            (
                "iOS app on a Mac",
                "ios",
                &["ios_app_on_mac"],
                &["proc.fork", "fs.bin_sh"],
                0.0,
                None,
            ),
            ("another platform", "linux", &[], PALERA1N, 0.0, None),
        ] {
            let assessment = assess(platform, environment, hits);
            assert_eq!(assessment.level, level, "{what}");
            assert!((assessment.score - score).abs() < 1e-9, "{what}: {}", assessment.score);
            assert!(assessment.findings.len() <= hits.len());
        }
    }

    #[test]
    fn a_debugged_build_is_debugged_and_tampered_but_not_jailbroken() {
        let rules = rules();
        let facts = facts(&rules, "ios", &[], XCODE);
        let scores: Vec<(String, f64)> = class_verdicts(&rules, &facts)
            .into_iter()
            .map(|verdict| (verdict.name, verdict.score))
            .collect();
        let expected = [("app_tampered", 0.8), ("debugged", 0.8), ("device_compromised", 0.0)];
        assert_eq!(scores, expected.map(|(name, score)| (name.to_string(), score)));
    }

    #[test]
    fn findings_carry_what_was_seen_strongest_first() {
        let assessment = assess(
            "ios",
            &[],
            &["url.sileo", "fs.var_jb.symlink", "fs.applications_cydia.app"],
        );
        let found: Vec<_> = assessment
            .findings
            .iter()
            .map(|f| (f.rule.as_str(), f.weight))
            .collect();
        let expected = [
            ("fs.var_jb.symlink", 0.9),
            ("fs.applications_cydia.app", 0.6),
            ("url.sileo", 0.25),
        ];
        assert_eq!(found, expected);
        assert_eq!(assessment.findings[0].detail, "seen");
        assert_eq!(assessment.findings[0].families, ["dopamine", "palera1n", "nekojb"]);
        assert_eq!((assessment.answered, assessment.unanswered), (162, 0));
        assert_eq!(assessment.rules_version, "2026.11.24");
    }

    #[test]
    fn what_could_not_be_asked_is_counted_and_never_evidence() {
        let rules = rules();
        let mut facts = facts(&rules, "ios", &[], &[]);
        for observation in &mut facts.observations[..10] {
            observation.outcome = Outcome::Denied("EPERM".into());
        }
        facts.observations.truncate(100);
        let assessment = evaluate(&rules, &facts);
        assert_eq!((assessment.answered, assessment.unanswered), (90, 72));
        assert_eq!((assessment.level, assessment.score), (JailbreakLevel::None, 0.0));
    }

    #[test]
    fn a_hit_is_not_lost_to_a_second_answer() {
        let rules = rules();
        let answer = |outcome| Observation {
            rule: "fs.var_jb.symlink".into(),
            outcome,
        };
        let hit = || answer(Outcome::Present("symlink".into()));
        for observations in [
            vec![hit(), answer(Outcome::Absent)],
            vec![answer(Outcome::Denied("EPERM".into())), hit()],
        ] {
            let facts = Facts {
                platform: "ios".into(),
                observations,
                ..Facts::default()
            };
            assert_eq!(evaluate(&rules, &facts).level, JailbreakLevel::Confirmed);
        }
    }

    #[test]
    fn checks_for_newer_systems_do_not_apply() {
        let rules = rules();
        let level = |version: &str| {
            let mut facts = facts(&rules, "ios", &[], &["fs.var_jb.symlink"]);
            facts.os_version = (!version.is_empty()).then(|| version.to_string());
            evaluate(&rules, &facts).level
        };
        assert_eq!(level("14.8.1"), JailbreakLevel::None);
        for version in ["15", "15.0", "17.4 (21E219)", ""] {
            assert_eq!(level(version), JailbreakLevel::Confirmed, "{version}");
        }
    }

    #[test]
    fn an_unknown_operation_is_ignored_and_counted() {
        let text =
            String::from_utf8(BUILT_IN.to_vec())
                .unwrap()
                .replacen("\"op\": \"lstat\"", "\"op\": \"psychic\"", 1);
        let rules = Rules::parse(text.as_bytes()).unwrap();
        let facts = Facts {
            platform: "ios".into(),
            ..Facts::default()
        };
        assert_eq!(evaluate(&rules, &facts).unknown, 1);
    }

    proptest! {
        #[test]
        fn more_hits_never_lower_the_score(hits in prop::collection::vec(0usize..162, 1..20)) {
            let rules = rules();
            let ids: Vec<String> = rules.checks().map(|c| c.id.clone()).collect();
            let hits: Vec<&str> = hits.iter().map(|i| ids[*i].as_str()).collect();
            let (fewer, more) = (assess("ios", &[], &hits[1..]), assess("ios", &[], &hits));
            prop_assert!(more.score >= fewer.score - 1e-12 && more.level >= fewer.level);
        }
    }
}
