use moat_model::{Assessment, JailbreakLevel};

use super::{
    rules::Rules,
    score::{Answers, Facts, evaluate, level, noisy_or, strongest_of_groups},
};

/// What a posture run says in the light of what was told before.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub assessment: Assessment,
    /// Findings told before that could not be looked at again: they stand.
    pub kept: usize,
}

/// Added to what was seen in a finding that stands although it could not be looked at again.
const NOT_READ_AGAIN: &str = " (told before; it could not be read again)";

/// Scores the observations as [`evaluate`] does, but lets nothing told before go only because it cannot be read any more:
/// absence of evidence is not evidence of absence.
///
/// A finding of `told` is gone when its rule is answered now, whatever the answer, or is no longer among the rules. While one
/// is not, the level is at least the one told before.
#[must_use]
pub fn evaluate_after(told: Option<&Assessment>, rules: &Rules, facts: &Facts) -> Standing {
    let mut assessment = evaluate(rules, facts);
    let Some(told) = told.filter(|told| told.level > JailbreakLevel::None) else {
        return Standing { assessment, kept: 0 };
    };
    let answers = Answers::of(rules, facts);
    let open = |rule: &str| rules.checks().any(|check| check.id == rule) && !answers.has(rule);
    let mut kept: Vec<_> = told
        .findings
        .iter()
        .filter(|finding| open(&finding.rule))
        .cloned()
        .collect();
    if kept.is_empty() {
        return Standing { assessment, kept: 0 };
    }
    for finding in &mut kept {
        if !finding.detail.ends_with(NOT_READ_AGAIN) {
            finding.detail.push_str(NOT_READ_AGAIN);
        }
    }
    let count = kept.len();
    assessment.findings.extend(kept);
    assessment
        .findings
        .sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.rule.cmp(&b.rule)));
    let groups = strongest_of_groups(&assessment.findings);
    assessment.score = noisy_or(&groups);
    assessment.level = level(rules, assessment.score, &groups).max(told.level);
    let unanswered = u32::try_from(count).unwrap_or(u32::MAX);
    assessment.unanswered = assessment.unanswered.max(unanswered);
    Standing {
        assessment,
        kept: count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jailbreak::{BUILT_IN, Observation, Outcome};

    const ROOTLESS: &str = "fs.var_jb.symlink";

    fn rules() -> Rules {
        Rules::parse(BUILT_IN).unwrap()
    }

    /// All rules are answered absent but one.
    fn facts(rules: &Rules, outcome: &Outcome) -> Facts {
        let observe = |id: &str| Observation {
            rule: id.into(),
            outcome: if id == ROOTLESS {
                outcome.clone()
            } else {
                Outcome::Absent
            },
        };
        Facts {
            platform: "ios".into(),
            observations: rules.checks().map(|check| observe(&check.id)).collect(),
            ..Facts::default()
        }
    }

    fn told(rules: &Rules) -> Assessment {
        let told = evaluate(rules, &facts(rules, &Outcome::Present("/var/jb is a symlink".into())));
        assert_eq!(told.level, JailbreakLevel::Confirmed);
        told
    }

    #[test]
    fn what_is_answered_absent_is_gone() {
        let rules = rules();
        let standing = evaluate_after(Some(&told(&rules)), &rules, &facts(&rules, &Outcome::Absent));
        assert_eq!((standing.assessment.level, standing.kept), (JailbreakLevel::None, 0));
    }

    #[test]
    fn what_cannot_be_read_again_stands() {
        let rules = rules();
        let told = told(&rules);
        let elsewhere = Facts {
            platform: "linux".into(),
            ..Facts::default()
        };
        let denied = Outcome::Denied("too many links".into());
        let unavailable = Outcome::Unavailable("no root".into());
        for facts in [
            facts(&rules, &denied),
            facts(&rules, &unavailable),
            Facts::default(),
            elsewhere,
        ] {
            let standing = evaluate_after(Some(&told), &rules, &facts);
            assert_eq!(
                (standing.assessment.level, standing.kept),
                (JailbreakLevel::Confirmed, 1)
            );
            assert!(standing.assessment.unanswered >= 1);
            assert!(standing.assessment.findings[0].detail.ends_with(NOT_READ_AGAIN));
            let again = evaluate_after(Some(&standing.assessment), &rules, &facts);
            assert_eq!(again, standing);
        }
    }

    #[test]
    fn a_rule_that_was_withdrawn_holds_nothing_against_the_device() {
        let rules = rules();
        let mut told = told(&rules);
        for finding in &mut told.findings {
            finding.rule = "fs.withdrawn".into();
        }
        let standing = evaluate_after(Some(&told), &rules, &Facts::default());
        assert_eq!((standing.assessment.level, standing.kept), (JailbreakLevel::None, 0));
    }

    #[test]
    fn a_clean_device_is_clean_also_when_little_can_be_read() {
        let rules = rules();
        let clean = evaluate(&rules, &facts(&rules, &Outcome::Absent));
        let standing = evaluate_after(Some(&clean), &rules, &Facts::default());
        assert_eq!((standing.assessment.level, standing.kept), (JailbreakLevel::None, 0));
    }
}
