//! What DNS answers mean for the flows behind them.

use std::time::Duration;

use moat_engine::{Engine, Event, FlowId, Policy, Transmit};
use moat_model::{Action, IndicatorType, Timestamp};

use crate::{
    budget::{App, download_at, read},
    world::{NOW, engine, packets, policy, query, udp},
};

const RESOLVER: [u8; 4] = [203, 0, 113, 53];
/// Where [`App::connect`] goes.
const SITE: [u8; 4] = [203, 0, 113, 80];

/// Asks for a name; the resolver answers with an address for `ttl` seconds. Gives the answer that arrives.
fn resolve(engine: &mut Engine, name: &str, ip: [u8; 4], ttl: u32) -> Vec<u8> {
    let question = query(name, 1);
    engine.handle_packet(&udp(RESOLVER, 53, &question), NOW);
    let mut asked = None;
    while let Some(transmit) = engine.poll_transmit() {
        if let Transmit::Datagram { flow, .. } = transmit {
            asked = Some(flow);
        }
    }
    if let Some(flow) = asked {
        engine.handle_datagram(flow, &answer(&question, 1, &ip, ttl), NOW);
    }
    packets(engine).remove(0)
}

/// The answer to a query with one record.
fn answer(question: &[u8], kind: u16, data: &[u8], ttl: u32) -> Vec<u8> {
    let mut message = question[..question.len() - 11].to_vec();
    (message[2], message[7], message[11]) = (0x81, 1, 0);
    message.extend([0xc0, 12]);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message.extend(ttl.to_be_bytes());
    message.extend((data.len() as u16).to_be_bytes());
    message.extend(data);
    message
}

fn holds(packet: &[u8], ip: [u8; 4]) -> bool {
    packet[28..].windows(4).any(|w| w == ip)
}

fn mixed() -> Policy {
    policy(&[
        (IndicatorType::DomainName, "mixed.example", Action::Block),
        (IndicatorType::Url, "http://mixed.example/login", Action::Allowed),
        (IndicatorType::DomainName, "closed.example", Action::Block),
        (IndicatorType::Url, "http://closed.example/login", Action::Block),
    ])
}

#[test]
fn a_name_with_a_path_that_is_not_blocked_resolves() {
    let mut engine = engine(mixed(), true);
    assert!(holds(&resolve(&mut engine, "mixed.example", SITE, 60), SITE));
    assert_eq!(engine.poll_event(), None);
    for name in ["closed.example", "sub.mixed.example"] {
        assert!(!holds(&resolve(&mut engine, name, SITE, 60), SITE), "{name}");
        assert!(matches!(engine.poll_event(), Some(Event::Hit { .. })));
    }
    // QUIC shows no path: the browser is to take TCP. Other datagrams pass, and other addresses.
    engine.handle_packet(&udp(SITE, 443, b"QUIC"), NOW);
    let refused = packets(&mut engine).remove(0);
    assert_eq!((refused[9], refused[20], refused[21]), (1, 3, 13));
    assert_eq!(engine.poll_transmit(), None);
    assert_eq!(engine.counters().udp_refused, 1);
    for (to, port) in [(SITE, 4000), ([203, 0, 113, 81], 443)] {
        engine.handle_packet(&udp(to, port, b"x"), NOW);
        assert!(packets(&mut engine).is_empty());
        assert!(matches!(engine.poll_transmit(), Some(Transmit::OpenDatagram { .. })));
        while engine.poll_transmit().is_some() {}
    }
}

#[test]
fn the_path_decides_over_http() {
    for (path, passes) in [("/login", true), ("/", false)] {
        let mut engine = engine(mixed(), false);
        let (mut app, _) = App::connect(&mut engine, 2000, 60_000);
        let request = format!("GET {path} HTTP/1.1\r\nHost: mixed.example\r\n\r\n");
        app.send(&mut engine, request.as_bytes(), NOW);
        let sent = matches!(engine.poll_transmit(), Some(Transmit::Send { .. }));
        let answered = read(&mut engine)
            .iter()
            .any(|got| got.payload.starts_with(b"HTTP/1.1 403"));
        assert_eq!((sent, answered), (passes, !passes), "{path}");
        // A new policy that says the same changes nothing for what is open.
        engine.set_policy(mixed(), NOW);
        assert_eq!(engine.flows().0, 1);
    }
}

fn lifting(allow: bool) -> Policy {
    let address = (IndicatorType::IpAddress, "203.0.113.80", Action::Block);
    let name = (IndicatorType::DomainName, "good.example", Action::Allowed);
    if allow {
        policy(&[address, name])
    } else {
        policy(&[address])
    }
}

/// Whether a flow is alive: what the application sends goes on.
fn talks(engine: &mut Engine, app: &mut App, flow: FlowId, now: Timestamp) -> bool {
    app.send(engine, b"hello", now);
    let mut alive = false;
    while let Some(transmit) = engine.poll_transmit() {
        if let Transmit::Send { data, .. } = transmit {
            let n = data.len();
            engine.handle_sent(flow, n, now);
            alive = true;
        }
    }
    let reset = read(engine).iter().any(|got| got.rst);
    assert_ne!(alive, reset);
    alive
}

#[test]
fn a_new_policy_cuts_no_flow_of_a_name_that_it_allows() {
    let mut engine = engine(lifting(true), false);
    assert!(holds(&resolve(&mut engine, "good.example", SITE, 60), SITE));
    let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
    engine.handle_packet(&udp(SITE, 4000, b"x"), NOW);
    engine.set_policy(lifting(true), NOW);
    assert!(talks(&mut engine, &mut app, flow, NOW));
    // New flows to the address stay possible too.
    App::connect(&mut engine, 2001, 60_000);
    // The answer is out of date; what was opened by it is not.
    let late = NOW.saturating_add(Duration::from_secs(100));
    engine.set_policy(lifting(true), late);
    assert!(talks(&mut engine, &mut app, flow, late));
    engine.handle_packet(&udp(SITE, 4000, b"y"), late);
    assert!(packets(&mut engine).is_empty());
    assert_eq!(engine.counters().flows_closed_by_policy, 0);
    // The name is allowed no more: now they end.
    engine.set_policy(lifting(false), late);
    assert!(!talks(&mut engine, &mut app, flow, late));
    engine.handle_packet(&udp(SITE, 4000, b"z"), late);
    assert_eq!(packets(&mut engine).remove(0)[9], 1);
}

/// A connection to a resolver, on the port of DNS.
fn dial(engine: &mut Engine, port: u16, window: u16) -> (App, FlowId) {
    App::connect_to(engine, RESOLVER, port, 53, window)
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

#[test]
fn large_answers_over_tcp_wait_for_a_slow_application() {
    for pressed in [false, true] {
        let mut engine = engine(policy(&[]), false);
        let mut others = Vec::new();
        if pressed {
            // Others hold what there is of buffers.
            for port in 3000..3100 {
                let (app, flow) = App::connect(&mut engine, port, 60_000);
                download_at(&mut engine, flow, b"x", NOW);
                others.push(app);
            }
            while engine.poll_transmit().is_some() {}
            packets(&mut engine);
        }
        let (mut app, flow) = dial(&mut engine, 2000, 8_000);
        let question = query("good.example", 252);
        app.send(&mut engine, &framed(&question), NOW);
        let message = framed(&answer(&question, 16, &[b'a'; 60_000], 60));
        let answers = message.repeat(20);
        let (mut given, mut got, mut eof, mut fin) = (0, Vec::<u8>::new(), false, false);
        for round in 0.. {
            assert!(round < 20_000, "stalls after {} of {}", got.len(), answers.len());
            if fin {
                break;
            }
            while let Some(transmit) = engine.poll_transmit() {
                if let Transmit::Send { data, flow } = transmit {
                    let n = data.len();
                    engine.handle_sent(flow, n, NOW);
                }
            }
            given += download_at(&mut engine, flow, &answers[given..], NOW);
            if given == answers.len() && !eof {
                engine.handle_eof(flow, NOW);
                eof = true;
            }
            // It reads only now and then.
            if round % 7 != 0 && !pressed {
                continue;
            }
            for segment in read(&mut engine) {
                assert!(!segment.rst, "reset after {}", got.len());
                if segment.seq != app.ack {
                    continue;
                }
                got.extend(&segment.payload);
                fin |= segment.fin;
                app.ack += segment.payload.len() as u32 + u32::from(segment.fin);
            }
            app.send(&mut engine, b"", NOW);
            // Another gives its buffer back.
            if let Some(mut other) = others.pop() {
                other.give_up(&mut engine);
            }
        }
        assert!(got == answers);
    }
}

#[test]
fn blocked_questions_are_answered_as_fast_as_the_application_reads() {
    let list = [(IndicatorType::DomainName, "evil.example", Action::Block)];
    let mut engine = engine(policy(&list), false);
    let (mut app, flow) = dial(&mut engine, 2000, 10_000);
    let first = app.seq;
    let mut questions = framed(&query("www.evil.example", 1)).repeat(4000);
    questions.extend(framed(&query("good.example", 1)));
    let (mut got, mut asked, mut acked) = (Vec::<u8>::new(), false, 0);
    for round in 0.. {
        assert!(round < 20_000, "stalls after {} bytes", got.len());
        if asked {
            break;
        }
        app.seq = first + acked as u32;
        let next = &questions[acked..questions.len().min(acked + 1400)];
        app.send(&mut engine, next, NOW);
        for segment in read(&mut engine) {
            assert!(!segment.rst);
            acked = acked.max(segment.ack.wrapping_sub(first) as usize);
            if segment.seq == app.ack {
                got.extend(&segment.payload);
                app.ack += segment.payload.len() as u32;
            }
        }
        app.seq = first + acked as u32;
        app.send(&mut engine, b"", NOW);
        while let Some(transmit) = engine.poll_transmit() {
            if let Transmit::Send { data, .. } = transmit {
                assert_eq!(data, framed(&query("good.example", 1)));
                let n = data.len();
                engine.handle_sent(flow, n, NOW);
                asked = true;
            }
        }
    }
    let answer = 2 + usize::from(u16::from_be_bytes([got[0], got[1]]));
    assert!(got.len() + 20_000 > 4000 * answer, "{} of {}", got.len(), 4000 * answer);
}
