//! DNS messages (RFC 1035, EDNS RFC 6891, extended errors RFC 8914), over UDP and TCP (RFC 7766).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const A: u16 = 1;
pub const CNAME: u16 = 5;
pub const AAAA: u16 = 28;
/// Service bindings (RFC 9460): they name another host, or its addresses.
const SVCB: u16 = 64;
const HTTPS: u16 = 65;
const OPT: u16 = 41;
const CLASS_IN: u16 = 1;
/// Extended DNS Error "Blocked": the operator's policy.
const EDE_BLOCKED: u16 = 15;
/// Seconds that a blocked answer lasts: when the indicator goes, the name works again at once.
const BLOCKED_TTL: u32 = 1;
/// Longest name as text: 255 bytes on the wire (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
/// Records of one message that are looked at.
const MAX_RECORDS: usize = 512;

/// The one question of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub id: u16,
    /// Lower case, without the final dot.
    pub name: String,
    pub kind: u16,
    /// The client understands EDNS, so that an extended error can be told.
    pub has_opt: bool,
    /// Where the question ends in the message.
    end: usize,
}

/// What an answer says of names and addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Alias(String),
    Address(IpAddr, u32),
}

/// Reads a query; none when it is not a standard query with one question.
#[must_use]
pub fn question(message: &[u8]) -> Option<Question> {
    let header = message.first_chunk::<12>()?;
    let count = |at: usize| {
        message
            .get(at..at + 2)
            .and_then(|b| b.first_chunk())
            .map(|b| u16::from_be_bytes(*b))
    };
    if header[2] & 0x78 != 0 || count(4)? != 1 {
        return None;
    }
    let (name, at) = name(message, 12)?;
    let kind = number16(message, at)?;
    let end = at + 4;
    message.get(..end)?;
    let mut question = Question {
        id: number16(message, 0)?,
        name,
        kind,
        has_opt: false,
        end,
    };
    let records = usize::from(count(6)?) + usize::from(count(8)?) + usize::from(count(10)?);
    let mut position = end;
    for _ in 0..records.min(MAX_RECORDS) {
        let Some((kind, _, _, next)) = record(message, position) else {
            break;
        };
        question.has_opt |= kind == OPT;
        position = next;
    }
    Some(question)
}

/// Whether the message is a response.
#[must_use]
pub fn is_response(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

/// Aliases and addresses in an answer's records.
#[must_use]
pub fn records(message: &[u8], question: &Question) -> Vec<Record> {
    let Some(count) = number16(message, 6) else {
        return Vec::new();
    };
    let (mut found, mut position) = (Vec::new(), question.end);
    for _ in 0..usize::from(count).min(MAX_RECORDS) {
        let Some((kind, ttl, data, next)) = record(message, position) else {
            break;
        };
        let content = message.get(data..next).unwrap_or_default();
        match kind {
            CNAME => found.extend(name(message, data).map(|(name, _)| Record::Alias(name))),
            A => found.extend(
                content
                    .first_chunk::<4>()
                    .map(|ip| Record::Address(Ipv4Addr::from(*ip).into(), ttl)),
            ),
            AAAA => found.extend(
                content
                    .first_chunk::<16>()
                    .map(|ip| Record::Address(Ipv6Addr::from(*ip).into(), ttl)),
            ),
            SVCB | HTTPS => service_binding(message, data, next, ttl, &mut found),
            _ => {}
        }
        position = next;
    }
    found
}

/// The target and the address hints of a service binding (RFC 9460 §2.2, §7.3).
fn service_binding(message: &[u8], start: usize, end: usize, ttl: u32, found: &mut Vec<Record>) {
    // The target is never compressed, so that a pointer in it makes the record worthless.
    let Some((target, mut at)) = name(message.get(..end).unwrap_or_default(), start + 2) else {
        return;
    };
    if !target.is_empty() {
        found.push(Record::Alias(target));
    }
    while let (Some(key), Some(length)) = (number16(message, at), number16(message, at + 2)) {
        let value_end = at + 4 + usize::from(length);
        let Some(value) = message.get(at + 4..value_end).filter(|_| value_end <= end) else {
            return;
        };
        match key {
            4 => found.extend(
                value
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|ip| Record::Address((*ip).into(), ttl)),
            ),
            6 => found.extend(
                value
                    .as_chunks::<16>()
                    .0
                    .iter()
                    .map(|ip| Record::Address((*ip).into(), ttl)),
            ),
            _ => {}
        }
        at = value_end;
    }
}

/// Answers a blocked question: addresses lead to the sinkhole, other types have no records, and the reason is told as an
/// extended error where the client understands it.
#[must_use]
pub fn blocked_answer(message: &[u8], question: &Question, sinkhole: (Ipv4Addr, Ipv6Addr), reason: &str) -> Vec<u8> {
    let address: &[u8] = match question.kind {
        A => &sinkhole.0.octets(),
        AAAA => &sinkhole.1.octets(),
        _ => &[],
    };
    let mut out = Vec::with_capacity(question.end + 64 + reason.len());
    let recursion = message.get(2).map_or(0, |flags| flags & 1);
    out.extend(question.id.to_be_bytes());
    out.extend([0x80 | recursion, 0x80]);
    for count in [1, u16::from(!address.is_empty()), 0, u16::from(question.has_opt)] {
        out.extend(count.to_be_bytes());
    }
    push_question(&mut out, message, question);
    if !address.is_empty() {
        // A pointer to the name in the question.
        out.extend([0xc0, 12]);
        out.extend(question.kind.to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        out.extend(BLOCKED_TTL.to_be_bytes());
        out.extend((address.len() as u16).to_be_bytes());
        out.extend(address);
    }
    if question.has_opt {
        push_extended_error(&mut out, reason);
    }
    out
}

/// Repeats the question as it was asked, whose letters' case the client may compare. A name that points into the header, as no
/// honest one does, would mean something else in the answer: it is written out.
fn push_question(out: &mut Vec<u8>, message: &[u8], question: &Question) {
    let asked = message.get(12..question.end).unwrap_or_default();
    let plain_length = question.name.len() + if question.name.is_empty() { 1 } else { 2 };
    if asked.len() == plain_length + 4 {
        return out.extend(asked);
    }
    for label in question.name.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out.extend(asked.last_chunk::<4>().into_iter().flatten());
}

fn push_extended_error(out: &mut Vec<u8>, reason: &str) {
    let end = (0..=reason.len().min(200))
        .rev()
        .find(|at| reason.is_char_boundary(*at))
        .unwrap_or(0);
    let text = reason.as_bytes().get(..end).unwrap_or_default();
    let option_len = 2 + text.len() as u16;
    out.push(0);
    out.extend(OPT.to_be_bytes());
    out.extend(1232u16.to_be_bytes());
    out.extend([0; 4]);
    out.extend((4 + option_len).to_be_bytes());
    out.extend(15u16.to_be_bytes());
    out.extend(option_len.to_be_bytes());
    out.extend(EDE_BLOCKED.to_be_bytes());
    out.extend(text);
}

/// A record at `at`: its type, TTL, where its data starts and where it ends.
fn record(message: &[u8], at: usize) -> Option<(u16, u32, usize, usize)> {
    let at = skip_name(message, at)?;
    let kind = number16(message, at)?;
    let ttl = message.get(at + 4..)?.first_chunk().map(|b| u32::from_be_bytes(*b))?;
    let length = usize::from(number16(message, at + 8)?);
    let data = at + 10;
    message.get(data..data + length)?;
    Some((kind, ttl, data, data + length))
}

/// A name at `at`, following compression, and where the text after it starts.
fn name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let (mut position, mut end, mut out) = (at, None, String::new());
    // Each pointer must lead back, so that it ends.
    let mut lowest = at;
    loop {
        let length = usize::from(*message.get(position)?);
        match length {
            0 => return Some((out, end.unwrap_or(position + 1))),
            1..=63 => {
                let label = message.get(position + 1..position + 1 + length)?;
                if out.len() + usize::from(!out.is_empty()) + length > MAX_NAME {
                    return None;
                }
                if !out.is_empty() {
                    out.push('.');
                }
                out.extend(label.iter().map(|b| {
                    char::from(if b.is_ascii_graphic() && *b != b'.' {
                        b.to_ascii_lowercase()
                    } else {
                        b'?'
                    })
                }));
                position += 1 + length;
            }
            0xc0..=0xff => {
                let target = usize::from(number16(message, position)? & 0x3fff);
                end.get_or_insert(position + 2);
                if target >= lowest {
                    return None;
                }
                lowest = target;
                position = target;
            }
            _ => return None,
        }
    }
}

fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*message.get(at)?) {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + length,
            0xc0..=0xff => return Some(at + 2),
            _ => return None,
        }
    }
}

fn number16(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// DNS over TCP in both directions: messages with a length of two bytes in front.
#[derive(Debug, Default)]
pub struct Stream {
    /// Bytes of answers that are not a whole message yet.
    answers: Vec<u8>,
    space: Vec<u8>,
    /// A question has gone to the destination.
    asked: bool,
}

impl Stream {
    /// Room for bytes of answers.
    pub fn answer_space(&mut self) -> Option<&mut [u8]> {
        self.space.resize(4096, 0);
        Some(&mut self.space)
    }

    pub fn expect_answers(&mut self) {
        self.asked = true;
    }

    #[must_use]
    pub fn expects_answers(&self) -> bool {
        self.asked
    }

    /// The bytes that are no whole message.
    pub fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answers)
    }

    /// Takes in `n` bytes and gives the whole messages, with their lengths in front; none before a question was asked.
    pub fn take_answers(&mut self, n: usize) -> Vec<Vec<u8>> {
        self.answers.extend(self.space.get(..n).unwrap_or_default());
        self.space = Vec::new();
        let mut messages = Vec::new();
        if !self.asked {
            return messages;
        }
        while let Some(length) = framed(&self.answers) {
            let rest = self.answers.split_off(length);
            messages.push(std::mem::replace(&mut self.answers, rest));
        }
        messages
    }
}

/// Length of the first framed message, when it is complete.
#[must_use]
pub fn framed(bytes: &[u8]) -> Option<usize> {
    let length = 2 + usize::from(number16(bytes, 0)?);
    (bytes.len() >= length).then_some(length)
}

/// Whether a stream's bytes cannot be a framed question: shorter than a header with a name, or longer than any that is asked.
#[must_use]
pub fn is_no_question(bytes: &[u8]) -> bool {
    number16(bytes, 0).is_some_and(|length| !(17..=4096).contains(&length))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn query(name: &str, kind: u16, opt: bool) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt)];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        if opt {
            message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        }
        message
    }

    #[test]
    fn questions_and_blocked_answers() {
        let message = query("WWW.Evil.Example", A, true);
        let question = question(&message).unwrap();
        assert_eq!(
            (question.name.as_str(), question.kind, question.has_opt),
            ("www.evil.example", A, true)
        );
        let sinkhole = (Ipv4Addr::new(198, 18, 0, 3), Ipv6Addr::LOCALHOST);
        let answer = blocked_answer(&message, &question, sinkhole, "Phishing (indicator 7)");
        let parsed = hickory_proto::op::Message::from_vec(&answer).unwrap();
        assert_eq!((parsed.answers.len(), parsed.queries.len()), (1, 1));
        assert_eq!(records(&answer, &question), [Record::Address(sinkhole.0.into(), 1)]);
        assert!(answer.windows(8).any(|w| w == b"Phishing"));
        let without = super::tests::query("x.example", 65, false);
        let question = super::question(&without).unwrap();
        let answer = blocked_answer(&without, &question, sinkhole, "r");
        assert!(
            hickory_proto::op::Message::from_vec(&answer)
                .unwrap()
                .answers
                .is_empty()
        );
    }

    /// An answer to `question` with one record of this type and data.
    fn answer(question: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2] |= 0x80;
        message[7] = 1;
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
        message
    }

    #[test]
    fn service_bindings_name_hosts_and_addresses() {
        let message = query("a.example", HTTPS, false);
        let question = question(&message).unwrap();
        let of = |data: &[u8]| records(&answer(&message, HTTPS, data), &question);
        let alias = b"\0\0\x04Evil\x07example\0";
        assert_eq!(of(alias), [Record::Alias("evil.example".into())]);
        let hints = b"\0\x01\0\0\x01\0\x03\x02h2\0\x04\0\x08\xc0\0\x02\x01\xc0\0\x02\x02\0\x06\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";
        assert_eq!(
            of(hints),
            ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|ip| Record::Address(ip.parse().unwrap(), 60))
        );
        for cut in 0..hints.len() {
            let _ = of(&hints[..cut]);
        }
    }

    #[test]
    fn a_question_that_points_into_the_header_is_answered_in_full() {
        // The identifier spells a label of one letter and the flags' first byte ends it.
        let message = b"\x01a\0\0\0\x01\0\0\0\0\0\0\xc0\0\0\x01\0\x01";
        let asked = question(message).unwrap();
        assert_eq!((asked.name.as_str(), asked.kind), ("a", A));
        let answer = blocked_answer(message, &asked, (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST), "r");
        assert_eq!(question(&answer).map(|q| q.name), Some("a".into()));
        assert_eq!(records(&answer, &question(&answer).unwrap()).len(), 1);
    }

    #[test]
    fn loops_and_garbage_are_refused() {
        let mut message = query("a.example", A, false);
        message[12] = 0xc0;
        message[13] = 12;
        assert_eq!(question(&message), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..60, value: u8) {
            let mut message = query("some.name.example", AAAA, true);
            if let Some(byte) = message.get_mut(at) { *byte = value; }
            for message in [&message, &bytes] {
                if let Some(question) = question(message) {
                    let _ = records(message, &question);
                    let _ = blocked_answer(message, &question, (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST), "r");
                }
            }
        }
    }
}
