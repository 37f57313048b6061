//! What flows hold, and for how long: the byte budget, closed windows, late acknowledgements.

use std::time::Duration;

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use moat_engine::{Engine, FlowId, Transmit};
use moat_model::{Action, IndicatorType, Timestamp};

use crate::world::{APP, NOW, engine, packets, policy, query};

const SERVER: [u8; 4] = [203, 0, 113, 80];

/// An application's end of one TCP connection, as far as a test moves it by hand.
pub struct App {
    pub to: [u8; 4],
    pub to_port: u16,
    pub port: u16,
    pub seq: u32,
    pub ack: u32,
    pub window: u16,
}

pub struct Got {
    pub seq: u32,
    pub payload: Vec<u8>,
    pub fin: bool,
    pub rst: bool,
    pub ack: u32,
}

impl App {
    /// Opens a connection; the destination answers.
    pub fn connect(engine: &mut Engine, port: u16, window: u16) -> (Self, FlowId) {
        Self::connect_to(engine, SERVER, port, 7000, window)
    }

    pub fn connect_to(engine: &mut Engine, to: [u8; 4], port: u16, to_port: u16, window: u16) -> (Self, FlowId) {
        let syn = PacketBuilder::ipv4(APP, to, 64).tcp(port, to_port, 1000, window).syn();
        let mut packet = Vec::new();
        syn.options_raw(&[2, 4, 0x05, 0xb4])
            .unwrap()
            .write(&mut packet, &[])
            .unwrap();
        engine.handle_packet(&packet, NOW);
        let flow = loop {
            match engine.poll_transmit() {
                Some(Transmit::Connect { flow, .. }) => break flow,
                Some(_) => {}
                None => panic!("no connect"),
            }
        };
        engine.handle_connected(flow, Ok(()), NOW);
        let mut app = Self {
            to,
            to_port,
            port,
            seq: 1001,
            ack: 0,
            window,
        };
        app.ack = read(engine).remove(0).seq + 1;
        app.send(engine, b"", NOW);
        (app, flow)
    }

    /// Resets the connection.
    pub fn give_up(&mut self, engine: &mut Engine) {
        let head = PacketBuilder::ipv4(APP, self.to, 64).tcp(self.port, self.to_port, self.seq, self.window);
        let mut packet = Vec::new();
        head.rst().write(&mut packet, &[]).unwrap();
        engine.handle_packet(&packet, NOW);
    }

    pub fn send(&mut self, engine: &mut Engine, payload: &[u8], now: Timestamp) {
        let head = PacketBuilder::ipv4(APP, self.to, 64).tcp(self.port, self.to_port, self.seq, self.window);
        let mut packet = Vec::new();
        head.ack(self.ack).write(&mut packet, payload).unwrap();
        self.seq += payload.len() as u32;
        engine.handle_packet(&packet, now);
    }
}

pub fn read(engine: &mut Engine) -> Vec<Got> {
    let segments = packets(engine).into_iter().map(|packet| {
        let sliced = SlicedPacket::from_ip(&packet).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
            panic!("not TCP")
        };
        let (seq, ack) = (tcp.sequence_number(), tcp.acknowledgment_number());
        Got {
            seq,
            ack,
            payload: tcp.payload().to_vec(),
            fin: tcp.fin(),
            rst: tcp.rst(),
        }
    });
    segments.collect()
}

/// The destination sends `bytes`; gives how many were taken.
pub fn download(engine: &mut Engine, flow: FlowId, bytes: &[u8]) -> usize {
    download_at(engine, flow, bytes, NOW)
}

pub fn download_at(engine: &mut Engine, flow: FlowId, bytes: &[u8], now: Timestamp) -> usize {
    let Some(space) = engine.receive_space(flow) else {
        return 0;
    };
    let n = space.len().min(bytes.len());
    space[..n].copy_from_slice(&bytes[..n]);
    engine.handle_received(flow, n, now);
    n
}

#[test]
fn a_read_that_finds_nothing_leaves_no_buffer() {
    let mut engine = engine(policy(&[]), false);
    let mut flows = Vec::new();
    for port in 2000..2200 {
        flows.push(App::connect(&mut engine, port, 60_000));
        assert!(engine.receive_space(flows.last().unwrap().1).is_some());
        // The socket had nothing.
        assert_eq!(engine.poll_transmit(), None);
        assert_eq!(engine.bytes_held(), 0);
    }
    assert_eq!(download(&mut engine, flows[150].1, b"hello"), 5);
}

#[test]
fn flows_that_were_refused_a_buffer_are_resumed_in_turn() {
    let mut engine = engine(policy(&[]), false);
    let mut flows: Vec<_> = (2000..2200)
        .map(|port| App::connect(&mut engine, port, 60_000))
        .collect();
    let mut waiting: Vec<bool> = flows
        .iter()
        .map(|(_, flow)| download(&mut engine, *flow, b"x") == 0)
        .collect();
    assert!(waiting.contains(&true) && engine.bytes_held() <= 4 << 20);
    packets(&mut engine);
    // Those that have bytes acknowledge them, until all had their turn.
    while waiting.contains(&true) {
        for got in 0..flows.len() {
            if !waiting[got] && flows[got].0.window != 0 {
                let (app, _) = &mut flows[got];
                app.ack += 1;
                app.send(&mut engine, b"", NOW);
                app.window = 0;
            }
        }
        let mut resumed = false;
        while let Some(transmit) = engine.poll_transmit() {
            let Transmit::Resume { flow } = transmit else { continue };
            let at = flows.iter().position(|(_, id)| *id == flow).unwrap();
            waiting[at] &= download(&mut engine, flow, b"x") == 0;
            resumed = true;
            packets(&mut engine);
        }
        packets(&mut engine);
        assert!(
            resumed,
            "{} flows wait for ever",
            waiting.iter().filter(|waits| **waits).count()
        );
    }
}

#[test]
fn an_application_that_pauses_for_minutes_keeps_its_connection() {
    let mut engine = engine(policy(&[]), false);
    let (mut app, flow) = App::connect(&mut engine, 2000, 100);
    assert_eq!(download(&mut engine, flow, &[7; 500]), 100);
    let bytes: usize = read(&mut engine).iter().map(|got| got.payload.len()).sum();
    assert_eq!(bytes, 100);
    (app.ack, app.window) = (app.ack + 100, 0);
    app.send(&mut engine, b"", NOW);
    engine.handle_eof(flow, NOW);
    let mut now = NOW;
    // The end comes after a closed window; the application answers every probe and takes nothing.
    for _ in 0..40 {
        assert!(read(&mut engine).iter().all(|got| !got.rst));
        app.send(&mut engine, b"", now);
        now = engine.poll_timeout().expect("a probe is due");
        engine.handle_timeout(now);
    }
    assert!(now.since(NOW) > Duration::from_secs(120));
    app.window = 1000;
    app.send(&mut engine, b"", now);
    engine.handle_timeout(now.saturating_add(Duration::from_secs(60)));
    let last = read(&mut engine);
    assert!(last.iter().any(|got| got.fin && got.seq == app.ack && !got.rst));
}

#[test]
fn an_acknowledgement_that_crosses_a_retransmission_counts() {
    let mut engine = engine(policy(&[]), false);
    let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
    assert_eq!(download(&mut engine, flow, &[7; 8000]), 8000);
    assert_eq!(read(&mut engine).len(), 6);
    let late = engine.poll_timeout().unwrap();
    engine.handle_timeout(late);
    // Before anything is sent again, all of it is acknowledged.
    app.ack += 8000;
    app.send(&mut engine, b"", late);
    assert!(read(&mut engine).iter().all(|got| got.payload.is_empty()));
    assert_eq!(engine.bytes_held(), 0);
    assert_eq!(download(&mut engine, flow, b"more"), 4);
    let next = read(&mut engine);
    assert_eq!((next[0].seq, next[0].payload.as_slice()), (app.ack, &b"more"[..]));
}

#[test]
fn uploads_stay_within_the_budget_when_no_socket_takes_them() {
    let mut engine = engine(policy(&[]), true);
    let mut sent = 0;
    for port in 2000..2200 {
        let (mut app, _) = App::connect(&mut engine, port, 60_000);
        for _ in 0..8 {
            app.send(&mut engine, &[0xee; 30_000], NOW);
            let taken = read(&mut engine).last().map_or(app.seq, |got| got.ack);
            sent += 30_000 - (app.seq - taken) as usize;
            app.seq = taken;
        }
    }
    assert_eq!(engine.bytes_held(), sent, "what was acknowledged is held, nothing else");
    // 4 MiB, and for each flow the first bytes that are always held to look at them.
    assert!(
        engine.bytes_held() <= (4 << 20) + 200 * (16 << 10),
        "{}",
        engine.bytes_held()
    );
    while let Some(transmit) = engine.poll_transmit() {
        let Transmit::Send { flow, data } = transmit else {
            continue;
        };
        let n = data.len();
        engine.handle_sent(flow, n, NOW);
    }
    assert_eq!(engine.bytes_held(), 0);
}

#[test]
fn a_flow_whose_server_has_finished_is_closed_by_a_new_policy_too() {
    let mut engine = engine(policy(&[]), false);
    let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
    engine.handle_eof(flow, NOW);
    app.ack += u32::from(read(&mut engine).iter().any(|got| got.fin));
    app.send(&mut engine, b"", NOW);
    engine.set_policy(
        policy(&[(IndicatorType::IpAddress, "203.0.113.0/24", Action::Block)]),
        NOW,
    );
    assert!(read(&mut engine).iter().any(|got| got.rst));
    assert_eq!(engine.poll_transmit(), Some(Transmit::Close { flow, reset: true }));
    assert_eq!(engine.flows(), (0, 0));
}

#[test]
fn a_burst_of_questions_from_ever_new_ports_leaves_nothing_behind() {
    let mut engine = engine(policy(&[]), true);
    let question = query("good.example", 1);
    for round in 0..30u16 {
        for port in 0..1000 {
            let mut packet = Vec::new();
            let head = PacketBuilder::ipv4(APP, SERVER, 64).udp(1024 + round * 1000 + port, 53);
            head.write(&mut packet, &question).unwrap();
            engine.handle_packet(&packet, NOW);
            let mut asked = None;
            while let Some(transmit) = engine.poll_transmit() {
                if let Transmit::Datagram { flow, .. } = transmit {
                    asked = Some(flow);
                }
            }
            engine.handle_datagram(asked.unwrap(), b"\x12\x34\x81\x80 any answer", NOW);
            packets(&mut engine);
        }
    }
    let (_, open) = engine.flows();
    assert!(
        open <= 257 && engine.timers() <= 2 * open + 1024,
        "{open} flows, {} timers",
        engine.timers()
    );
}
