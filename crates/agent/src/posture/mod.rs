//! Posture: facts gathered through a [`Probe`], judged by the rules in the bundle.

mod probe;
mod resolve;
mod root_folder;

use moat_policy::jailbreak::{Check, Facts, Observation, Op, Outcome, Rules};

pub use probe::{Answer, Linux, Probe, ProbeError};
pub use root_folder::RootFolder;

/// Asks the probe what the rules that apply want to know. May take as long as the device's file system does.
pub fn gather(rules: &Rules, probe: &dyn Probe) -> Facts {
    let platform = probe.platform();
    let observations = if rules.apply_to(platform) {
        rules.checks().map(|check| observe(check, probe)).collect()
    } else {
        Vec::new()
    };
    Facts {
        platform: platform.to_string(),
        os_version: probe.os_version(),
        environment: Vec::new(),
        observations,
    }
}

fn observe(check: &Check, probe: &dyn Probe) -> Observation {
    let outcome = match ask(&check.op, probe) {
        Ok(None) => Outcome::Absent,
        Ok(Some(detail)) => Outcome::Present(detail),
        Err(ProbeError::Unavailable(why)) => Outcome::Unavailable(why),
        Err(ProbeError::Denied(why)) => Outcome::Denied(why),
    };
    Observation {
        rule: check.id.clone(),
        outcome,
    }
}

fn ask(op: &Op, probe: &dyn Probe) -> Answer {
    match op {
        Op::Lstat { path, want } => probe.lstat(path, want.as_deref()),
        Op::List { path, prefix } => probe.list(path, prefix),
        Op::Glob { path } => probe.glob(path),
        Op::WriteTest { path } => probe.write_test(path),
        Op::Statfs { path, want } => probe.statfs(path, want),
        Op::Mounts { on } => probe.mounts(on),
        Op::DyldImages { contains_ci } => probe.dyld_images(contains_ci),
        Op::Env { name } => probe.env(name),
        Op::Tcp { port, .. } => probe.tcp(*port),
        Op::ObjcClass { .. }
        | Op::CanOpenUrl { .. }
        | Op::Kinfo { .. }
        | Op::Ppid { .. }
        | Op::Csops { .. }
        | Op::Fork => probe.app_process(),
        Op::Entitlement { .. } | Op::SelfMacho { .. } | Op::BundleFile { .. } | Op::TeamId { .. } => {
            probe.app_process()
        }
        Op::Unknown { op } => Err(ProbeError::Unavailable(format!("{op} is not known here"))),
    }
}
