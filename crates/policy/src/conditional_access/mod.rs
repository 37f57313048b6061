//! Conditional access: may this sign-in reach this application?
//!
//! All conditions of a policy must hold for it to apply, and exclusion wins over inclusion. Every enabled policy that
//! applies must be satisfied: one that blocks closes, so does one whose grant controls are not met. A gateway has
//! nobody to ask, so a control that a user could still meet closes too, and the decision says what is asked for.
//! Report-only policies are judged and told, and close nothing.
//!
//! Policies are compiled once (`PolicySet::compile`); a decision then looks up only what the sign-in brings with it.

mod bits;
mod compile;
mod conditions;
mod controls;
mod decision;
pub mod filter;
mod location;
mod lockout;
mod reasons;
mod sign_in;
mod validate;
mod what_if;

pub use bits::MAX_POLICIES;
pub use compile::{CompileError, PolicySet};
pub use controls::ControlSet;
pub use decision::{AccessDecision, PolicyOutcome};
pub use lockout::{BreakGlassAccount, LockedOut};
pub use sign_in::{AppProtection, Compliance, Device, Resource, SignIn, User};
pub use validate::{Invalid, unenforced, validate, validate_location};
pub use what_if::WhatIfResult;
