//! The decisions of Moat: risk, jailbreak score, silence, compliance, app protection, access. Each returns its reasons.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable
    )
)]

pub mod access;
pub mod app_protection;
pub mod assignment;
pub mod compliance;
pub mod conditional_access;
pub mod connector;
mod invalid;
pub mod jailbreak;
mod reason;
pub mod risk;
mod sentence;
pub mod silence;

pub use invalid::InvalidField;
pub use reason::{Reason, Told};
pub use sentence::{English, Message, Sentence, Speak, Value, say};
