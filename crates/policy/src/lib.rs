//! The decisions of Moat: risk, jailbreak score, silence, access, app protection. Each returns its reasons.

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
pub mod jailbreak;
mod reason;
pub mod risk;
pub mod silence;

pub use reason::Reason;
