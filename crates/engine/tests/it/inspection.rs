//! What streams say of themselves, through the whole engine: nothing that is forbidden goes on, whatever its bytes look like.

use etherparse::PacketBuilder;
use moat_engine::{Engine, Event, Policy, Transmit};
use moat_model::{Action, IndicatorType};

use crate::{
    budget::{App, download, read},
    world::{APP, NOW, engine, pass_time, policy},
};

const SERVER: [u8; 4] = [203, 0, 113, 80];

/// What came of one connection that sent `pieces`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    connected: bool,
    /// What the destination was sent.
    sent: Vec<u8>,
    /// What the application was answered.
    answered: Vec<u8>,
    reset: bool,
    events: usize,
}

fn play(policy: Policy, port: u16, pieces: &[&[u8]], fin: bool) -> Outcome {
    play_answered(policy, port, pieces, fin, b"")
}

/// As [`play`]; the destination answers whatever it is sent.
fn play_answered(policy: Policy, port: u16, pieces: &[&[u8]], fin: bool, answer: &[u8]) -> Outcome {
    let mut engine = engine(policy, false);
    let mut outcome = Outcome::default();
    let head = |seq: u32| PacketBuilder::ipv4(APP, SERVER, 64).tcp(3000, port, seq, 60_000);
    let mut packet = Vec::new();
    let syn = head(1000).syn().options_raw(&[2, 4, 0x05, 0xb4]).unwrap();
    syn.write(&mut packet, &[]).unwrap();
    engine.handle_packet(&packet, NOW);
    transmits(&mut engine, &mut outcome, answer);
    let (mut seq, mut ack) = (1001, 0);
    let mut pieces: Vec<&[u8]> = pieces.to_vec();
    pieces.insert(0, b"");
    for (number, piece) in pieces.iter().enumerate() {
        for got in read(&mut engine) {
            outcome.reset |= got.rst;
            outcome.answered.extend(&got.payload);
            ack = got
                .seq
                .wrapping_add(got.payload.len() as u32 + u32::from(ack == 0 || got.fin));
        }
        let mut segment = head(seq).ack(ack);
        if fin && number + 1 == pieces.len() {
            segment = segment.fin();
        }
        let mut packet = Vec::new();
        segment.write(&mut packet, piece).unwrap();
        seq += piece.len() as u32;
        engine.handle_packet(&packet, NOW);
        transmits(&mut engine, &mut outcome, answer);
    }
    for got in read(&mut engine) {
        outcome.reset |= got.rst;
        outcome.answered.extend(&got.payload);
    }
    while let Some(event) = engine.poll_event() {
        outcome.events += usize::from(matches!(event, Event::Hit { .. }));
    }
    outcome
}

/// A destination that accepts and takes everything.
fn transmits(engine: &mut Engine, outcome: &mut Outcome, answer: &[u8]) {
    loop {
        let connected = match engine.poll_transmit() {
            Some(Transmit::Connect { flow, .. }) => flow,
            Some(Transmit::Send { flow, data }) => {
                outcome.sent.extend(data);
                let n = data.len();
                engine.handle_sent(flow, n, NOW);
                download(engine, flow, answer);
                continue;
            }
            Some(_) => continue,
            None => return,
        };
        outcome.connected = true;
        engine.handle_connected(connected, Ok(()), NOW);
    }
}

fn blocked_address() -> Policy {
    policy(&[
        (IndicatorType::IpAddress, "203.0.113.80", Action::Block),
        (IndicatorType::DomainName, "good.example", Action::Allowed),
    ])
}

#[test]
fn a_blocked_address_stays_blocked_whatever_the_bytes_look_like() {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET \x01 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"CONNECT other.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01",
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x00",
    ] {
        let outcome = play(blocked_address(), 80, &[bytes], false);
        let text = String::from_utf8_lossy(bytes);
        assert!(!outcome.connected && outcome.sent.is_empty(), "{text:?}: {outcome:?}");
        assert!(outcome.reset || !outcome.answered.is_empty(), "{text:?}: {outcome:?}");
        assert!(outcome.events > 0, "{text:?}");
    }
}

#[test]
fn an_allowed_name_lifts_a_blocked_address_for_its_own_requests_only() {
    let good = &b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n"[..];
    let other = &b"GET /x HTTP/1.1\r\nHost: other.example\r\n\r\n"[..];
    let outcome = play(blocked_address(), 80, &[good, other], false);
    assert!(outcome.connected && outcome.sent == good, "{outcome:?}");
    let outcome = play(blocked_address(), 80, &[good, b"G\x01"], false);
    assert_eq!((outcome.sent.as_slice(), outcome.reset), (good, true), "{outcome:?}");
}

#[test]
fn what_cannot_be_read_goes_on_unless_the_policy_fails_closed() {
    let bytes = &b"GET / HTTP/1.1\r\nbad header\r\n\r\n"[..];
    let outcome = play(policy(&[]), 80, &[bytes], false);
    assert_eq!((outcome.sent.as_slice(), outcome.reset), (bytes, false));
    let mut strict = policy(&[]);
    strict.settings.fail_closed = true;
    let outcome = play(strict, 80, &[bytes], false);
    assert_eq!((outcome.sent.len(), outcome.reset), (0, true));
}

#[test]
fn half_a_request_goes_on_when_the_application_has_finished() {
    let outcome = play(policy(&[]), 80, &[b"GET / HTTP/1.1\r\nHo"], true);
    assert_eq!(outcome.sent, b"GET / HTTP/1.1\r\nHo");
}

#[test]
fn requests_after_an_offer_to_upgrade_are_judged() {
    let policy = || policy(&[(IndicatorType::Url, "http://site.example/evil", Action::Block)]);
    let first = &b"GET / HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"[..];
    let second = &b"GET /evil HTTP/1.1\r\nHost: site.example\r\n\r\n"[..];
    let refused = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..];
    let outcome = play_answered(policy(), 80, &[first, second], false, refused);
    assert_eq!(outcome.sent, first);
    let page = outcome.answered.strip_prefix(refused).unwrap();
    assert!(page.starts_with(b"HTTP/1.1 403 "));
    // The server took the offer: what follows is another protocol.
    let frames = &b"\x81\x85GET /evil HTTP/1.1\r\n\r\n"[..];
    let outcome = play(policy(), 80, &[first, frames], false);
    assert_eq!(outcome.sent, [first, frames].concat());
}

#[test]
fn what_is_not_dns_passes_on_the_port_of_dns() {
    for bytes in [&b"SSH-2.0-x\r\n"[..], b"\x16\x03\x01\x02\x00\x01", b"\x00\x01x"] {
        let outcome = play(policy(&[]), 53, &[bytes], false);
        assert_eq!(outcome.sent, bytes);
    }
}

const FIREFOX: &[u8] = include_bytes!("../data/firefox-126.hello");
const CHROME: &[u8] = include_bytes!("../data/chrome-124.hello");

/// A handshake message in TLS records of up to `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
    message.chunks(size).flat_map(record).collect()
}

#[test]
fn hellos_of_browsers_are_refused_by_name_in_any_pieces() {
    let chrome = (records(CHROME, 16_384), "gstatic.com");
    let split = (records(CHROME, 500), "encrypted-tbn0.gstatic.com");
    for (hello, name) in [(FIREFOX.to_vec(), "tlsfingerprint.io"), chrome, split] {
        for size in [1400, 517, 90] {
            let pieces: Vec<&[u8]> = hello.chunks(size).collect();
            let blocked = play(
                policy(&[(IndicatorType::DomainName, name, Action::Block)]),
                443,
                &pieces,
                false,
            );
            assert_eq!(blocked.sent, b"", "{name} in pieces of {size}");
            assert_eq!(blocked.answered, [21, 3, 3, 0, 2, 2, 49], "{name} in pieces of {size}");
            assert_eq!(blocked.events, 1);
            let free = play(policy(&[]), 443, &pieces, false);
            assert_eq!((free.sent, free.answered.len()), (hello.clone(), 0));
        }
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n";
const EVIL: &[u8] = b"GET /evil HTTP/1.1\r\nHost: site.example\r\n\r\n";

fn evil_path() -> Policy {
    policy(&[(IndicatorType::Url, "http://site.example/evil", Action::Block)])
}

#[test]
fn what_servers_accept_hides_no_request() {
    let many: String = (0..500).map(|n| format!("X{n}: z\r\n")).collect();
    let long = format!("Cookie: {}\r\n", "a".repeat(40_000));
    let host = "Host: site.example\r\n";
    for request in [
        format!("\r\nGET /evil HTTP/1.1\r\n{host}\r\n"),
        format!("GET /evil HTTP/1.1\r\n{host}X[1]: z\r\n\r\n"),
        format!("GET /evil HTTP/1.1\r\n{host}{many}\r\n"),
        format!("GET /evil HTTP/1.1\r\n{many}{host}\r\n"),
        format!("GET /evil HTTP/1.1\r\n{long}{host}\r\n"),
        format!("SEARCH /evil HTTP/1.1\r\n{host}\r\n"),
        format!("PURGE /evil HTTP/1.1\r\n{host}\r\n"),
        format!("get /evil HTTP/1.1\r\n{host}\r\n"),
    ] {
        for (port, size) in [(80, 100_000), (80, 700), (7000, 100_000)] {
            let pieces: Vec<&[u8]> = request.as_bytes().chunks(size).collect();
            let outcome = play(evil_path(), port, &pieces, false);
            let page = outcome.answered.starts_with(b"HTTP/1.1 403 ");
            assert!(
                page && outcome.sent.is_empty(),
                "{request:.50} on port {port} in pieces of {size}: {} sent",
                outcome.sent.len()
            );
        }
    }
    // What only begins like a request is not held up.
    for bytes in [&b"hello"[..], b"x", b"\r\n", b"EHLO a.example\r\n", b"SSH-2.0-x y\r\n"] {
        assert_eq!(play(evil_path(), 7000, &[bytes], false).sent, bytes);
    }
}

#[test]
fn requests_behind_what_cannot_be_framed_are_judged() {
    let first = &b"POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: +5\r\n\r\n"[..];
    let ok = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..];
    let outcome = play_answered(evil_path(), 80, &[first, b"hello\n", EVIL], false, ok);
    assert_eq!(outcome.sent, [first, b"hello\n"].concat());
    assert!(String::from_utf8_lossy(&outcome.answered).contains("403 Forbidden"));
    // A request without a host is one to the host of those before.
    let outcome = play_answered(evil_path(), 80, &[GET, b"GET /evil HTTP/1.0\r\n\r\n"], false, ok);
    assert_eq!(outcome.sent, GET);
}

#[test]
fn a_page_never_answers_another_request() {
    // Both at once: the first goes on, and the connection ends when the destination has answered it.
    let both = [GET, EVIL].concat();
    let ok = &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..];
    for pieces in [&[&both[..]][..], &[GET, EVIL]] {
        let mut engine = engine(evil_path(), false);
        let (mut app, flow) = App::connect(&mut engine, 2000, 60_000);
        let mut sent: Vec<u8> = Vec::new();
        for piece in pieces {
            app.send(&mut engine, piece, NOW);
            while let Some(transmit) = engine.poll_transmit() {
                let Transmit::Send { data, .. } = transmit else {
                    continue;
                };
                sent.extend(data);
                let n = data.len();
                engine.handle_sent(flow, n, NOW);
            }
        }
        assert_eq!(sent, GET);
        app.send(&mut engine, b"more", NOW);
        assert_eq!(
            engine.poll_transmit(),
            None,
            "nothing behind the refused request goes on"
        );
        assert!(matches!(engine.poll_event(), Some(Event::Hit { .. })));
        assert_eq!(download(&mut engine, flow, ok), ok.len());
        let got = read(&mut engine);
        let answered: Vec<u8> = got.iter().flat_map(|got| got.payload.clone()).collect();
        assert!(answered == ok && got.iter().all(|got| !got.fin && !got.rst));
        app.ack += ok.len() as u32;
        app.send(&mut engine, b"", NOW);
        let quiet = NOW.saturating_add(std::time::Duration::from_secs(3));
        pass_time(&mut engine, quiet);
        assert!(read(&mut engine).iter().any(|got| got.fin && got.payload.is_empty()));
        assert_eq!(engine.poll_transmit(), Some(Transmit::Close { flow, reset: true }));
    }
    // One after the other: the page is the answer.
    let outcome = play_answered(evil_path(), 80, &[GET, EVIL], false, ok);
    assert_eq!(outcome.sent, GET);
    assert!(outcome.answered.strip_prefix(ok).unwrap().starts_with(b"HTTP/1.1 403 "));
}

#[test]
fn a_held_flow_sends_what_came_before_a_refused_request() {
    // The address is blocked and the name is not: we answered ourselves to see it.
    let list = [
        (IndicatorType::IpAddress, "203.0.113.80", Action::Block),
        (IndicatorType::DomainName, "site.example", Action::Allowed),
        (IndicatorType::Url, "http://site.example/evil", Action::Block),
    ];
    let outcome = play(policy(&list), 80, &[&[GET, EVIL].concat()], false);
    assert_eq!(
        (outcome.sent.as_slice(), outcome.answered.len(), outcome.events),
        (GET, 0, 1)
    );
}
