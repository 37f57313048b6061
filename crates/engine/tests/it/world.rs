//! An engine with a policy, and packets made by somebody else's library.

use etherparse::PacketBuilder;
use moat_engine::{Config, Engine, Policy};
use moat_indicators::{Entry, IndicatorSet, compile};
use moat_model::{Action, IndicatorId, IndicatorType, Settings, Severity, Timestamp};

pub const NOW: Timestamp = Timestamp::from_micros(1_000_000);
pub const APP: [u8; 4] = [198, 18, 0, 1];

pub fn policy(list: &[(IndicatorType, &str, Action)]) -> Policy {
    let entries = list.iter().zip(1..).map(|((kind, value, action), id)| Entry {
        id: IndicatorId(id),
        kind: *kind,
        value: (*value).into(),
        action: *action,
        severity: Severity::High,
        title: "Phishing".into(),
        generate_alert: true,
        expires: None,
        bypass_hours: None,
        educate_url: None,
    });
    let indicators = IndicatorSet::open(compile(entries, [5; 16]).unwrap()).unwrap();
    Policy {
        indicators,
        settings: Settings::default(),
        allowed_hosts: Vec::new(),
    }
}

pub fn engine(policy: Policy, gso: bool) -> Engine {
    let config = Config {
        mtu: 1500,
        gso,
        seed: 42,
        byte_budget: 4 << 20,
        secret: [7; 16],
    };
    Engine::new(config, policy, NOW)
}

pub fn udp(to: [u8; 4], port: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(APP, to, 64)
        .udp(5000, port)
        .write(&mut packet, payload)
        .unwrap();
    packet
}

/// A DNS query with EDNS.
pub fn query(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    message
}

/// All packets that wait for the application, whole.
pub fn packets(engine: &mut Engine) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(packet) = engine.poll_packet() {
        found.push([packet.head, packet.payload[0], packet.payload[1]].concat());
    }
    found
}

/// Calls the engine whenever it asks for it, until `end`.
pub fn pass_time(engine: &mut Engine, end: Timestamp) {
    while let Some(at) = engine.poll_timeout().filter(|at| *at <= end) {
        engine.handle_timeout(at);
    }
}
