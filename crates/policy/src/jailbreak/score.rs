use std::collections::BTreeMap;

use moat_model::{Assessment, Finding, JailbreakLevel};

use super::rules::{Check, Op, Rules};

/// What a probe found out, one observation per check.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `ios`, `ipados`, `linux`.
    pub platform: String,
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

/// Scores the observations.
///
/// Within a group only the strongest hit counts, so that ten paths of one package are one piece of evidence; groups combine
/// as noisy-or. More hits never lower the score.
#[must_use]
pub fn evaluate(rules: &Rules, facts: &Facts) -> Assessment {
    let applies = rules.apply_to(&facts.platform) && !facts.environment.iter().any(|e| rules.skip.contains(e));
    let outcomes: BTreeMap<&str, &Outcome> = facts
        .observations
        .iter()
        .map(|o| (o.rule.as_str(), &o.outcome))
        .collect();
    let (mut findings, mut answered, mut unanswered, mut unknown) = (Vec::new(), 0, 0, 0);
    for check in rules.checks().filter(|check| applies && is_for(check, facts)) {
        if matches!(check.op, Op::Unknown { .. }) {
            unknown += 1;
            continue;
        }
        match outcomes.get(check.id.as_str()) {
            Some(Outcome::Absent) => answered += 1,
            Some(Outcome::Present(detail)) => {
                answered += 1;
                if rules.compromised_by.contains(&check.class) {
                    findings.push(finding(check, detail));
                }
            }
            Some(Outcome::Unavailable(_) | Outcome::Denied(_)) | None => unanswered += 1,
        }
    }
    findings.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.rule.cmp(&b.rule)));
    let (score, level) = level(rules, &findings);
    Assessment {
        level,
        score,
        findings,
        rules_version: rules.version().to_string(),
        answered,
        unanswered,
        unknown,
    }
}

fn level(rules: &Rules, findings: &[Finding]) -> (f64, JailbreakLevel) {
    let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
    for finding in findings {
        let strongest = groups.entry(&finding.group).or_default();
        *strongest = strongest.max(finding.weight);
    }
    let score = 1.0 - groups.values().map(|weight| 1.0 - weight).product::<f64>();
    let confirmed = &rules.confirmed;
    let enough_groups = groups.len() >= confirmed.min_groups.max(1);
    let sufficient = groups.keys().any(|group| confirmed.sufficient_groups.contains(*group));
    let level = if score >= confirmed.score && (enough_groups || sufficient) {
        JailbreakLevel::Confirmed
    } else if score >= rules.suspected_score {
        JailbreakLevel::Suspected
    } else {
        JailbreakLevel::None
    };
    (score, level)
}

fn is_for(check: &Check, facts: &Facts) -> bool {
    match (&check.os_min, &facts.os_version) {
        (Some(min), Some(version)) => version_of(version) >= version_of(min),
        _ => true,
    }
}

/// `17.4.1` → [17, 4, 1]; what is no number counts as 0.
fn version_of(text: &str) -> Vec<u64> {
    text.split('.').map(|part| part.parse().unwrap_or(0)).collect()
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

    fn assess(platform: &str, environment: &[&str], hits: &[&str]) -> Assessment {
        let rules = rules();
        for hit in hits {
            assert!(rules.checks().any(|c| c.id == *hit), "no rule {hit}");
        }
        let outcome = |id: &str| {
            if hits.contains(&id) {
                Outcome::Present("seen".into())
            } else {
                Outcome::Absent
            }
        };
        let facts = Facts {
            platform: platform.into(),
            os_version: Some("17.0".into()),
            environment: environment.iter().map(|e| e.to_string()).collect(),
            observations: rules
                .checks()
                .map(|c| Observation {
                    rule: c.id.clone(),
                    outcome: outcome(&c.id),
                })
                .collect(),
        };
        evaluate(&rules, &facts)
    }

    #[test]
    fn every_built_in_rule_is_understood() {
        let rules = rules();
        assert_eq!(rules.checks().count(), 162);
        let unknown: Vec<_> = rules
            .checks()
            .filter(|c| matches!(c.op, Op::Unknown { .. }))
            .map(|c| &c.id)
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn scenarios() {
        use JailbreakLevel::{Confirmed, None, Suspected};
        for (what, platform, environment, hits, level) in [
            ("clean", "ios", &[][..], &[][..], None),
            ("an app squats a URL scheme", "ios", &[], &["url.sileo"], None),
            ("rootless", "ios", &[], &["fs.var_jb.symlink"], Confirmed),
            (
                "palera1n",
                "ios",
                &[],
                &["fs.cores_binpack", "fs.var_jb.symlink"],
                Confirmed,
            ),
            (
                "leftover of an old jailbreak",
                "ios",
                &[],
                &["fs.applications_cydia.app", "fs.applications_sileo.app"],
                Suspected,
            ),
            (
                "debugged development build",
                "ios",
                &[],
                &["proc.traced", "code.get_task_allow"],
                None,
            ),
            ("simulator", "ios", &["simulator"], &["fs.var_jb.symlink"], None),
            ("iOS app on a Mac", "ios", &["ios_app_on_mac"], &["proc.fork"], None),
            ("another platform", "linux", &[], &["fs.var_jb.symlink"], None),
        ] {
            assert_eq!(assess(platform, environment, hits).level, level, "{what}");
        }
        let score = assess("ios", &[], &["fs.applications_cydia.app"]).score;
        assert!((score - 0.6).abs() < 1e-9, "{score}");
    }

    #[test]
    fn bad_files_name_the_rule_and_the_field() {
        let change = |from: &str, to: &str| {
            let text = String::from_utf8(BUILT_IN.to_vec()).unwrap();
            assert!(text.contains(from), "{from}");
            Rules::parse(text.replacen(from, to, 1).as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert!(change("\"path\": \"/var/jb\"", "\"pfad\": \"/var/jb\"").contains("fs.var_jb.symlink: probe.path"));
        assert!(change("\"weight\": 0.9", "\"weight\": 9.0").contains("weight must be 0 to 1"));
        assert!(change("\"schema\": 1", "\"schema\": 2").contains("schema 2"));
        assert!(change("noisy_or_of_group_maxima", "sum").contains("sum"));
        assert!(Rules::parse(b"{").is_err());
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
