//! The sockets of open flows. They carry the mark, so that they bypass the tunnel.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr},
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

pub enum Stream {
    Connecting(TcpStream),
    Open(TcpStream),
}

/// Sockets by the slot of their flow.
#[derive(Default)]
pub struct Sockets {
    mark: u32,
    streams: Vec<Option<(FlowId, Stream)>>,
    datagrams: Vec<Option<(FlowId, UdpSocket)>>,
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
        put(&mut self.streams, flow, Stream::Connecting(stream));
        Ok(())
    }

    pub fn open_datagram(&mut self, registry: &Registry, flow: FlowId, remote: SocketAddr) -> Result<(), Unreachable> {
        let socket = self.start(remote, Type::DGRAM, Protocol::UDP).map_err(|e| reason(&e))?;
        let mut socket = UdpSocket::from_std(socket.into());
        registry
            .register(&mut socket, token(flow), Interest::READABLE)
            .map_err(|e| reason(&e))?;
        put(&mut self.datagrams, flow, socket);
        Ok(())
    }

    fn start(&self, remote: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(remote),
            kind.nonblocking().cloexec(),
            Some(protocol),
        )?;
        socket.set_mark(self.mark)?;
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
        self.datagram(flow)?.send(payload)
    }

    pub fn receive(&mut self, flow: FlowId, buffer: &mut [u8]) -> io::Result<usize> {
        self.datagram(flow)?.recv(buffer)
    }

    pub fn close(&mut self, flow: FlowId, reset: bool) {
        if flow.slot & DATAGRAM != 0 {
            take(&mut self.datagrams, flow);
            return;
        }
        if let Some(Stream::Open(socket)) = take(&mut self.streams, flow)
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

    fn datagram(&mut self, flow: FlowId) -> io::Result<&mut UdpSocket> {
        match self.datagrams.get_mut((flow.slot & !DATAGRAM) as usize) {
            Some(Some((id, socket))) if *id == flow => Ok(socket),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
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

fn put<T>(sockets: &mut Vec<Option<(FlowId, T)>>, flow: FlowId, socket: T) {
    let slot = (flow.slot & !DATAGRAM) as usize;
    if sockets.len() <= slot {
        sockets.resize_with(slot + 1, || None);
    }
    if let Some(entry) = sockets.get_mut(slot) {
        *entry = Some((flow, socket));
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
