//! IP, TCP, UDP and ICMP headers (RFC 791, 8200, 9293, 768, 792, 4443).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

/// Longest head that we build: IPv6 and TCP with options.
pub const MAX_HEAD: usize = 40 + 40;
/// Bytes of an offending packet that an ICMP error quotes.
const QUOTED: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    Ip,
    Transport,
    Fragment,
    OtherProtocol,
}

/// A parsed packet.
#[derive(Debug, Clone, Copy)]
pub enum Parsed<'a> {
    Tcp(TcpSegment<'a>),
    Udp {
        source: SocketAddr,
        destination: SocketAddr,
        payload: &'a [u8],
    },
}

#[derive(Debug, Clone, Copy)]
pub struct TcpSegment<'a> {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    /// Of a SYN.
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub payload: &'a [u8],
}

impl TcpSegment<'_> {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

pub fn parse(packet: &[u8]) -> Result<Parsed<'_>, Malformed> {
    let (source, destination, protocol, payload) = match packet.first().map(|b| b >> 4) {
        Some(4) => parse_v4(packet)?,
        Some(6) => parse_v6(packet)?,
        _ => return Err(Malformed::Ip),
    };
    match protocol {
        TCP => parse_tcp(source, destination, payload)
            .ok_or(Malformed::Transport)
            .map(Parsed::Tcp),
        UDP => parse_udp(source, destination, payload).ok_or(Malformed::Transport),
        _ => Err(Malformed::OtherProtocol),
    }
}

type Ip<'a> = (IpAddr, IpAddr, u8, &'a [u8]);

fn parse_v4(packet: &[u8]) -> Result<Ip<'_>, Malformed> {
    let head = packet.first_chunk::<20>().ok_or(Malformed::Ip)?;
    let header_len = usize::from(head[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let body = packet
        .get(..total)
        .and_then(|packet| packet.get(header_len.max(20)..))
        .ok_or(Malformed::Ip)?;
    if header_len < 20 {
        return Err(Malformed::Ip);
    }
    // More fragments, or not the first.
    if u16::from_be_bytes([head[6], head[7]]) & 0x3fff != 0 {
        return Err(Malformed::Fragment);
    }
    let [.., a, b, c, d, e, f, g, h] = *head;
    Ok((
        Ipv4Addr::new(a, b, c, d).into(),
        Ipv4Addr::new(e, f, g, h).into(),
        head[9],
        body,
    ))
}

fn parse_v6(packet: &[u8]) -> Result<Ip<'_>, Malformed> {
    let head = packet.first_chunk::<40>().ok_or(Malformed::Ip)?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let mut body = packet.get(40..40 + length).ok_or(Malformed::Ip)?;
    let address = |at: usize| {
        packet
            .get(at..)
            .and_then(|rest| rest.first_chunk::<16>())
            .map(|b| IpAddr::from(Ipv6Addr::from(*b)))
    };
    let (source, destination) = (address(8).ok_or(Malformed::Ip)?, address(24).ok_or(Malformed::Ip)?);
    let mut next = head[6];
    // Hop-by-hop, routing and destination options; a chain longer than this is no honest packet.
    for _ in 0..8 {
        match next {
            0 | 43 | 60 => {
                let [following, length, ..] = *body else {
                    return Err(Malformed::Ip);
                };
                body = body.get((usize::from(length) + 1) * 8..).ok_or(Malformed::Ip)?;
                next = following;
            }
            44 => return Err(Malformed::Fragment),
            _ => return Ok((source, destination, next, body)),
        }
    }
    Err(Malformed::Ip)
}

fn parse_tcp(source: IpAddr, destination: IpAddr, segment: &[u8]) -> Option<TcpSegment<'_>> {
    let head = segment.first_chunk::<20>()?;
    let data_offset = usize::from(head[12] >> 4) * 4;
    let options = segment.get(20..data_offset)?;
    let flags = head[13];
    let (mss, window_scale) = if flags & SYN != 0 {
        syn_options(options)
    } else {
        (None, None)
    };
    Some(TcpSegment {
        source: SocketAddr::new(source, u16::from_be_bytes([head[0], head[1]])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([head[2], head[3]])),
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ack: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags,
        window: u16::from_be_bytes([head[14], head[15]]),
        mss,
        window_scale,
        payload: segment.get(data_offset..)?,
    })
}

fn syn_options(mut options: &[u8]) -> (Option<u16>, Option<u8>) {
    let (mut mss, mut scale) = (None, None);
    loop {
        match *options {
            [] | [0, ..] => break,
            [1, ref rest @ ..] => options = rest,
            [kind, length, ref rest @ ..] => {
                match (kind, length, rest) {
                    (2, 4, [high, low, ..]) => mss = Some(u16::from_be_bytes([*high, *low])),
                    (3, 3, [shift, ..]) => scale = Some((*shift).min(14)),
                    _ => {}
                }
                let Some(next) = usize::from(length).checked_sub(2).and_then(|skip| rest.get(skip..)) else {
                    break;
                };
                options = next;
            }
            [_] => break,
        }
    }
    (mss, scale)
}

fn parse_udp(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> Option<Parsed<'_>> {
    let head = datagram.first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    Some(Parsed::Udp {
        source: SocketAddr::new(source, u16::from_be_bytes([head[0], head[1]])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([head[2], head[3]])),
        payload: datagram.get(8..length)?,
    })
}

/// A TCP header to build.
pub struct TcpHead {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    /// For a SYN-ACK: MSS, and our window scale if the peer scales.
    pub syn: Option<(u16, Option<u8>)>,
}

/// Writes IP and TCP headers for a payload of `payload_len`. With `partial`, the checksum is left for whoever segments.
pub fn build_tcp(out: &mut Vec<u8>, head: &TcpHead, payload: [&[u8]; 2], partial: bool) -> usize {
    let payload_len = payload.iter().map(|p| p.len()).sum::<usize>();
    let [mss_high, mss_low] = head.syn.map_or(0, |(mss, _)| mss).to_be_bytes();
    let all = [
        2,
        4,
        mss_high,
        mss_low,
        1,
        3,
        3,
        head.syn.and_then(|(_, scale)| scale).unwrap_or(0),
    ];
    let options = match head.syn {
        None => &[][..],
        Some((_, None)) => all.get(..4).unwrap_or_default(),
        Some(_) => &all,
    };
    let tcp_len = 20 + options.len();
    let [a, b] = head.source.port().to_be_bytes();
    let [c, d] = head.destination.port().to_be_bytes();
    let [e, f, g, h] = head.seq.to_be_bytes();
    let [i, j, k, l] = head.ack.to_be_bytes();
    let [m, n] = head.window.to_be_bytes();
    let data_offset = ((tcp_len / 4) << 4) as u8;
    let mut tcp = [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        j,
        k,
        l,
        data_offset,
        head.flags,
        m,
        n,
        0,
        0,
        0,
        0,
    ];
    let pseudo = pseudo_sum(head.source.ip(), head.destination.ip(), TCP, tcp_len + payload_len);
    let checksum = match partial {
        true => fold(pseudo),
        false => !fold(sum_parts(sum(pseudo + sum_of(&tcp), options), payload)),
    };
    [tcp[16], tcp[17]] = checksum.to_be_bytes();
    out.clear();
    let ip_len = ip_header(out, head.source.ip(), head.destination.ip(), TCP, tcp_len + payload_len);
    out.extend(tcp);
    out.extend(options);
    ip_len
}

/// A whole UDP packet.
pub fn build_udp(out: &mut Vec<u8>, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
    let length = 8 + payload.len();
    out.clear();
    ip_header(out, source.ip(), destination.ip(), UDP, length);
    let mut udp = Vec::with_capacity(8);
    for number in [source.port(), destination.port(), length as u16] {
        udp.extend(number.to_be_bytes());
    }
    let pseudo = pseudo_sum(source.ip(), destination.ip(), UDP, length);
    let checksum = match !fold(sum(pseudo + sum_of(&udp), payload)) {
        0 => u16::MAX,
        checksum => checksum,
    };
    out.extend(udp);
    out.extend(checksum.to_be_bytes());
    out.extend(payload);
}

/// Why a packet cannot be delivered, as ICMP says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpReason {
    Port,
    Host,
    Prohibited,
}

/// An ICMP "destination unreachable" that answers `offending`.
pub fn build_unreachable(out: &mut Vec<u8>, offending: &[u8], reason: IcmpReason) {
    let quoted = offending.get(..QUOTED).unwrap_or(offending);
    out.clear();
    match offending.first().map(|b| b >> 4) {
        Some(4) => {
            let Ok((source, destination, ..)) = parse_v4(offending) else {
                return;
            };
            let code = match reason {
                IcmpReason::Port => 3,
                IcmpReason::Host => 1,
                IcmpReason::Prohibited => 13,
            };
            let head = [3, code, 0, 0, 0, 0, 0, 0];
            let checksum = !fold(sum(sum_of(&head), quoted));
            ip_header(out, destination, source, ICMP, 8 + quoted.len());
            push_icmp(out, [3, code], checksum, quoted);
        }
        Some(6) => {
            let Ok((source, destination, ..)) = parse_v6(offending) else {
                return;
            };
            let code = match reason {
                IcmpReason::Port => 4,
                IcmpReason::Host => 3,
                IcmpReason::Prohibited => 1,
            };
            let head = [1, code, 0, 0, 0, 0, 0, 0];
            let pseudo = pseudo_sum(destination, source, ICMP_V6, 8 + quoted.len());
            let checksum = !fold(sum(pseudo + sum_of(&head), quoted));
            ip_header(out, destination, source, ICMP_V6, 8 + quoted.len());
            push_icmp(out, [1, code], checksum, quoted);
        }
        _ => {}
    }
}

fn push_icmp(out: &mut Vec<u8>, kind: [u8; 2], checksum: u16, quoted: &[u8]) {
    out.extend(kind);
    out.extend(checksum.to_be_bytes());
    out.extend([0; 4]);
    out.extend(quoted);
}

/// Appends an IP header and gives its length.
pub fn ip_header(out: &mut Vec<u8>, source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> usize {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [t, u] = ((20 + length) as u16).to_be_bytes();
            let ([a, b, c, d], [e, f, g, h]) = (source.octets(), destination.octets());
            let mut head = [0x45, 0, t, u, 0, 0, 0x40, 0, 64, protocol, 0, 0, a, b, c, d, e, f, g, h];
            let [high, low] = checksum(&head).to_be_bytes();
            head[10] = high;
            head[11] = low;
            out.extend(head);
            20
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let length = (length as u16).to_be_bytes();
            out.extend([0x60, 0, 0, 0, length[0], length[1], protocol, 64]);
            out.extend(source.octets());
            out.extend(destination.octets());
            40
        }
        _ => 0,
    }
}

/// The checksum of an IPv4 header in which it is still zero.
pub fn checksum(head: &[u8]) -> u16 {
    !fold(sum_of(head))
}

fn pseudo_sum(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> u64 {
    let addresses = match (source, destination) {
        (IpAddr::V4(a), IpAddr::V4(b)) => sum_of(&a.octets()) + sum_of(&b.octets()),
        (IpAddr::V6(a), IpAddr::V6(b)) => sum_of(&a.octets()) + sum_of(&b.octets()),
        _ => 0,
    };
    addresses + u64::from(protocol) + length as u64
}

fn sum_of(bytes: &[u8]) -> u64 {
    sum(0, bytes)
}

/// Adds big-endian 16-bit words, eight bytes at a time; the carries are folded at the end.
fn sum(mut total: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_be_bytes(*word);
        total += (word >> 32) + (word & 0xffff_ffff);
    }
    let (pairs, last) = rest.as_chunks::<2>();
    total += pairs
        .iter()
        .map(|pair| u64::from(u16::from_be_bytes(*pair)))
        .sum::<u64>();
    total + last.first().map_or(0, |byte| u64::from(*byte) << 8)
}

/// Sums two parts that follow each other; when the first has an odd length, the second is shifted by a byte.
fn sum_parts(total: u64, [first, second]: [&[u8]; 2]) -> u64 {
    let total = sum(total, first);
    match first.len() % 2 {
        0 => sum(total, second),
        _ => total + u64::from(fold(sum_of(second)).swap_bytes()),
    }
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};

    fn v4() -> (SocketAddr, SocketAddr) {
        ("192.0.2.1:1000".parse().unwrap(), "198.51.100.2:80".parse().unwrap())
    }

    fn v6() -> (SocketAddr, SocketAddr) {
        (
            "[2001:db8::1]:1000".parse().unwrap(),
            "[2001:db8::2]:80".parse().unwrap(),
        )
    }

    #[test]
    fn what_we_build_has_right_checksums() {
        for (source, destination) in [v4(), v6()] {
            for payload in [
                [&b"hello"[..], &b"world!"[..]],
                [&b""[..], &b""[..]],
                [&b"ab"[..], &b"c"[..]],
            ] {
                let head = TcpHead {
                    source,
                    destination,
                    seq: 7,
                    ack: 9,
                    flags: ACK | PSH,
                    window: 500,
                    syn: Some((1460, Some(4))),
                };
                let mut packet = Vec::new();
                build_tcp(&mut packet, &head, payload, false);
                packet.extend(payload.concat());
                let sliced = SlicedPacket::from_ip(&packet).unwrap();
                let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
                    panic!("not TCP")
                };
                let expected = match sliced.net.unwrap() {
                    etherparse::NetSlice::Ipv4(ip) => {
                        assert_eq!(
                            ip.header().header_checksum(),
                            ip.header().to_header().calc_header_checksum()
                        );
                        tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
                            .unwrap()
                    }
                    etherparse::NetSlice::Ipv6(ip) => tcp
                        .to_header()
                        .calc_checksum_ipv6(&ip.header().to_header(), tcp.payload())
                        .unwrap(),
                    _ => panic!("not IP"),
                };
                assert_eq!(tcp.checksum(), expected);
            }
            let mut packet = Vec::new();
            build_udp(&mut packet, source, destination, b"odd");
            assert!(matches!(parse(&packet), Ok(Parsed::Udp { payload: b"odd", .. })));
        }
    }

    #[test]
    fn parses_what_others_build() {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([192, 0, 2, 1], [198, 51, 100, 2], 64)
            .tcp(1000, 80, 77, 5)
            .ack(3)
            .write(&mut packet, b"x")
            .unwrap();
        let Ok(Parsed::Tcp(segment)) = parse(&packet) else {
            panic!("not parsed")
        };
        assert_eq!((segment.source, segment.destination), v4());
        assert_eq!((segment.seq, segment.ack, segment.payload), (77, 3, &b"x"[..]));
    }

    #[test]
    fn cuts_and_lies_are_malformed_and_never_panic() {
        let mut packet = Vec::new();
        let (source, destination) = v6();
        build_udp(&mut packet, source, destination, b"payload");
        for cut in 0..packet.len() {
            assert!(parse(&packet[..cut]).is_err(), "{cut}");
        }
        for at in 0..packet.len() {
            for value in [0, 1, 0x45, 0x60, 0xff] {
                let mut changed = packet.clone();
                changed[at] = value;
                let _ = parse(&changed);
                build_unreachable(&mut Vec::new(), &changed, IcmpReason::Port);
            }
        }
    }
}
