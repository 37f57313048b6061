//! The device state machine: packets in, verdicts, packets and transmits out.
//!
//! [`Engine`] owns everything and does no I/O: `handle_*` gives it packets, socket events and the time, `poll_*` takes packets
//! for the application, transmits for the network and events for the user. TCP ends here, in a small stack made for a
//! local link that loses nothing except under pressure. `ARCHITECTURE.md` tells a packet's way.

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

mod counters;
mod engine;
mod flow;
mod fragments;
pub mod inspect;
mod packet;
mod page;
mod resolved;
mod ring;
mod tcp;
mod verdict;

pub use counters::Counters;
pub use engine::{Checksum, Config, Engine, Event, Packet, Policy, SINKHOLE_V4, SINKHOLE_V6, Transmit, Unreachable};
pub use flow::FlowId;
