//! App protection: what an app may do with work data, on this device, now.
//!
//! [`validate`] refuses settings that cannot be; [`merge`] makes the effective settings of several policies; [`evaluate`] is
//! the conditional launch; [`offline`] is the same by a lease, without the server; [`access`] says when a PIN or a sign-in is
//! due, [`check_pin`] whether a new PIN will do.

pub mod access;
mod conditions;
mod fields;
mod launch;
#[cfg(test)]
mod laws;
mod merge;
pub mod offline;
mod pin;
mod threat;
mod validate;
mod versions;

pub use launch::{AppFacts, Condition, Finding, Jailbreak, LaunchAction, LaunchDecision, Remediation, evaluate};
pub use merge::{AppliedPolicy, EffectiveSettings, Origin, PolicyName, merge};
pub use pin::{MAX_PIN, PinRefused, check_pin};
pub use validate::{FieldNote, InvalidSettings, validate, validate_apps};
