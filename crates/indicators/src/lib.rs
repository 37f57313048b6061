//! The indicator set: canonicalise, compile, sign, open, match.
