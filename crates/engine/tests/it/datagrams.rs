use etherparse::{IpFragOffset, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder, SlicedPacket, TransportSlice};
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

/// A datagram from the application in fragments, and the same whole.
fn fragmented(v4: bool, length: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
    let payload: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
    let mut udp = Vec::new();
    let head = match v4 {
        true => PacketBuilder::ipv4([198, 18, 0, 1], [203, 0, 113, 9], 64).udp(5000, 4000),
        false => PacketBuilder::ipv6([0xfd; 16], [0x20; 16], 64).udp(5000, 4000),
    };
    head.write(&mut udp, &payload).unwrap();
    let udp = udp.split_off(if v4 { 20 } else { 40 });
    let pieces = udp.chunks(1440).enumerate().map(|(number, piece)| {
        let offset = IpFragOffset::try_new((number * 180) as u16).unwrap();
        let more = (number + 1) * 1440 < udp.len();
        let mut packet = Vec::new();
        if v4 {
            let mut ip =
                Ipv4Header::new(piece.len() as u16, 64, IpNumber::UDP, [198, 18, 0, 1], [203, 0, 113, 9]).unwrap();
            (ip.identification, ip.dont_fragment) = (77, false);
            (ip.more_fragments, ip.fragment_offset) = (more, offset);
            ip.header_checksum = ip.calc_header_checksum();
            ip.write(&mut packet).unwrap();
        } else {
            let ip = Ipv6Header {
                payload_length: 8 + piece.len() as u16,
                next_header: IpNumber::IPV6_FRAGMENTATION_HEADER,
                hop_limit: 64,
                source: [0xfd; 16],
                destination: [0x20; 16],
                ..Ipv6Header::default()
            };
            ip.write(&mut packet).unwrap();
            // RFC 8200 §4.5; the library puts the flag elsewhere.
            let place = (number * 1440) as u16 | u16::from(more);
            packet.extend([17, 0]);
            packet.extend(place.to_be_bytes());
            packet.extend([0, 0, 0, 77]);
        }
        packet.extend(piece);
        packet
    });
    (pieces.collect(), payload)
}

#[test]
fn large_datagrams_go_on_whole_and_their_answers_come_back_in_fragments() {
    for v4 in [true, false] {
        let mut engine = engine(policy(&[]), true);
        let (pieces, payload) = fragmented(v4, 4000);
        for piece in pieces.iter().rev() {
            assert_eq!(engine.poll_transmit(), None);
            engine.handle_packet(piece, NOW);
        }
        let Some(Transmit::OpenDatagram { flow, .. }) = engine.poll_transmit() else {
            panic!("no socket: {:?}", engine.counters())
        };
        assert_eq!(
            engine.poll_transmit(),
            Some(Transmit::Datagram {
                flow,
                payload: &payload
            })
        );
        engine.handle_datagram(flow, &payload, NOW);
        let mut whole: Vec<u8> = Vec::new();
        for packet in packets(&mut engine) {
            assert!(packet.len() <= 1500);
            let number = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
            let (offset, more, head) = match v4 {
                true => ((number(6) & 0x1fff) * 8, number(6) & 0x2000 != 0, 20),
                false => (number(42) & !7, number(42) & 1 == 1, 48),
            };
            assert_eq!(offset, whole.len());
            whole.extend(&packet[head..]);
            assert_eq!(more, whole.len() < 8 + payload.len());
        }
        assert_eq!(whole[8..], payload);
        let counters = engine.counters();
        assert_eq!(
            (counters.fragments, counters.reassembled, counters.fragments_dropped),
            (3, 1, 0)
        );
        assert_eq!(engine.bytes_held(), 0);
    }
}

#[test]
fn fragments_are_judged_as_what_they_are_together() {
    let list = [(IndicatorType::IpAddress, "203.0.113.0/24", Action::Block)];
    let mut engine = engine(policy(&list), true);
    for piece in fragmented(true, 4000).0 {
        engine.handle_packet(&piece, NOW);
    }
    assert_eq!(engine.poll_transmit(), None);
    let answer = packets(&mut engine).remove(0);
    assert_eq!((answer[9], answer[20], answer[21]), (1, 3, 13));
}

#[test]
fn what_is_dropped_is_counted_by_its_kind() {
    let mut engine = engine(policy(&[]), true);
    let (pieces, _) = fragmented(true, 4000);
    engine.handle_packet(&pieces[0], NOW);
    let until = engine.poll_timeout().expect("fragments are given up some time");
    engine.handle_timeout(until);
    assert_eq!((engine.poll_timeout(), engine.bytes_held()), (None, 0));
    let mut icmp = Vec::new();
    let head = PacketBuilder::ipv4([198, 18, 0, 1], [203, 0, 113, 9], 64);
    head.icmpv4_echo_request(1, 1).write(&mut icmp, b"ping").unwrap();
    let good = udp([203, 0, 113, 9], 4000, b"x");
    let mut short = good.clone();
    short[25] = 200;
    for packet in [&icmp[..], b"\x00", &good[..10], &short] {
        engine.handle_packet(packet, NOW);
    }
    let counters = engine.counters();
    let kinds = (
        counters.fragments_dropped,
        counters.other_protocols,
        counters.malformed_ip,
        counters.malformed_transport,
    );
    assert_eq!(kinds, (1, 1, 2, 1));
    assert_eq!(engine.poll_transmit(), None);
    assert!(packets(&mut engine).is_empty());
}
