//! The few rtnetlink requests that the tunnel needs (rtnetlink(7)): addresses, routes and rules, and word of their changes.
//!
//! Written here because the rules need attributes (goto, protocol) in requests that a thread without a runtime makes;
//! `docs/decisions/0004-own-netlink-requests.md` has the reasons.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

const NETLINK_ROUTE: i32 = 0;
pub const NEW_LINK: u16 = 16;
pub const NEW_ADDRESS: u16 = 20;
pub const NEW_ROUTE: u16 = 24;
pub const DELETE_ROUTE: u16 = 25;
pub const GET_ROUTE: u16 = 26;
pub const NEW_RULE: u16 = 32;
pub const DELETE_RULE: u16 = 33;
pub const GET_RULE: u16 = 34;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const WANT_ACK: u16 = 4;
const DUMP: u16 = 0x300;
pub const CREATE: u16 = 0x400;
pub const REPLACE: u16 = 0x100;
const HEADER: usize = 16;

/// A request under construction: fixed part, then attributes.
pub struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    pub fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        Self {
            kind,
            flags: flags | REQUEST,
            body: fixed.to_vec(),
        }
    }

    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.body.extend((4 + value.len() as u16).to_ne_bytes());
        self.body.extend(kind.to_ne_bytes());
        self.body.extend(value);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
        self
    }

    fn bytes(&self, flags: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.body.len());
        bytes.extend(((HEADER + self.body.len()) as u32).to_ne_bytes());
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend((self.flags | flags).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(&self.body);
        bytes
    }
}

pub struct Netlink(OwnedFd);

impl Netlink {
    pub fn open() -> io::Result<Self> {
        Self::with_groups(0)
    }

    /// Listens to these multicast groups as well.
    pub fn with_groups(groups: u32) -> io::Result<Self> {
        // SAFETY: plain system calls; the descriptor is checked and then owned.
        let fd = unsafe {
            let fd = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, NETLINK_ROUTE);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        // SAFETY: an all-zero sockaddr_nl is valid, and its size is passed along.
        let bound = unsafe {
            let mut address: libc::sockaddr_nl = std::mem::zeroed();
            address.nl_family = libc::AF_NETLINK as u16;
            address.nl_groups = groups;
            libc::bind(
                fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_nl>() as u32,
            )
        };
        if bound < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(Self(fd))
        }
    }

    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Sends a request and waits for the kernel's word on it.
    pub fn execute(&self, request: &Request) -> io::Result<()> {
        self.send(&request.bytes(WANT_ACK))?;
        loop {
            for (kind, body) in messages(&self.receive()?) {
                if kind == ERROR {
                    return status(body);
                }
            }
        }
    }

    /// Asks for a list and gives the bodies of the messages.
    pub fn dump(&self, request: &Request) -> io::Result<Vec<Vec<u8>>> {
        self.send(&request.bytes(DUMP))?;
        let mut found = Vec::new();
        loop {
            for (kind, body) in messages(&self.receive()?) {
                match kind {
                    DONE => return Ok(found),
                    ERROR => status(body)?,
                    _ => found.push(body.to_vec()),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        nix::unistd::write(&self.0, bytes).map(drop).map_err(io::Error::from)
    }

    fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 64 << 10];
        let n = nix::unistd::read(&self.0, &mut buffer).map_err(io::Error::from)?;
        buffer.truncate(n);
        Ok(buffer)
    }
}

fn status(body: &[u8]) -> io::Result<()> {
    match body.first_chunk::<4>().map(|code| i32::from_ne_bytes(*code)) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn messages(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some(header) = rest.first_chunk::<6>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some(body) = rest.get(HEADER..length) else { break };
        found.push((u16::from_ne_bytes([header[4], header[5]]), body));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The attributes of a message behind its fixed part.
pub fn attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some(header) = rest.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let Some(value) = rest.get(4..length) else { break };
        found.push((u16::from_ne_bytes([header[2], header[3]]) & 0x3fff, value));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}
