//! An operator's machine: one order at a time, over a connection of a client.
//!
//! Each order is a process of its own, as a command is. It says what became of it, or gives up. Others may give orders at the
//! same time: they are said behind it, and nobody waits for what becomes of them.

pub mod restore;
pub mod rolling;
pub mod sleeper;

use crate::raft::Snapshot;
use crate::sim::network::{Arrival, HostId, LineId, Network, Side};
use crate::sim::node::talk::{client_hello, frame, read_frames};
use crate::wire::{
    Form, Frame, FrameDecoder, FrameKind, Order, OrderAnswer, Request, ServerMessage,
};

/// An operator's machine.
#[derive(Debug)]
pub struct Operator {
    /// Its place in the network.
    pub host_id: HostId,
    errand: Option<Errand>,
    /// Snapshots that were saved, oldest first.
    pub saved: Vec<Snapshot>,
}

/// An order under way.
#[derive(Debug)]
struct Errand {
    line: LineId,
    order: Order,
    /// Orders of others at the same time.
    besides: Vec<Order>,
    decoder: FrameDecoder,
    /// Data of a snapshot so far.
    data: Vec<u8>,
}

/// Outcome of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// None yet.
    UnderWay,
    /// To be asked again in a moment.
    AskAgain,
    /// Done as ordered.
    Done,
    /// Refused, with a sentence.
    Refused(String),
    /// The node does not lead.
    Elsewhere,
    /// Done or not: nobody knows.
    Unknown,
}

impl Operator {
    /// A machine without an order.
    #[must_use]
    pub fn new(host_id: HostId) -> Self {
        Self { host_id, errand: None, saved: Vec::new() }
    }

    /// Whether an order is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.errand.is_some()
    }

    /// The line on which it is.
    #[must_use]
    pub fn line(&self) -> Option<LineId> {
        self.errand.as_ref().map(|errand| errand.line)
    }

    /// Takes an order to the node at `to`, the first of these, and says the others behind it.
    pub fn begin(
        &mut self,
        now: u64,
        mut orders: Vec<Order>,
        to: HostId,
        network: &mut Network,
    ) -> LineId {
        let line = network.dial(now, self.host_id, to);
        let (decoder, data) = (FrameDecoder::new(), Vec::new());
        let order = orders.remove(0);
        self.errand = Some(Errand { line, order, besides: orders, decoder, data });
        line
    }

    /// The order is over, or given up: nothing of it is on its way any more.
    pub fn end(&mut self, now: u64, network: &mut Network) {
        if let Some(errand) = self.errand.take() {
            network.abandon(now, errand.line, Side::Dialer);
        }
    }

    /// Says the order again.
    pub fn ask(&mut self, now: u64, network: &mut Network) {
        let Some(errand) = &mut self.errand else { return };
        let besides = std::mem::take(&mut errand.besides);
        for (read, order) in (OWN..).zip(std::iter::once(errand.order.clone()).chain(besides)) {
            let request = Request::Order { read, order };
            network.send(now, errand.line, Side::Dialer, frame(FrameKind::Request, &request));
        }
    }

    /// Something came in.
    pub fn handle_arrival(
        &mut self,
        now: u64,
        line: LineId,
        arrival: Arrival,
        network: &mut Network,
    ) -> Outcome {
        let Some(errand) = self.errand.as_mut().filter(|errand| errand.line == line) else {
            return Outcome::UnderWay;
        };
        match arrival {
            Arrival::Accepted => {
                // Whoever understands rights says so.
                let form = match errand.order {
                    Order::Access { .. } => Form::Named,
                    _ => Form::Fixed,
                };
                network.send(now, line, Side::Dialer, client_hello(form, "operator", None));
                Outcome::UnderWay
            }
            Arrival::Bytes(bytes) => {
                let mut frames = Vec::new();
                read_frames(&mut errand.decoder, &bytes, &mut frames).expect("our own codec");
                let mut outcome = Outcome::UnderWay;
                for frame in frames {
                    let next = self.handle_frame(now, &frame, network);
                    if next != Outcome::UnderWay {
                        outcome = next;
                    }
                }
                outcome
            }
            Arrival::Refused | Arrival::TimedOut | Arrival::ClosedByPeer | Arrival::Reset => {
                Outcome::Unknown
            }
        }
    }

    fn handle_frame(&mut self, now: u64, frame: &Frame, network: &mut Network) -> Outcome {
        match frame.kind {
            FrameKind::ClientWelcome | FrameKind::Welcome => {
                self.ask(now, network);
                Outcome::UnderWay
            }
            FrameKind::Server => match frame.decode().expect("our own codec") {
                ServerMessage::Ordered { read: OWN, answer } => {
                    self.handle_answer(now, answer, network)
                }
                ServerMessage::Leader(_) => Outcome::Elsewhere,
                _ => Outcome::UnderWay,
            },
            _ => Outcome::Unknown,
        }
    }

    fn handle_answer(&mut self, now: u64, answer: OrderAnswer, network: &mut Network) -> Outcome {
        let Some(errand) = &mut self.errand else { return Outcome::Unknown };
        match answer {
            OrderAnswer::Done { .. } | OrderAnswer::Access(_) => Outcome::Done,
            OrderAnswer::Refused { text } | OrderAnswer::Denied { text } => Outcome::Refused(text),
            OrderAnswer::Begun { at_least } => {
                errand.order = Order::Snapshot { at_least: Some(at_least), offset: 0 };
                errand.data.clear();
                Outcome::AskAgain
            }
            OrderAnswer::Part { meta, total, crc, offset, bytes } => {
                let wanted = matches!(&errand.order, Order::Snapshot { at_least, .. }
                    if offset == 0 || *at_least == Some(meta.index));
                if !wanted || offset != errand.data.len() as u64 {
                    // A newer one took its place in between.
                    return Outcome::Unknown;
                }
                errand.data.extend_from_slice(bytes.bytes());
                let next = errand.data.len() as u64;
                if next < total {
                    errand.order = Order::Snapshot { at_least: Some(meta.index), offset: next };
                    self.ask(now, network);
                    return Outcome::UnderWay;
                }
                assert_eq!(crate::base::checksum::crc32c(&errand.data), crc, "{meta:?}");
                let data = crate::base::Blob::with_crc(std::mem::take(&mut errand.data), crc);
                self.saved.push(Snapshot { meta, data });
                Outcome::Done
            }
        }
    }
}

/// The number of the order that is waited for; those of others come behind.
const OWN: u64 = 1;
