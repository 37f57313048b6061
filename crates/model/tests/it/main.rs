//! Holds the whole workspace to its design: who may depend on whom, what the pure crates leave alone, which libraries and
//! licences come in. It stands here because every crate stands on `model`.

mod architecture;
mod libraries;
mod licence;
mod workspace;
