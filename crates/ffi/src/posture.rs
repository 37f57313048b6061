use std::cell::OnceCell;

use moat_model::{Assessment, Finding};
use moat_policy::jailbreak::{self, Check, Facts, Observation, Op, Outcome, Rules};

use crate::probe::{FileKind, Place, Probe, ProbeError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum JailbreakLevel {
    None,
    Suspected,
    Confirmed,
}

impl From<moat_model::JailbreakLevel> for JailbreakLevel {
    fn from(level: moat_model::JailbreakLevel) -> Self {
        use moat_model::JailbreakLevel as L;
        match level {
            L::None => Self::None,
            L::Suspected => Self::Suspected,
            L::Confirmed => Self::Confirmed,
        }
    }
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct PostureFinding {
    pub rule: String,
    pub group: String,
    /// What the probe saw, in words.
    pub detail: String,
    pub weight: f64,
    pub families: Vec<String>,
}

/// Outcome of one posture run.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Posture {
    pub level: JailbreakLevel,
    /// 0 to 1.
    pub score: f64,
    pub findings: Vec<PostureFinding>,
    pub rules_version: String,
    pub answered: u32,
    pub unanswered: u32,
    /// Rules with an operation that this version does not know.
    pub unknown: u32,
}

impl From<Assessment> for Posture {
    fn from(assessment: Assessment) -> Self {
        Self {
            level: assessment.level.into(),
            score: assessment.score,
            findings: assessment.findings.into_iter().map(PostureFinding::from).collect(),
            rules_version: assessment.rules_version,
            answered: assessment.answered,
            unanswered: assessment.unanswered,
            unknown: assessment.unknown,
        }
    }
}

impl From<Finding> for PostureFinding {
    fn from(finding: Finding) -> Self {
        Self {
            rule: finding.rule,
            group: finding.group,
            detail: finding.detail,
            weight: finding.weight,
            families: finding.families,
        }
    }
}

/// Asks the probe every question of the rules and scores the answers.
/// Where the process runs must be known: an error there is the caller's.
pub(crate) fn run(rules: &Rules, probe: &dyn Probe) -> Result<Assessment, ProbeError> {
    let place = probe.place()?;
    let applies = rules.apply_to(&place.platform) && !place.environment.iter().any(|e| rules.skipped_in(e));
    let questions = Questions {
        probe,
        place: &place,
        images: OnceCell::new(),
        mounts: OnceCell::new(),
    };
    let observations = rules
        .checks()
        .filter(|_| applies)
        .filter(|check| check.needs.iter().all(|need| place.able_to.contains(need)))
        .filter_map(|check| questions.observe(check))
        .collect();
    let facts = Facts {
        platform: place.platform.clone(),
        os_version: place.os_version.clone(),
        environment: place.environment.clone(),
        observations,
    };
    Ok(jailbreak::evaluate(rules, &facts))
}

type Answer<T> = Result<T, ProbeError>;

/// A run's questions; the lists that many rules look at are fetched once.
struct Questions<'a> {
    probe: &'a dyn Probe,
    place: &'a Place,
    images: OnceCell<Answer<Vec<String>>>,
    mounts: OnceCell<Answer<Vec<String>>>,
}

impl Questions<'_> {
    fn observe(&self, check: &Check) -> Option<Observation> {
        let outcome = match self.ask(&check.op)? {
            Ok(Some(seen)) => Outcome::Present(seen),
            Ok(None) => Outcome::Absent,
            Err(ProbeError::Unavailable { reason }) => Outcome::Unavailable(reason),
            Err(ProbeError::Denied { reason }) => Outcome::Denied(reason),
        };
        Some(Observation {
            rule: check.id.clone(),
            outcome,
        })
    }

    /// What was seen, in words, if anything. None for an operation that this version does not know.
    fn ask(&self, op: &Op) -> Option<Answer<Option<String>>> {
        let p = self.probe;
        Some(match op {
            Op::Lstat { path, want } => self.lstat(path, want.as_deref()),
            Op::List { path, prefix } => p.list(path.clone()).map(|names| {
                let name = names.into_iter().find(|name| name.starts_with(prefix));
                name.map(|name| format!("{path} holds {name}"))
            }),
            Op::Glob { path } => p
                .glob(path.clone())
                .map(|found| found.into_iter().next().map(|path| format!("{path} exists"))),
            Op::WriteTest { path } => seen(p.write_test(path.clone()), || format!("{path} could be written to")),
            Op::Statfs { path, want } if want == "rw" => seen(p.writable_mount(path.clone()), || {
                format!("{path} is mounted for writing")
            }),
            Op::Statfs { want, .. } => unavailable(format!("statfs cannot look for {want:?}")),
            Op::Mounts { on } => find(self.mounts(), |mount| mount == on, "is a mount"),
            Op::DyldImages { contains_ci } => {
                let text = contains_ci.to_ascii_lowercase();
                find(
                    self.images(),
                    |image| image.to_ascii_lowercase().contains(&text),
                    "is loaded",
                )
            }
            Op::Env { name } => p.env(name.clone()).map(|value| value.map(|_| format!("{name} is set"))),
            Op::ObjcClass { name } => seen(p.objc_class(name.clone()), || format!("the class {name} exists")),
            Op::CanOpenUrl { scheme } => seen(p.can_open_url(scheme.clone()), || {
                format!("an app answers to {scheme}:")
            }),
            Op::Tcp { host, port, timeout_ms } => seen(p.tcp(host.clone(), *port, *timeout_ms), || {
                format!("{host} accepts connections on port {port}")
            }),
            Op::Kinfo { flag } => seen(p.kinfo(flag.clone()), || format!("the process has {flag}")),
            Op::Ppid { want_not } => p
                .ppid()
                .map(|ppid| (ppid != *want_not).then(|| format!("the parent process is {ppid}"))),
            Op::Csops { flag } => seen(p.csops(flag.clone()), || format!("the code signature has {flag}")),
            Op::Fork => seen(p.fork(), || "the process could fork".into()),
            Op::Entitlement { name, want } => p
                .entitlement(name.clone())
                .map(|value| (value == Some(*want)).then(|| format!("{name} is {want}"))),
            Op::SelfMacho { field, want } => p
                .self_macho(field.clone())
                .map(|value| (value == *want).then(|| format!("{field} is {value}"))),
            Op::BundleFile { name } => seen(p.bundle_file(name.clone()), || format!("the app holds {name}")),
            Op::TeamId { want } => self.team_id(want),
            Op::Unknown { .. } => return None,
        })
    }

    fn lstat(&self, path: &str, want: Option<&str>) -> Answer<Option<String>> {
        let (wanted, word) = match want {
            None => (None, "exists"),
            Some("symlink") => (Some(FileKind::Symlink), "is a symlink"),
            Some("dir") => (Some(FileKind::Folder), "is a folder"),
            Some("file") => (Some(FileKind::File), "is a file"),
            Some(other) => return unavailable(format!("lstat cannot look for {other:?}")),
        };
        let kind = self.probe.lstat(path.to_string())?;
        let hit = kind.is_some_and(|kind| wanted.is_none_or(|wanted| kind == wanted));
        Ok(hit.then(|| format!("{path} {word}")))
    }

    fn team_id(&self, want: &str) -> Answer<Option<String>> {
        let expected = match want {
            "$TEAM_ID" => self.place.team_id.clone(),
            fixed => Some(fixed.to_string()),
        };
        let Some(expected) = expected else {
            return unavailable("the app does not say which team built it".into());
        };
        let signed_by = self.probe.team_id()?;
        Ok((signed_by != expected).then(|| format!("signed by team {signed_by}, not {expected}")))
    }

    fn images(&self) -> &Answer<Vec<String>> {
        self.images.get_or_init(|| self.probe.dyld_images())
    }

    fn mounts(&self) -> &Answer<Vec<String>> {
        self.mounts.get_or_init(|| self.probe.mounts())
    }
}

fn seen(answer: Answer<bool>, words: impl FnOnce() -> String) -> Answer<Option<String>> {
    answer.map(|yes| yes.then(words))
}

fn find(list: &Answer<Vec<String>>, is_it: impl Fn(&String) -> bool, verb: &str) -> Answer<Option<String>> {
    let list = list.as_ref().map_err(ProbeError::clone)?;
    let found = list.iter().find(|item| is_it(item));
    Ok(found.map(|item| format!("{item} {verb}")))
}

fn unavailable<T>(reason: String) -> Answer<T> {
    Err(ProbeError::Unavailable { reason })
}
