//! The door for Swift, and for Python in the tests: a [`Session`] for the device's agent and an [`AppProtection`] for an app with
//! work data, both over the pure cores.
//!
//! Records go in and out by value, the app's [`Probe`] answers the posture questions, and what happened waits in
//! [`Session::poll_event`]. Nothing here decides: verdicts are `moat-indicators`, scores and what an app may do are `moat-policy`.

mod app_protection;
mod event;
mod key;
mod order;
mod posture;
mod probe;
mod session;
mod time;
mod verdict;

pub use app_protection::{
    AccessHeader, AppIdentity, AppProtection, CheckInAnswer, LaunchAction, LaunchCondition, LaunchFinding, LaunchState,
    LocalState, OpenAlert, OpenError, PinError, PinResult, PinStep, Remediation, ReplyError, StoreError, Wiped,
};
pub use event::Event;
pub use order::{OrderAction, Outcome};
pub use posture::{JailbreakLevel, Posture, PostureFinding};
pub use probe::{FileKind, Place, Probe, ProbeError};
pub use session::{BundleInfo, Session, SessionError};
pub use verdict::{Action, DecidingIndicator, SeenIn, Severity, Verdict};

uniffi::setup_scaffolding!("moat");
