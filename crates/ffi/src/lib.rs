//! The door for Swift, and for Python in the tests: one [`Session`] over the pure cores.
//!
//! Records go in and out by value, the app's [`Probe`] answers the posture questions, and what happened waits in
//! [`Session::poll_event`]. Nothing here decides: verdicts are `moat-indicators`, scores are `moat-policy`.

mod event;
mod posture;
mod probe;
mod session;
mod verdict;

pub use event::Event;
pub use posture::{JailbreakLevel, Posture, PostureFinding};
pub use probe::{FileKind, Place, Probe, ProbeError};
pub use session::{BundleInfo, Session, SessionError};
pub use verdict::{Action, DecidingIndicator, SeenIn, Severity, Verdict};

uniffi::setup_scaffolding!("moat");
