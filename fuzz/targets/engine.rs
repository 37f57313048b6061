#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use moat_engine::{Config, Engine, Policy, Transmit, Unreachable};
use moat_model::Timestamp;

const BUDGET: usize = 1 << 20;

// The input is a list of steps: packets from the application, what the network does, and time. Whatever they are, the engine
// comes to rest after each and holds no more than it may.
fuzz_target!(|steps: Vec<(u8, Vec<u8>)>| {
    let mut now = Timestamp::from_micros(1);
    let config = Config { mtu: 1500, gso: steps.len() % 2 == 0, seed: 1, byte_budget: BUDGET, secret: [3; 16] };
    let mut engine = Engine::new(config, Policy::default(), now);
    let mut flows = Vec::new();
    for (kind, bytes) in steps.iter().take(64) {
        let flow = flows.get(usize::from(kind >> 3)).copied();
        match (kind & 7, flow) {
            (0 | 1, _) => engine.handle_packet(bytes, now),
            (2, Some(flow)) => engine.handle_connected(flow, Ok(()), now),
            (3, Some(flow)) => engine.handle_connected(flow, Err(Unreachable::Refused), now),
            (4, Some(flow)) => {
                let taken = engine.receive_space(flow).map(|space| {
                    let n = space.len().min(bytes.len());
                    space[..n].copy_from_slice(&bytes[..n]);
                    n
                });
                if let Some(n) = taken {
                    engine.handle_received(flow, n, now);
                }
            }
            (5, Some(flow)) => engine.handle_eof(flow, now),
            (6, Some(flow)) => engine.handle_datagram(flow, bytes, now),
            _ => {
                now = now.saturating_add(Duration::from_millis(50 * bytes.len() as u64));
                engine.handle_timeout(now);
            }
        }
        rest(&mut engine, &mut flows, now);
    }
    assert!(engine.bytes_held() <= BUDGET + (64 << 10));
});

/// Takes all that the engine has to give; a bound shows that it comes to rest.
fn rest(engine: &mut Engine, flows: &mut Vec<moat_engine::FlowId>, now: Timestamp) {
    for _ in 0..100_000 {
        let mut sent = None;
        let mut idle = false;
        match engine.poll_transmit() {
            Some(Transmit::Send { flow, data }) => sent = Some((flow, data.len())),
            Some(Transmit::Connect { flow, .. } | Transmit::OpenDatagram { flow, .. }) => flows.push(flow),
            Some(_) => {}
            None => idle = true,
        }
        if let Some((flow, n)) = sent {
            engine.handle_sent(flow, n, now);
        }
        if idle && engine.poll_packet().is_none() && engine.poll_event().is_none() {
            return;
        }
    }
    panic!("the engine does not come to rest");
}
