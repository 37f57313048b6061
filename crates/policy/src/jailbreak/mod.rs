//! Jailbreak detection: weighted rules over facts.
//!
//! [`Rules`] is data that the server ships inside the signed bundle. A device gathers one [`Outcome`] per check through its
//! probe; [`evaluate`] turns them into an [`Assessment`](moat_model::Assessment). Absence of evidence is never evidence of
//! absence: checks that could not be answered are counted, not held against the device. The weights are judgement, not measured.

mod check;
mod rules;
mod score;
mod standing;
mod version;

pub use check::{Check, Op};
pub use rules::{Rules, RulesError};
pub use score::{ClassVerdict, Facts, Observation, Outcome, class_verdicts, evaluate};
pub use standing::{Standing, evaluate_after};
pub use version::OsVersion;

/// The rules that Moat ships with.
pub const BUILT_IN: &[u8] = include_bytes!("../../data/jailbreak-rules.json");
