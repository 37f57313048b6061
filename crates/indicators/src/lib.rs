//! The indicator set: canonicalise, compile, sign, open, match.
//!
//! A server compiles indicators into one file ([`compile`]), wraps it with settings and rules into a signed [`Bundle`]
//! ([`seal`]), and a device opens it without copying: an [`IndicatorSet`] reads from any bytes, such as a mapped file.
//! `docs/indicator-format.md` describes the bytes.

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

mod bundle;
mod bytes;
mod compile;
mod domain;
mod explain;
mod feeds;
mod ip;
mod matching;
mod set;
mod url;

pub use bundle::{Bundle, BundleContent, BundleError, MAX_BUNDLE_BYTES, seal};
pub use compile::{CompileError, Entry, compile};
pub use domain::{Domain, InvalidDomain};
pub use explain::{Candidate, Explanation, explain};
pub use feeds::{Feed, FeedCompiler, FeedEntry, MAX_FEEDS, entry_ids, feed_of};
pub use ip::{InvalidIp, Prefix};
pub use matching::{Match, Specificity, Tier};
pub use set::{IndicatorSet, OpenError};
pub use url::{InvalidUrl, UrlPattern, is_https};
