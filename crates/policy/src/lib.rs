//! The decisions of Moat: risk, jailbreak score, access, each with its reasons.
