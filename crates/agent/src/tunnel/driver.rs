//! The loop that moves bytes between the TUN device, the engine and the sockets. One thread owns all three.
//!
//! It drains what the engine wants to give before it feeds it anything new, and sleeps while nothing happens.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Read as _, Write as _},
    os::fd::AsRawFd as _,
    sync::{Arc, mpsc},
    time::Duration,
};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token, Waker, event::Event as Readiness, unix::SourceFd};
use moat_engine::{Checksum, Config, Counters, Engine, Event, FlowId, Packet, Policy, Transmit};
use moat_model::{IndicatorId, Timestamp};

use super::{
    device::{Tun, VNET_HEADER},
    sockets::{Ready, Sockets, reason},
};
use crate::clock::Clock;

const TUN: Token = Token(0);
const WAKE: Token = Token(1);
/// Packets read from the device before the engine is drained.
const BATCH: usize = 32;
/// Reads of one socket before others get their turn.
const READS: usize = 4;
const PACKET: usize = 65_600;
const NEEDS_CHECKSUM: u8 = 1;
const GSO_TCP_V4: u8 = 1;
const GSO_TCP_V6: u8 = 4;

/// What other threads ask of the tunnel.
pub enum Order {
    Policy(Box<Policy>),
    Bypasses(Vec<(IndicatorId, Timestamp)>),
    /// End all flows: web protection was switched off.
    CloseAll,
    Counters(mpsc::SyncSender<Counters>),
    Stop,
}

/// Sends orders to a running driver.
#[derive(Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    waker: Arc<Waker>,
}

impl Handle {
    pub fn send(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            let _ = self.waker.wake();
        }
    }

    /// The engine's counters; none when the tunnel does not answer.
    pub fn counters(&self) -> Option<Counters> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(Order::Counters(sender));
        receiver.recv_timeout(Duration::from_secs(1)).ok()
    }
}

pub struct Driver {
    poll: Poll,
    tun: Tun,
    engine: Engine,
    sockets: Sockets,
    clock: Clock,
    orders: mpsc::Receiver<Order>,
    events: Box<dyn FnMut(Event) -> bool + Send>,
    /// Events that their receiver did not take.
    events_dropped: u64,
    /// Sockets that have more to read.
    readable: VecDeque<FlowId>,
    tun_readable: bool,
    packet: Vec<u8>,
}

impl Driver {
    /// `events` takes what the engine tells; false when it was lost.
    pub fn new(
        tun: Tun,
        mark: u32,
        config: Config,
        policy: Policy,
        events: impl FnMut(Event) -> bool + Send + 'static,
    ) -> Result<(Self, Handle)> {
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut SourceFd(&tun.file.as_raw_fd()), TUN, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (sender, orders) = mpsc::channel();
        let clock = Clock::start();
        let driver = Self {
            poll,
            tun,
            engine: Engine::new(config, policy, clock.now()),
            sockets: Sockets::new(mark),
            clock,
            orders,
            events: Box::new(events),
            events_dropped: 0,
            readable: VecDeque::new(),
            tun_readable: true,
            packet: vec![0; PACKET],
        };
        Ok((driver, Handle { orders: sender, waker }))
    }

    /// Runs until it is told to stop or the device fails.
    pub fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                return Err(error.into());
            }
            let now = self.clock.now();
            for event in &events {
                match event.token() {
                    TUN => self.tun_readable = true,
                    WAKE => {
                        if !self.take_orders(now) {
                            self.engine.close_all(now);
                            self.drain();
                            return Ok(());
                        }
                    }
                    _ => self.socket_ready(event, now),
                }
            }
            self.drain();
            self.read_tun()?;
            self.read_sockets();
            self.engine.handle_timeout(self.clock.now());
            self.drain();
        }
    }

    /// How long to sleep: not at all while something waits, forever while nothing is in flight.
    fn timeout(&self) -> Option<Duration> {
        if self.tun_readable || !self.readable.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadline = self.engine.poll_timeout()?;
        // Rounded up: waking just before the deadline would mean waking twice.
        Some(deadline.since(self.clock.now()) + Duration::from_millis(1))
    }

    /// False when the tunnel is to stop.
    fn take_orders(&mut self, now: Timestamp) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Policy(policy)) => self.engine.set_policy(*policy, now),
                Ok(Order::Bypasses(bypasses)) => self.engine.set_bypasses(bypasses),
                Ok(Order::CloseAll) => self.engine.close_all(now),
                Ok(Order::Counters(answer)) => {
                    let mut counters = self.engine.counters();
                    counters.events_dropped += self.events_dropped;
                    let _ = answer.try_send(counters);
                }
                Ok(Order::Stop) | Err(mpsc::TryRecvError::Disconnected) => return false,
                Err(mpsc::TryRecvError::Empty) => return true,
            }
        }
    }

    fn socket_ready(&mut self, event: &Readiness, now: Timestamp) {
        match self.sockets.ready(event.token()) {
            None => {}
            Some(Ready::Datagram(flow)) => self.read_datagrams(flow),
            Some(Ready::Stream(flow)) => {
                if let Some(result) = self.sockets.connected(flow) {
                    self.engine.handle_connected(flow, result, now);
                } else if event.is_writable() {
                    self.engine.handle_writable(flow, now);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.readable.push_back(flow);
                }
            }
        }
    }

    /// Reads packets until the device has no more, draining the engine between batches.
    fn read_tun(&mut self) -> Result<()> {
        let header = if self.tun.offload { VNET_HEADER } else { 0 };
        for _ in 0..BATCH {
            if !self.tun_readable {
                break;
            }
            match (&self.tun.file).read(&mut self.packet) {
                Ok(n) => {
                    let now = self.clock.now();
                    self.engine
                        .handle_packet(self.packet.get(header..n).unwrap_or_default(), now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.tun_readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(anyhow::Error::new(error).context("the TUN device is gone")),
            }
        }
        self.drain();
        Ok(())
    }

    /// Gives each socket with something to read its turn.
    fn read_sockets(&mut self) {
        for _ in 0..self.readable.len() {
            let Some(flow) = self.readable.pop_front() else { break };
            if self.read_stream(flow) {
                self.readable.push_back(flow);
            }
            self.drain();
        }
    }

    /// Reads straight into the engine's room; true when there may be more.
    fn read_stream(&mut self, flow: FlowId) -> bool {
        for _ in 0..READS {
            let Some(space) = self.engine.receive_space(flow) else {
                return false;
            };
            let read = self.sockets.read(flow, space);
            let now = self.clock.now();
            match read {
                Ok(0) => {
                    self.engine.handle_eof(flow, now);
                    return false;
                }
                // Until the socket says that it is empty: the word of its end may have come while there was no room.
                Ok(n) => self.engine.handle_received(flow, n, now),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_empty(&error) && !self.engine.has_send_failed(flow) => return false,
                Err(_) => {
                    self.engine.handle_reset(flow, now);
                    return false;
                }
            }
        }
        true
    }

    fn read_datagrams(&mut self, flow: FlowId) {
        loop {
            let received = self.sockets.receive(flow, &mut self.packet);
            let now = self.clock.now();
            match received {
                Ok(n) => self
                    .engine
                    .handle_datagram(flow, self.packet.get(..n).unwrap_or_default(), now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => break,
                Err(error) => self.engine.handle_datagram_error(flow, reason(&error), now),
            }
        }
        self.drain();
    }

    /// Carries out all that the engine has to give.
    fn drain(&mut self) {
        loop {
            let mut idle = true;
            while self.transmit() {
                idle = false;
            }
            while let Some(packet) = self.engine.poll_packet() {
                idle = false;
                write_packet(&self.tun, &packet);
            }
            while let Some(event) = self.engine.poll_event() {
                self.events_dropped += u64::from(!(self.events)(event));
            }
            if idle {
                break;
            }
        }
    }

    /// Carries out one transmit; false when there is none.
    fn transmit(&mut self) -> bool {
        let now = self.clock.now();
        let registry = self.poll.registry();
        match self.engine.poll_transmit() {
            None => return false,
            Some(Transmit::Connect { flow, remote }) => {
                if let Err(reason) = self.sockets.connect(registry, flow, remote) {
                    self.engine.handle_connected(flow, Err(reason), now);
                }
            }
            Some(Transmit::Send { flow, data }) => match self.sockets.write(flow, data) {
                Ok(n) => self.engine.handle_sent(flow, n, now),
                Err(_) => {
                    // What the destination said before it broke off is still to be read.
                    self.engine.handle_send_failed(flow, now);
                    self.readable.push_back(flow);
                }
            },
            Some(Transmit::Shutdown { flow }) => self.sockets.shutdown(flow),
            Some(Transmit::Close { flow, reset }) => self.sockets.close(flow, reset),
            Some(Transmit::Resume { flow }) => self.readable.push_back(flow),
            Some(Transmit::OpenDatagram { flow, remote }) => {
                if let Err(reason) = self.sockets.open_datagram(registry, flow, remote) {
                    self.engine.handle_datagram_error(flow, reason, now);
                }
            }
            Some(Transmit::Datagram { flow, payload }) => {
                let harmless = [io::ErrorKind::WouldBlock, io::ErrorKind::NotConnected];
                if let Err(error) = self.sockets.send(flow, payload)
                    && !harmless.contains(&error.kind())
                {
                    self.engine.handle_datagram_error(flow, reason(&error), now);
                }
            }
        }
        true
    }
}

/// Whether a read failed because there is nothing to read, or no socket any more.
fn is_empty(error: &io::Error) -> bool {
    [io::ErrorKind::WouldBlock, io::ErrorKind::NotConnected].contains(&error.kind())
}

/// Writes a packet to the device. When the kernel's queue is full it is lost, as on any link; TCP sends it again.
fn write_packet(tun: &Tun, packet: &Packet<'_>) {
    let header = vnet_header(packet);
    let parts = [
        IoSlice::new(&header),
        IoSlice::new(packet.head),
        IoSlice::new(packet.payload[0]),
        IoSlice::new(packet.payload[1]),
    ];
    let parts = if tun.offload { &parts[..] } else { &parts[1..] };
    let _ = (&tun.file).write_vectored(parts);
}

/// `struct virtio_net_hdr`: what the kernel is to do with checksum and segmentation.
fn vnet_header(packet: &Packet<'_>) -> [u8; VNET_HEADER] {
    let mut header = [0; VNET_HEADER];
    if let Checksum::Partial { start, offset } = packet.checksum {
        header[0] = NEEDS_CHECKSUM;
        header[6..8].copy_from_slice(&start.to_ne_bytes());
        header[8..10].copy_from_slice(&offset.to_ne_bytes());
    }
    if packet.gso_size > 0 {
        header[1] = if packet.head.first().is_some_and(|b| b >> 4 == 6) {
            GSO_TCP_V6
        } else {
            GSO_TCP_V4
        };
        header[2..4].copy_from_slice(&(packet.head.len() as u16).to_ne_bytes());
        header[4..6].copy_from_slice(&packet.gso_size.to_ne_bytes());
    }
    header
}
