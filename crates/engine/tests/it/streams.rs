//! TCP as applications and servers really use it: broken connections, keep-alive, probes, silence.

use std::time::Duration;

use etherparse::PacketBuilder;
use moat_engine::{Engine, Event, FlowId, Transmit};
use moat_model::{Action, IndicatorType, Timestamp};

use crate::{
    budget::{App, Got, download, read},
    world::{APP, NOW, engine, packets, pass_time, policy},
};

fn transmits(engine: &mut Engine) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let (sent, text) = match engine.poll_transmit() {
            None => return found,
            Some(Transmit::Send { flow, data }) => (Some((flow, data.len())), "send".into()),
            Some(Transmit::Close { .. }) => (None, "close".into()),
            Some(Transmit::Resume { .. }) => (None, "resume".into()),
            Some(other) => (None, format!("{other:?}")),
        };
        if let Some((flow, n)) = sent {
            engine.handle_sent(flow, n, NOW);
        }
        found.push(text);
    }
}

/// The application reads and acknowledges all that waits for it.
fn take(engine: &mut Engine, app: &mut App, now: Timestamp) -> (Vec<u8>, bool) {
    let (mut bytes, mut rst) = (Vec::new(), false);
    loop {
        let got = read(engine);
        if got.is_empty() || rst {
            return (bytes, rst);
        }
        for Got {
            seq,
            payload,
            fin,
            rst: reset,
            ..
        } in got
        {
            rst |= reset;
            let new = app.ack.wrapping_sub(seq) as usize;
            let new = payload.get(new..).unwrap_or_default();
            bytes.extend(new);
            app.ack = app.ack.wrapping_add(new.len() as u32 + u32::from(fin));
        }
        app.send(engine, b"", now);
    }
}

#[test]
fn what_came_before_a_reset_arrives_before_the_reset() {
    let mut engine = engine(policy(&[]), false);
    let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
    assert_eq!(download(&mut engine, flow, &[7; 5000]), 5000);
    engine.handle_reset(flow, NOW);
    assert_eq!(transmits(&mut engine), ["close"]);
    let got = read(&mut engine);
    assert!(got.iter().all(|got| !got.rst && !got.fin));
    // The last segment is lost on the way and comes again.
    app.ack = got[3].seq;
    app.send(&mut engine, b"", NOW);
    assert!(read(&mut engine).is_empty());
    let late = engine.poll_timeout().unwrap();
    engine.handle_timeout(late);
    let (rest, rst) = take(&mut engine, &mut app, late);
    assert_eq!((rest.len(), rst), (5000 - 3 * 1460, true));
    assert_eq!((engine.flows(), engine.bytes_held()), ((0, 0), 0));
}

#[test]
fn a_reset_with_nothing_before_it_is_told_at_once() {
    let mut engine = engine(policy(&[]), false);
    let (_, flow) = App::connect(&mut engine, 2000, 60_000);
    engine.handle_reset(flow, NOW);
    assert!(read(&mut engine)[0].rst);
}

#[test]
fn a_refused_write_does_not_lose_what_the_server_said() {
    // The server's last words end with a reset, or, when the socket told the reset already, with an end.
    for end in [Engine::handle_reset, Engine::handle_eof] {
        let mut engine = engine(policy(&[]), false);
        let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
        app.send(&mut engine, b"rest of a body", NOW);
        assert!(matches!(engine.poll_transmit(), Some(Transmit::Send { .. })));
        engine.handle_send_failed(flow, NOW);
        app.send(&mut engine, b"and more", NOW);
        assert!(transmits(&mut engine).is_empty(), "nothing more is sent");
        assert!(engine.has_send_failed(flow));
        assert_eq!(download(&mut engine, flow, b"413 too large"), 13);
        end(&mut engine, flow, NOW);
        assert_eq!(take(&mut engine, &mut app, NOW), (b"413 too large".to_vec(), true));
        assert_eq!((engine.flows(), engine.bytes_held()), ((0, 0), 0));
    }
}

#[test]
fn keep_alive_is_answered() {
    let mut engine = engine(policy(&[]), false);
    let (mut app, _) = App::connect(&mut engine, 2000, 60_000);
    app.send(&mut engine, b"hello", NOW);
    transmits(&mut engine);
    read(&mut engine);
    let next = app.seq;
    // As Linux asks, and as BSD does: with a byte that was sent before.
    for garbage in [&b""[..], b"o"] {
        app.seq = next - 1;
        app.send(&mut engine, garbage, NOW);
        let answers = read(&mut engine);
        assert_eq!(answers.len(), 1);
        assert_eq!((answers[0].ack, answers[0].payload.len()), (next, 0));
        app.seq = next;
    }
    app.send(&mut engine, b"", NOW);
    assert!(
        read(&mut engine).is_empty(),
        "an ordinary acknowledgement has no answer"
    );
}

#[test]
fn a_probe_of_a_closed_window_is_answered() {
    let mut engine = engine(policy(&[]), true);
    let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
    let taken = loop {
        let from = app.seq;
        app.send(&mut engine, &[1; 30_000], NOW);
        let ack = read(&mut engine).last().unwrap().ack;
        app.seq = ack;
        if ack == from {
            break ack;
        }
    };
    app.send(&mut engine, b"", NOW);
    assert_eq!(read(&mut engine).last().map(|got| got.ack), Some(taken));
    // With room again the probe has nothing to tell.
    while !transmits(&mut engine).is_empty() {}
    read(&mut engine);
    app.send(&mut engine, b"", NOW);
    assert!(read(&mut engine).is_empty());
    assert_eq!(engine.poll_transmit(), None, "{flow:?}");
}

/// A connection to the port of TLS: its end of the application, and whether it was connected.
fn dial(engine: &mut Engine, to: [u8; 4]) -> (Dialled, Option<FlowId>) {
    let mut packet = Vec::new();
    let syn = PacketBuilder::ipv4(APP, to, 64).tcp(2000, 443, 1000, 60_000).syn();
    syn.write(&mut packet, &[]).unwrap();
    engine.handle_packet(&packet, NOW);
    let flow = match engine.poll_transmit() {
        Some(Transmit::Connect { flow, .. }) => Some(flow),
        _ => None,
    };
    if let Some(flow) = flow {
        engine.handle_connected(flow, Ok(()), NOW);
    }
    let ack = read(engine).remove(0).seq + 1;
    let app = Dialled { to, seq: 1001, ack };
    app.send(engine, b"", NOW, "");
    (app, flow)
}

struct Dialled {
    to: [u8; 4],
    seq: u32,
    ack: u32,
}

impl Dialled {
    fn send(&self, engine: &mut Engine, payload: &[u8], now: Timestamp, flag: &str) {
        let head = PacketBuilder::ipv4(APP, self.to, 64)
            .tcp(2000, 443, self.seq, 60_000)
            .ack(self.ack);
        let head = match flag {
            "fin" => head.fin(),
            "rst" => head.rst(),
            _ => head,
        };
        let mut packet = Vec::new();
        head.write(&mut packet, payload).unwrap();
        engine.handle_packet(&packet, now);
    }
}

const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

fn hits(engine: &mut Engine) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some(event) = engine.poll_event() {
        if let Event::Hit { site, .. } = event {
            found.push((site.seen_in, site.value));
        }
    }
    found
}

#[test]
fn half_a_hello_is_not_held_for_ever() {
    for (fail_closed, blocked) in [(false, false), (true, false), (false, true)] {
        let mut policy = policy(&[(IndicatorType::IpAddress, "203.0.113.66", Action::Block)]);
        policy.settings.fail_closed = fail_closed;
        let mut engine = engine(policy, false);
        let (mut app, flow) = dial(&mut engine, [203, 0, 113, if blocked { 66 } else { 80 }]);
        app.send(&mut engine, HELLO, NOW, "");
        app.seq += HELLO.len() as u32;
        let progress = NOW.saturating_add(Duration::from_secs(9));
        engine.handle_timeout(progress);
        app.send(&mut engine, b"\x01", progress, "");
        engine.handle_timeout(NOW.saturating_add(Duration::from_secs(18)));
        assert!(
            packets(&mut engine).len() <= 2 && transmits(&mut engine).is_empty(),
            "there was progress"
        );
        let late = engine.poll_timeout().expect("patience has an end");
        assert!(late <= progress.saturating_add(Duration::from_secs(10)));
        engine.handle_timeout(late);
        let reset = read(&mut engine).iter().any(|got| got.rst);
        assert_eq!(reset, fail_closed || blocked);
        let sent = transmits(&mut engine);
        assert_eq!(sent.contains(&"send".to_string()), !reset, "{sent:?} {flow:?}");
        let expected = [("ip".to_string(), "203.0.113.66".to_string())];
        assert_eq!(hits(&mut engine), if blocked { &expected[..] } else { &[] });
        assert_eq!(engine.counters().held_too_long, 1);
        assert!(reset || engine.poll_timeout().is_none(), "nothing in flight, no timer");
    }
}

#[test]
fn a_listed_address_that_is_told_nothing_is_a_hit() {
    for end in ["", "fin", "rst"] {
        let mut engine = engine(
            policy(&[(IndicatorType::IpAddress, "203.0.113.66", Action::Block)]),
            false,
        );
        let (app, flow) = dial(&mut engine, [203, 0, 113, 66]);
        assert_eq!((flow, hits(&mut engine)), (None, vec![]));
        if end.is_empty() {
            pass_time(&mut engine, NOW.saturating_add(Duration::from_secs(10)));
        } else {
            app.send(&mut engine, b"", NOW, end);
        }
        assert_eq!(
            hits(&mut engine),
            [("ip".to_string(), "203.0.113.66".to_string())],
            "{end:?}"
        );
        assert_eq!(engine.flows(), (0, 0));
    }
}
