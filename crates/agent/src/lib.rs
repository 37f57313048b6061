//! The shell around the engine on a protected Linux device: TUN, sockets, routes, sync, posture, control.

mod clock;
pub mod control;
pub mod data_folder;
pub mod enroll;
pub mod ledger;
mod notifications;
mod orders;
pub mod outbox;
pub mod page;
pub mod posture;
pub mod retired;
pub mod run;
mod state;
mod sync;
pub mod tunnel;

#[cfg(test)]
#[path = "../tests/it/namespace.rs"]
mod namespace;
