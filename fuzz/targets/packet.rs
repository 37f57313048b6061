//! One packet after another, any bytes, to a fresh engine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moat_engine::{Config, Engine, Policy, Transmit};
use moat_model::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let config = Config {
        mtu: 1500,
        gso: bytes.first().is_some_and(|b| b & 1 == 1),
        seed: 1,
        byte_budget: 1 << 20,
        secret: [1; 16],
    };
    let now = Timestamp::from_micros(1_000_000);
    let mut engine = Engine::new(config, Policy::default(), now);
    let mut rest = bytes.get(1..).unwrap_or_default();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(tail.len());
        let (packet, tail) = tail.split_at(length);
        rest = tail;
        engine.handle_packet(packet, now);
        let mut connected = None;
        while let Some(transmit) = engine.poll_transmit() {
            if let Transmit::Connect { flow, .. } = transmit {
                connected = Some(flow);
            }
        }
        if let Some(flow) = connected {
            engine.handle_connected(flow, Ok(()), now);
        }
        while engine.poll_packet().is_some() {}
        while engine.poll_event().is_some() {}
        assert!(engine.bytes_held() <= 1 << 20);
    }
});
