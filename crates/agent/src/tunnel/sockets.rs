//! The sockets of open flows. They carry the mark, so that they bypass the tunnel.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use mio::{
    Interest, Registry, Token,
    net::{TcpStream, UdpSocket},
};
use moat_engine::{FlowId, Unreachable};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

/// Tokens below this are not sockets.
pub const FIRST_TOKEN: usize = 4;
/// Silence after which a peer is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
const DATAGRAM: u32 = 1 << 31;
/// Files that flows leave to the rest of the agent: control, sync, posture, the tunnel itself.
const RESERVE: usize = 64;

/// How often this host's network has changed. One number for the process, as there is one network.
static NETWORK: AtomicU64 = AtomicU64::new(0);

/// Addresses or routes of this host have changed: datagram sockets look whether theirs are still right.
pub fn network_changed() {
    NETWORK.fetch_add(1, Ordering::Relaxed);
}

pub enum Stream {
    Connecting(TcpStream),
    Open(TcpStream),
}

struct Datagram {
    socket: UdpSocket,
    /// [`NETWORK`] when the socket's address was right.
    network: u64,
}

/// Sockets by the slot of their flow.
#[derive(Default)]
pub struct Sockets {
    mark: u32,
    streams: Vec<Option<(FlowId, Stream)>>,
    datagrams: Vec<Option<(FlowId, Datagram)>>,
    /// For sockets that take another's place.
    registry: Option<Registry>,
    open: usize,
    limit: usize,
}

/// Which socket an event is for.
pub enum Ready {
    Stream(FlowId),
    Datagram(FlowId),
}

impl Sockets {
    pub fn new(mark: u32) -> Self {
        Self {
            mark,
            limit: file_limit().saturating_sub(RESERVE),
            ..Self::default()
        }
    }

    pub fn connect(&mut self, registry: &Registry, flow: FlowId, remote: SocketAddr) -> Result<(), Unreachable> {
        let mut stream = self
            .start(remote, Type::STREAM, Protocol::TCP)
            .map(TcpStream::from_std_socket)
            .map_err(|e| reason(&e))?;
        registry
            .register(&mut stream, token(flow), Interest::READABLE | Interest::WRITABLE)
            .map_err(|e| reason(&e))?;
        self.open += usize::from(put(&mut self.streams, flow, Stream::Connecting(stream)));
        Ok(())
    }

    pub fn open_datagram(&mut self, registry: &Registry, flow: FlowId, remote: SocketAddr) -> Result<(), Unreachable> {
        let network = NETWORK.load(Ordering::Relaxed);
        let opened = self.start(remote, Type::DGRAM, Protocol::UDP).and_then(|socket| {
            let mut socket = UdpSocket::from_std(socket.into());
            registry.register(&mut socket, token(flow), Interest::READABLE)?;
            if self.registry.is_none() {
                self.registry = Some(registry.try_clone()?);
            }
            Ok(Datagram { socket, network })
        });
        let datagram = opened.map_err(|e| reason(&e))?;
        self.open += usize::from(put(&mut self.datagrams, flow, datagram));
        Ok(())
    }

    fn start(&self, remote: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
        if self.open >= self.limit {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        let socket = Socket::new(
            Domain::for_address(remote),
            kind.nonblocking().cloexec(),
            Some(protocol),
        )?;
        if self.mark != 0 {
            socket.set_mark(self.mark)?;
        }
        if kind == Type::STREAM {
            socket.set_tcp_nodelay(true)?;
            // A peer that is gone without a word is found, so that its flow ends.
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE))?;
        }
        match socket.connect(&SockAddr::from(remote)) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
        }
    }

    pub fn ready(&self, token: Token) -> Option<Ready> {
        let number = u32::try_from(token.0.checked_sub(FIRST_TOKEN)?).ok()?;
        match number & DATAGRAM {
            0 => self
                .streams
                .get(number as usize)?
                .as_ref()
                .map(|(flow, _)| Ready::Stream(*flow)),
            _ => self
                .datagrams
                .get((number & !DATAGRAM) as usize)?
                .as_ref()
                .map(|(flow, _)| Ready::Datagram(*flow)),
        }
    }

    /// The outcome of a connection attempt; none while there is none, or when the socket is open already.
    pub fn connected(&mut self, flow: FlowId) -> Option<Result<(), Unreachable>> {
        let (_, stream) = self
            .streams
            .get_mut(flow.slot as usize)?
            .as_mut()
            .filter(|(id, _)| *id == flow)?;
        let Stream::Connecting(socket) = stream else {
            return None;
        };
        if let Ok(Some(error)) | Err(error) = socket.take_error() {
            return Some(Err(reason(&error)));
        }
        match socket.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return None,
            Err(error) => return Some(Err(reason(&error))),
        }
        let entry = self.streams.get_mut(flow.slot as usize)?;
        if let Some((id, Stream::Connecting(socket))) = entry.take() {
            *entry = Some((id, Stream::Open(socket)));
        }
        Some(Ok(()))
    }

    pub fn read(&mut self, flow: FlowId, buffer: &mut [u8]) -> io::Result<usize> {
        self.open(flow)?.read(buffer)
    }

    /// Bytes that the socket took; fewer than offered when it is full.
    pub fn write(&mut self, flow: FlowId, data: &[u8]) -> io::Result<usize> {
        match self.open(flow)?.write(data) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    pub fn shutdown(&mut self, flow: FlowId) {
        if let Ok(socket) = self.open(flow) {
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    pub fn send(&mut self, flow: FlowId, payload: &[u8]) -> io::Result<usize> {
        let network = NETWORK.load(Ordering::Relaxed);
        if self.datagram(flow)?.network != network {
            self.follow_network(flow, network)?;
        }
        self.datagram(flow)?.socket.send(payload)
    }

    /// A socket keeps the source address that it was connected with. When the network would choose another now, nothing that
    /// it sends is answered any more, and a new socket takes its place.
    fn follow_network(&mut self, flow: FlowId, network: u64) -> io::Result<()> {
        let held = self.datagram(flow)?;
        let (remote, address) = (held.socket.peer_addr()?, held.socket.local_addr()?.ip());
        let fresh = self.start(remote, Type::DGRAM, Protocol::UDP)?;
        let mut fresh = UdpSocket::from_std(fresh.into());
        let changed = fresh.local_addr()?.ip() != address;
        if changed && let Some(registry) = &self.registry {
            registry.register(&mut fresh, token(flow), Interest::READABLE)?;
        }
        let held = self.datagram(flow)?;
        if changed {
            held.socket = fresh;
        }
        held.network = network;
        Ok(())
    }

    pub fn receive(&mut self, flow: FlowId, buffer: &mut [u8]) -> io::Result<usize> {
        self.datagram(flow)?.socket.recv(buffer)
    }

    pub fn close(&mut self, flow: FlowId, reset: bool) {
        if flow.slot & DATAGRAM != 0 {
            self.open -= usize::from(take(&mut self.datagrams, flow).is_some());
            return;
        }
        let closed = take(&mut self.streams, flow);
        self.open -= usize::from(closed.is_some());
        if let Some(Stream::Open(socket)) = closed
            && reset
        {
            let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
    }

    fn open(&mut self, flow: FlowId) -> io::Result<&mut TcpStream> {
        match self.streams.get_mut(flow.slot as usize) {
            Some(Some((id, Stream::Open(socket)))) if *id == flow => Ok(socket),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn datagram(&mut self, flow: FlowId) -> io::Result<&mut Datagram> {
        match self.datagrams.get_mut((flow.slot & !DATAGRAM) as usize) {
            Some(Some((id, datagram))) if *id == flow => Ok(datagram),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Files that this process may have open.
fn file_limit() -> usize {
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
    limit.map_or(1024, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}

/// A connected or connecting standard socket as mio wants it.
trait FromStdSocket {
    fn from_std_socket(socket: Socket) -> Self;
}

impl FromStdSocket for TcpStream {
    fn from_std_socket(socket: Socket) -> Self {
        Self::from_std(socket.into())
    }
}

fn token(flow: FlowId) -> Token {
    Token(flow.slot as usize + FIRST_TOKEN)
}

/// True when the slot was empty.
fn put<T>(sockets: &mut Vec<Option<(FlowId, T)>>, flow: FlowId, socket: T) -> bool {
    let slot = (flow.slot & !DATAGRAM) as usize;
    if sockets.len() <= slot {
        sockets.resize_with(slot + 1, || None);
    }
    match sockets.get_mut(slot) {
        Some(entry) => entry.replace((flow, socket)).is_none(),
        None => false,
    }
}

fn take<T>(sockets: &mut [Option<(FlowId, T)>], flow: FlowId) -> Option<T> {
    let entry = sockets.get_mut((flow.slot & !DATAGRAM) as usize)?;
    if entry.as_ref().is_some_and(|(id, _)| *id == flow) {
        entry.take().map(|(_, socket)| socket)
    } else {
        None
    }
}

/// What an error means for the application.
pub fn reason(error: &io::Error) -> Unreachable {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED | libc::ECONNRESET) => Unreachable::Refused,
        Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT) => Unreachable::Host,
        Some(libc::ETIMEDOUT) => Unreachable::TimedOut,
        _ => Unreachable::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(slot: u32) -> FlowId {
        FlowId {
            slot: slot | DATAGRAM,
            generation: 1,
        }
    }

    fn nowhere() -> SocketAddr {
        ([127, 0, 0, 1], 9).into()
    }

    #[test]
    fn flows_leave_files_to_the_rest_of_the_agent() {
        let poll = mio::Poll::new().unwrap();
        let mut sockets = Sockets {
            limit: 2,
            ..Sockets::default()
        };
        let open = |sockets: &mut Sockets, slot| sockets.open_datagram(poll.registry(), flow(slot), nowhere());
        assert_eq!(open(&mut sockets, 0), Ok(()));
        assert_eq!(open(&mut sockets, 1), Ok(()));
        assert_eq!(open(&mut sockets, 2), Err(Unreachable::Other));
        sockets.close(flow(1), false);
        sockets.close(flow(1), false);
        assert_eq!(open(&mut sockets, 2), Ok(()));
        assert_eq!(open(&mut sockets, 3), Err(Unreachable::Other));
    }

    #[test]
    fn a_datagram_socket_with_the_right_address_stays() {
        let poll = mio::Poll::new().unwrap();
        let mut sockets = Sockets {
            limit: 9,
            ..Sockets::default()
        };
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sockets
            .open_datagram(poll.registry(), flow(0), peer.local_addr().unwrap())
            .unwrap();
        let sender = |sockets: &mut Sockets| {
            sockets.send(flow(0), b"x").unwrap();
            peer.recv_from(&mut [0; 9]).unwrap().1
        };
        let first = sender(&mut sockets);
        network_changed();
        assert_eq!(sender(&mut sockets), first);
    }

    #[test]
    fn a_datagram_socket_follows_the_address_of_its_host() {
        crate::namespace::with_network(|| {
            let poll = mio::Poll::new().unwrap();
            let mut sockets = Sockets {
                limit: 9,
                ..Sockets::default()
            };
            let remote = ([192, 0, 2, 10], 7777).into();
            sockets.open_datagram(poll.registry(), flow(0), remote).unwrap();
            let source = |sockets: &mut Sockets| sockets.datagram(flow(0)).unwrap().socket.local_addr().unwrap().ip();
            assert_eq!(source(&mut sockets).to_string(), "198.51.100.2");
            for change in [
                "addr flush dev eth0",
                "addr add 198.51.100.3/24 dev eth0",
                "route add default via 198.51.100.1",
            ] {
                crate::namespace::ip(change);
            }
            network_changed();
            sockets.send(flow(0), b"x").unwrap();
            assert_eq!(source(&mut sockets).to_string(), "198.51.100.3");
        });
    }
}
