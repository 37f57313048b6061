//! The device state machine: packets in, verdicts, packets and transmits out.
