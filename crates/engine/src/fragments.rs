//! Fragments of IP datagrams: put together (RFC 791, RFC 8200 §4.5) and cut.
//!
//! What overlaps is thrown away with its whole datagram (RFC 5722), for both versions: no honest stack makes it, and two
//! readers could see two different things in it.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use moat_model::Timestamp;

use crate::{
    counters::Counters,
    packet::{checksum, ip_header},
    ring::Budget,
};

/// Bytes of incomplete datagrams that are held at most: three of the longest.
const MAX_BYTES: usize = 192 << 10;
const MAX_DATAGRAMS: usize = 32;
/// The longest datagram in pieces of the smallest MTU that is in use.
const MAX_PIECES: usize = 128;
const LIFETIME: Duration = Duration::from_secs(30);
const FRAGMENT_HEADER: u8 = 44;
/// Set in an offset when more fragments follow.
const MORE: u16 = 0x2000;

/// What tells the fragments of one datagram from others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
}

#[derive(Debug)]
struct Fragment<'a> {
    key: Key,
    protocol: u8,
    offset: usize,
    more: bool,
    payload: &'a [u8],
}

#[derive(Debug)]
struct Datagram {
    key: Key,
    until: Timestamp,
    /// Of the first fragment.
    protocol: u8,
    /// Offset and bytes, in order, without overlaps.
    pieces: Vec<(usize, Vec<u8>)>,
    /// Known when the last fragment is there.
    end: Option<usize>,
    /// Something contradicts: what is still to come is thrown away too.
    spoilt: bool,
}

impl Datagram {
    fn held(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// Datagrams that are not complete yet; bounded.
#[derive(Debug, Default)]
pub struct Fragments {
    /// The oldest first.
    datagrams: VecDeque<Datagram>,
}

impl Fragments {
    /// Takes in a fragment; gives the whole packet when it was the last that lacked.
    pub fn add(
        &mut self,
        packet: &[u8],
        now: Timestamp,
        budget: &mut Budget,
        counters: &mut Counters,
    ) -> Option<Vec<u8>> {
        self.expire(now, budget, counters);
        let Some(fragment) = parse(packet) else {
            counters.fragments_dropped += 1;
            return None;
        };
        if fragment.offset == 0 && !fragment.more {
            // Whole by itself (RFC 6946).
            return build(fragment.key, fragment.protocol, &[fragment.payload]);
        }
        if !self.make_room(&fragment, budget, counters) {
            counters.fragments_dropped += 1;
            return None;
        }
        let at = self.find(&fragment, now);
        let datagram = self.datagrams.get_mut(at)?;
        match place(datagram, &fragment) {
            Placed::New => budget.charge(fragment.payload.len()),
            Placed::Known => return None,
            Placed::Contradicts => {
                budget.give_back(datagram.held());
                counters.fragments_dropped += 1 + datagram.pieces.len() as u64;
                datagram.pieces = Vec::new();
                datagram.spoilt = true;
                return None;
            }
        }
        if datagram.end != Some(datagram.held()) {
            return None;
        }
        let datagram = self.datagrams.remove(at)?;
        budget.give_back(datagram.held());
        let pieces: Vec<&[u8]> = datagram.pieces.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        build(datagram.key, datagram.protocol, &pieces)
    }

    /// When the oldest is given up.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.datagrams.front().map(|datagram| datagram.until)
    }

    pub fn expire(&mut self, now: Timestamp, budget: &mut Budget, counters: &mut Counters) {
        while self.deadline().is_some_and(|until| until <= now) {
            self.drop_oldest(budget, counters);
        }
    }

    fn drop_oldest(&mut self, budget: &mut Budget, counters: &mut Counters) {
        if let Some(datagram) = self.datagrams.pop_front() {
            budget.give_back(datagram.held());
            counters.fragments_dropped += datagram.pieces.len() as u64;
        }
    }

    /// Gives older datagrams up until this fragment fits; false when it does not fit at all.
    fn make_room(&mut self, fragment: &Fragment<'_>, budget: &mut Budget, counters: &mut Counters) -> bool {
        let known = |datagram: &Datagram| datagram.key == fragment.key;
        loop {
            let held: usize = self.datagrams.iter().map(Datagram::held).sum();
            let fits = held + fragment.payload.len() <= MAX_BYTES && fragment.payload.len() <= budget.left();
            if fits && (self.datagrams.len() < MAX_DATAGRAMS || self.datagrams.iter().any(known)) {
                return true;
            }
            if self.datagrams.is_empty() {
                return false;
            }
            self.drop_oldest(budget, counters);
        }
    }

    fn find(&mut self, fragment: &Fragment<'_>, now: Timestamp) -> usize {
        let known = self.datagrams.iter().position(|datagram| datagram.key == fragment.key);
        known.unwrap_or_else(|| {
            self.datagrams.push_back(Datagram {
                key: fragment.key,
                until: now.saturating_add(LIFETIME),
                protocol: fragment.protocol,
                pieces: Vec::new(),
                end: None,
                spoilt: false,
            });
            self.datagrams.len() - 1
        })
    }
}

enum Placed {
    New,
    Known,
    Contradicts,
}

fn place(datagram: &mut Datagram, fragment: &Fragment<'_>) -> Placed {
    let (from, to) = (fragment.offset, fragment.offset + fragment.payload.len());
    if datagram.spoilt || datagram.pieces.len() >= MAX_PIECES {
        return Placed::Contradicts;
    }
    let same = |(at, bytes): &(usize, Vec<u8>)| *at == from && bytes == fragment.payload;
    if datagram.pieces.iter().any(same) {
        return Placed::Known;
    }
    let overlaps = |(at, bytes): &(usize, Vec<u8>)| *at < to && from < at + bytes.len();
    let last = datagram.pieces.last().map_or(0, |(at, bytes)| at + bytes.len());
    let end = if fragment.more { datagram.end } else { Some(to) };
    let other_end = datagram.end.is_some_and(|known| Some(known) != end);
    if other_end || end.is_some_and(|end| to.max(last) > end) || datagram.pieces.iter().any(overlaps) {
        return Placed::Contradicts;
    }
    datagram.end = end;
    if from == 0 {
        datagram.protocol = fragment.protocol;
    }
    let at = datagram.pieces.partition_point(|(at, _)| *at < from);
    datagram.pieces.insert(at, (from, fragment.payload.to_vec()));
    Placed::New
}

/// The fragment in a packet; none when it contradicts itself.
fn parse(packet: &[u8]) -> Option<Fragment<'_>> {
    let fragment = match packet.first()? >> 4 {
        4 => parse_v4(packet)?,
        _ => parse_v6(packet)?,
    };
    let length = fragment.payload.len();
    let cut_well = !fragment.more || length % 8 == 0;
    (length > 0 && cut_well && fragment.offset + length <= usize::from(u16::MAX)).then_some(fragment)
}

fn parse_v4(packet: &[u8]) -> Option<Fragment<'_>> {
    let head = packet.first_chunk::<20>()?;
    let header_len = usize::from(head[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let place = u16::from_be_bytes([head[6], head[7]]);
    let [.., a, b, c, d, e, f, g, h] = *head;
    Some(Fragment {
        key: Key {
            source: Ipv4Addr::new(a, b, c, d).into(),
            destination: Ipv4Addr::new(e, f, g, h).into(),
            // Each protocol numbers for itself.
            id: u32::from(head[9]) << 16 | u32::from(u16::from_be_bytes([head[4], head[5]])),
        },
        protocol: head[9],
        offset: usize::from(place & 0x1fff) * 8,
        more: place & MORE != 0,
        payload: packet.get(..total)?.get(header_len.max(20)..)?,
    })
}

fn parse_v6(packet: &[u8]) -> Option<Fragment<'_>> {
    let head = packet.first_chunk::<40>()?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let mut body = packet.get(40..40 + length)?;
    let mut next = head[6];
    for _ in 0..8 {
        let fixed = body.first_chunk::<8>()?;
        if next == FRAGMENT_HEADER {
            let place = u16::from_be_bytes([fixed[2], fixed[3]]);
            let address = |at: usize| Some(Ipv6Addr::from(*packet.get(at..)?.first_chunk::<16>()?).into());
            return Some(Fragment {
                key: Key {
                    source: address(8)?,
                    destination: address(24)?,
                    id: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
                },
                protocol: fixed[0],
                offset: usize::from(place & 0xfff8),
                more: place & 1 == 1,
                payload: body.get(8..)?,
            });
        }
        body = body.get((usize::from(fixed[1]) + 1) * 8..)?;
        next = fixed[0];
    }
    None
}

/// A packet as it would have come in one piece, with the plainest header; none when it is longer than one can be.
fn build(key: Key, protocol: u8, pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let header = if key.source.is_ipv4() { 20 } else { 0 };
    if header + length > usize::from(u16::MAX) {
        return None;
    }
    let mut packet = Vec::with_capacity(40 + length);
    ip_header(&mut packet, key.source, key.destination, protocol, length);
    pieces.iter().for_each(|piece| packet.extend_from_slice(piece));
    Some(packet)
}

/// Cuts a packet that [`ip_header`] begins into fragments of at most `mtu` bytes.
pub fn cut(packet: &[u8], mtu: u16, id: u32) -> Vec<Vec<u8>> {
    let v4 = packet.first().is_some_and(|b| b >> 4 == 4);
    let (header, extra) = if v4 { (20, 0) } else { (40, 8) };
    let Some((head, body)) = packet.split_at_checked(header) else {
        return Vec::new();
    };
    let size = (usize::from(mtu).saturating_sub(header + extra) & !7).max(8);
    let pieces = body.chunks(size).enumerate().map(|(number, piece)| {
        let offset = number * size;
        let more = offset + piece.len() < body.len();
        let mut out = Vec::with_capacity(header + extra + piece.len());
        out.extend_from_slice(head);
        if v4 {
            let place = (offset / 8) as u16 | if more { MORE } else { 0 };
            set(&mut out, 2, &((20 + piece.len()) as u16).to_be_bytes());
            set(&mut out, 4, &(id as u16).to_be_bytes());
            set(&mut out, 6, &place.to_be_bytes());
            set(&mut out, 10, &[0, 0]);
            let sum = checksum(&out);
            set(&mut out, 10, &sum.to_be_bytes());
        } else {
            let next = head.get(6).copied().unwrap_or_default();
            set(&mut out, 4, &((8 + piece.len()) as u16).to_be_bytes());
            set(&mut out, 6, &[FRAGMENT_HEADER]);
            out.extend([next, 0]);
            out.extend((offset as u16 | u16::from(more)).to_be_bytes());
            out.extend(id.to_be_bytes());
        }
        out.extend_from_slice(piece);
        out
    });
    pieces.collect()
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Malformed, build_udp, parse as parse_packet};
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn is_fragment(packet: &[u8]) -> bool {
        matches!(parse_packet(packet), Err(Malformed::Fragment))
    }

    struct World {
        fragments: Fragments,
        budget: Budget,
        counters: Counters,
    }

    impl World {
        fn new() -> Self {
            Self {
                fragments: Fragments::default(),
                budget: Budget::new(1 << 20),
                counters: Counters::default(),
            }
        }

        fn add(&mut self, packet: &[u8], now: Timestamp) -> Option<Vec<u8>> {
            assert!(is_fragment(packet));
            let whole = self.fragments.add(packet, now, &mut self.budget, &mut self.counters);
            assert!(self.budget.used() <= MAX_BYTES);
            whole
        }
    }

    fn udp(v4: bool, length: usize) -> Vec<u8> {
        let payload: Vec<u8> = (0..length).map(|at| (at * 7 + at / 256) as u8).collect();
        let (source, destination) = if v4 {
            ("192.0.2.1:1", "192.0.2.2:2")
        } else {
            ("[2001:db8::1]:1", "[2001:db8::2]:2")
        };
        let mut packet = Vec::new();
        build_udp(
            &mut packet,
            source.parse().unwrap(),
            destination.parse().unwrap(),
            &payload,
        );
        packet
    }

    proptest! {
        #[test]
        fn what_is_cut_comes_together_in_any_order(
            v4: bool, length in 1500usize..65_000, mtu in 576u16..1500, swaps in prop::collection::vec((0usize..200, 0usize..200), 0..20)
        ) {
            let packet = udp(v4, length);
            let mut pieces = cut(&packet, mtu, 77);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= usize::from(mtu)));
            let n = pieces.len();
            for (a, b) in swaps {
                pieces.swap(a % n, b % n);
            }
            let mut world = World::new();
            let last = pieces.pop().unwrap();
            for piece in &pieces {
                prop_assert_eq!(world.add(piece, NOW), None);
                prop_assert_eq!(world.add(piece, NOW), None, "the same again changes nothing");
            }
            prop_assert_eq!(world.add(&last, NOW), Some(packet));
            prop_assert_eq!((world.budget.used(), world.fragments.deadline()), (0, None));
        }

        #[test]
        fn garbage_never_panics(at in 0usize..60, value: u8, v4: bool) {
            let mut world = World::new();
            for mut piece in cut(&udp(v4, 4000), 1280, 1) {
                piece[at] = value;
                if is_fragment(&piece) {
                    world.add(&piece, NOW);
                }
            }
        }
    }

    #[test]
    fn overlaps_spoil_the_datagram_and_what_follows_of_it() {
        for v4 in [true, false] {
            let pieces = cut(&udp(v4, 4000), 1280, 5);
            let mut changed = pieces[1].clone();
            *changed.last_mut().unwrap() ^= 1;
            let mut world = World::new();
            for piece in [
                &pieces[0], &pieces[1], &changed, &pieces[2], &pieces[3], &pieces[1], &pieces[0],
            ] {
                assert_eq!(world.add(piece, NOW), None);
            }
            assert_eq!((world.budget.used(), world.counters.fragments_dropped), (0, 7));
        }
    }

    #[test]
    fn what_never_becomes_whole_is_given_up() {
        let mut world = World::new();
        for id in 0..1000 {
            assert_eq!(world.add(&cut(&udp(id % 2 == 0, 60_000), 1500, id)[0], NOW), None);
        }
        assert!(world.fragments.datagrams.len() <= MAX_DATAGRAMS);
        let late = world.fragments.deadline().unwrap();
        world.fragments.expire(late, &mut world.budget, &mut world.counters);
        assert_eq!((world.budget.used(), world.fragments.deadline()), (0, None));
        assert_eq!(world.counters.fragments_dropped, 1000);
    }

    #[test]
    fn a_fragment_that_is_whole_needs_no_other() {
        let packet = udp(false, 10);
        let alone = cut(&packet, 1500, 9).remove(0);
        assert_eq!(World::new().add(&alone, NOW), Some(packet));
    }
}
