use etherparse::{SlicedPacket, TransportSlice};
use moat_engine::{Event, Transmit, Unreachable};
use moat_model::{Action, IndicatorType};

use crate::world::{NOW, engine, packets, policy, query, udp};

#[test]
fn a_question_goes_on_and_its_answer_comes_back() {
    let mut engine = engine(policy(&[]), true);
    let question = query("good.example", 1);
    engine.handle_packet(&udp([203, 0, 113, 53], 53, &question), NOW);
    let Some(Transmit::OpenDatagram { flow, remote }) = engine.poll_transmit() else {
        panic!("no socket")
    };
    assert_eq!(remote, "203.0.113.53:53".parse().unwrap());
    assert_eq!(
        engine.poll_transmit(),
        Some(Transmit::Datagram {
            flow,
            payload: &question
        })
    );
    assert_eq!(engine.poll_transmit(), None);
    engine.handle_datagram(flow, b"\x12\x34\x81\x80 any answer", NOW);
    let answers = packets(&mut engine);
    let sliced = SlicedPacket::from_ip(&answers[0]).unwrap();
    let Some(TransportSlice::Udp(answer)) = sliced.transport else {
        panic!("not UDP")
    };
    assert_eq!(
        (answer.source_port(), answer.destination_port(), answer.payload()),
        (53, 5000, &b"\x12\x34\x81\x80 any answer"[..])
    );
}

#[test]
fn a_blocked_question_never_leaves() {
    let mut engine = engine(
        policy(&[(IndicatorType::DomainName, "evil.example", Action::Block)]),
        true,
    );
    engine.handle_packet(&udp([203, 0, 113, 53], 53, &query("www.evil.example", 1)), NOW);
    assert_eq!(engine.poll_transmit(), None);
    let answers = packets(&mut engine);
    assert!(
        answers[0].windows(4).any(|w| w == [198, 18, 0, 3]),
        "the sinkhole's address"
    );
    assert!(
        answers[0].windows(8).any(|w| w == b"Phishing"),
        "the reason as an extended error"
    );
    let Some(Event::Hit { matched, site }) = engine.poll_event() else {
        panic!("no event")
    };
    assert_eq!(
        (matched.action, site.value.as_str(), site.seen_in.as_str()),
        (Action::Block, "www.evil.example", "dns")
    );
    assert_eq!(engine.poll_event(), None);
}

#[test]
fn a_datagram_to_a_blocked_address_is_refused_by_icmp() {
    let mut engine = engine(
        policy(&[(IndicatorType::IpAddress, "203.0.113.0/24", Action::Block)]),
        true,
    );
    engine.handle_packet(&udp([203, 0, 113, 9], 443, b"QUIC"), NOW);
    assert_eq!(engine.poll_transmit(), None);
    let answer = packets(&mut engine).remove(0);
    assert_eq!(
        (answer[9], answer[20], answer[21]),
        (1, 3, 13),
        "ICMP, unreachable, prohibited"
    );
}

#[test]
fn errors_of_the_network_reach_the_application() {
    let mut engine = engine(policy(&[]), true);
    engine.handle_packet(&udp([203, 0, 113, 9], 4000, b"x"), NOW);
    let Some(Transmit::OpenDatagram { flow, .. }) = engine.poll_transmit() else {
        panic!("no socket")
    };
    engine.handle_datagram_error(flow, Unreachable::Refused, NOW);
    let answer = packets(&mut engine).remove(0);
    assert_eq!((answer[9], answer[20], answer[21]), (1, 3, 3));
}
