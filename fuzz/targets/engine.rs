//! The whole engine between applications and destinations that do anything at any time. What must hold: nothing panics or
//! runs for ever, memory stays inside the budget, and nothing goes to an address that is blocked.
#![no_main]

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use libfuzzer_sys::fuzz_target;
use moat_engine::{Config, Engine, FlowId, Policy, Transmit, Unreachable};
use moat_indicators::{Entry, IndicatorSet, compile};
use moat_model::{Action, IndicatorId, IndicatorType, Settings, Severity, Timestamp};

const BUDGET: usize = 1 << 20;
const APP: [u8; 4] = [198, 18, 0, 1];
const GOOD: [u8; 4] = [192, 0, 2, 80];
const BLOCKED: [u8; 4] = [203, 0, 113, 80];
const SINKHOLE: [u8; 4] = [198, 18, 0, 3];
const PORTS: [u16; 4] = [80, 443, 53, 7000];

/// An application's end of a TCP connection.
#[derive(Clone, Copy, Default)]
struct App {
    seq: u32,
    ack: u32,
}

struct World {
    engine: Engine,
    now: Timestamp,
    apps: [App; 8],
    flows: VecDeque<FlowId>,
    datagrams: VecDeque<FlowId>,
}

fn policy(strict: bool) -> Policy {
    let list = [
        (IndicatorType::IpAddress, "203.0.113.0/24", Action::Block),
        (IndicatorType::DomainName, "evil.example", Action::Block),
        (IndicatorType::DomainName, "warn.example", Action::Warn),
        (IndicatorType::DomainName, "audit.example", Action::Audit),
        (IndicatorType::Url, "http://site.example/evil", Action::Block),
    ];
    let entries = list.into_iter().zip(1..).map(|((kind, value, action), id)| Entry {
        id: IndicatorId(id),
        kind,
        value: value.into(),
        action,
        severity: Severity::High,
        title: "t".into(),
        generate_alert: true,
        expires: None,
        bypass_hours: None,
        educate_url: None,
    });
    Policy {
        indicators: IndicatorSet::open(compile(entries, [1; 16]).unwrap()).unwrap(),
        settings: Settings {
            fail_closed: strict,
            ..Settings::default()
        },
        allowed_hosts: vec!["moat.example".into()],
    }
}

fn remote(number: u8) -> [u8; 4] {
    match number % 3 {
        0 => GOOD,
        1 => BLOCKED,
        _ => SINKHOLE,
    }
}

impl World {
    fn new(options: u8) -> Self {
        let now = Timestamp::from_micros(1_000_000);
        let config = Config {
            mtu: if options & 1 == 0 { 1500 } else { 1280 },
            gso: options & 2 != 0,
            seed: u64::from(options),
            byte_budget: BUDGET,
            secret: [1; 16],
        };
        Self {
            engine: Engine::new(config, policy(options & 4 != 0), now),
            now,
            apps: [App::default(); 8],
            flows: VecDeque::new(),
            datagrams: VecDeque::new(),
        }
    }

    /// One thing happens. `which` chooses the connection, `bytes` are what it carries.
    fn step(&mut self, what: u8, which: u8, bytes: &[u8]) {
        let (now, engine) = (self.now, &mut self.engine);
        let flow = match self.flows.len() {
            0 => None,
            n => self.flows.get(usize::from(which) % n).copied(),
        };
        let datagram = match self.datagrams.len() {
            0 => None,
            n => self.datagrams.get(usize::from(which) % n).copied(),
        };
        match (what % 16, flow) {
            (0, _) => self.open(which, bytes.first().copied().unwrap_or(0)),
            (1..=3, _) => self.segment(which, bytes, false, false),
            (4, _) => self.segment(which, bytes, true, false),
            (5, _) => self.segment(which, bytes, false, true),
            (6, _) => self.udp(which, bytes),
            (7, _) => engine.handle_packet(bytes, now),
            (8, Some(flow)) => engine.handle_connected(flow, Ok(()), now),
            (9, Some(flow)) => engine.handle_connected(flow, Err(Unreachable::Refused), now),
            (10, Some(flow)) => {
                if let Some(space) = engine.receive_space(flow) {
                    let n = space.len().min(bytes.len());
                    space[..n].copy_from_slice(&bytes[..n]);
                    engine.handle_received(flow, n, now);
                }
            }
            (11, Some(flow)) => engine.handle_eof(flow, now),
            (12, Some(flow)) if which & 1 == 0 => engine.handle_reset(flow, now),
            (12, Some(flow)) => engine.handle_send_failed(flow, now),
            (13, _) => {
                if let Some(flow) = datagram {
                    engine.handle_datagram(flow, bytes, now);
                }
            }
            (14, _) => {
                self.now = now.saturating_add(Duration::from_millis(u64::from(which) * u64::from(which) * 10));
                engine.handle_timeout(self.now);
                assert!(
                    engine.poll_timeout().is_none_or(|at| at > self.now),
                    "a timer that is due stays"
                );
            }
            (15, _) if which == 0 => engine.close_all(now),
            (15, _) => engine.set_policy(policy(which & 1 == 1), now),
            _ => {}
        }
        self.drain(usize::from(which) * 16);
    }

    fn open(&mut self, which: u8, place: u8) {
        let (number, port) = (usize::from(which % 8), PORTS[usize::from(place >> 2) % 4]);
        self.apps[number] = App {
            seq: 1000 + u32::from(place) * 0x0100_0000,
            ack: 0,
        };
        let head = self.head(which, place, port);
        self.apps[number].seq = self.apps[number].seq.wrapping_add(1);
        let mut packet = Vec::new();
        let syn = head.syn().options_raw(&[2, 4, 5, 0xb4, 1, 3, 3, 7]).unwrap();
        syn.write(&mut packet, &[]).unwrap();
        self.engine.handle_packet(&packet, self.now);
    }

    fn head(&self, which: u8, place: u8, port: u16) -> etherparse::PacketBuilderStep<etherparse::TcpHeader> {
        let app = self.apps[usize::from(which % 8)];
        PacketBuilder::ipv4(APP, remote(place), 64).tcp(3000 + u16::from(which % 8), port, app.seq, 0x4000)
    }

    fn segment(&mut self, which: u8, bytes: &[u8], fin: bool, rst: bool) {
        // Which place this application connected to is in its port: the segment goes to all of them.
        let app = self.apps[usize::from(which % 8)];
        for place in 0..12 {
            let mut head = self.head(which, place, PORTS[usize::from(place >> 2) % 4]).ack(app.ack);
            if fin {
                head = head.fin();
            }
            if rst {
                head = head.rst();
            }
            let mut packet = Vec::new();
            head.write(&mut packet, bytes).unwrap();
            self.engine.handle_packet(&packet, self.now);
        }
        self.apps[usize::from(which % 8)].seq = app.seq.wrapping_add(bytes.len() as u32 + u32::from(fin));
    }

    fn udp(&mut self, which: u8, bytes: &[u8]) {
        let mut packet = Vec::new();
        let port = PORTS[usize::from(which >> 2) % 4];
        let head = PacketBuilder::ipv4(APP, remote(which), 64).udp(4000 + u16::from(which % 8), port);
        head.write(&mut packet, bytes).unwrap();
        self.engine.handle_packet(&packet, self.now);
    }

    /// Takes everything that comes out; sockets take up to `room` bytes.
    fn drain(&mut self, mut room: usize) {
        for turn in 0.. {
            assert!(turn < 100_000, "the engine never comes to rest");
            let sent = match self.engine.poll_transmit() {
                None => break,
                Some(Transmit::Connect { flow, remote }) => {
                    assert_ne!(remote.ip(), IpAddr::from(BLOCKED), "a blocked address is connected to");
                    assert_ne!(remote.ip(), IpAddr::from(SINKHOLE), "the sinkhole is connected to");
                    self.flows.push_back(flow);
                    continue;
                }
                Some(Transmit::OpenDatagram { flow, remote }) => {
                    assert_ne!(
                        remote.ip(),
                        IpAddr::from(BLOCKED),
                        "a blocked address is sent datagrams"
                    );
                    self.datagrams.push_back(flow);
                    continue;
                }
                Some(Transmit::Send { flow, data }) => {
                    assert!(!data.is_empty());
                    let n = data.len().min(room);
                    room -= n;
                    (flow, n)
                }
                Some(_) => continue,
            };
            self.engine.handle_sent(sent.0, sent.1, self.now);
        }
        self.flows.truncate(64);
        self.datagrams.truncate(64);
        while let Some(packet) = self.engine.poll_packet() {
            let bytes = [packet.head, packet.payload[0], packet.payload[1]].concat();
            let Ok(sliced) = SlicedPacket::from_ip(&bytes) else {
                panic!("a packet that nobody can read")
            };
            if let Some(TransportSlice::Tcp(tcp)) = sliced.transport {
                let app = &mut self.apps[usize::from(tcp.destination_port().wrapping_sub(3000) % 8)];
                let taken = tcp.payload().len() as u32 + u32::from(tcp.syn()) + u32::from(tcp.fin());
                app.ack = tcp.sequence_number().wrapping_add(taken);
            }
        }
        while self.engine.poll_event().is_some() {}
        assert!(self.engine.bytes_held() <= BUDGET);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((options, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut world = World::new(*options);
    // Each step: what, which, two bytes of length, content.
    while let Some(([what, which, high, low], tail)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]))
            .min(tail.len())
            .min(20_000);
        let (content, tail) = tail.split_at(length);
        rest = tail;
        world.step(*what, *which, content);
    }
    // After a day of silence nothing is left.
    for _ in 0..20 {
        world.now = world.now.saturating_add(Duration::from_secs(7_200));
        world.engine.handle_timeout(world.now);
        world.drain(1 << 20);
    }
});
