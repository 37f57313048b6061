//! Conditional access through its public face: tables of single decisions, laws on random policies, and an oracle.

mod decisions;
mod generate;
mod laws;
mod lockout;
mod oracle;
mod what_if;
mod world;
