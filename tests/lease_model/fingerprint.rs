//! A world as a number: worlds that go on alike have the same.
//!
//! The cores are fed in as their debug text, which shows all their fields; the bytes of log entries, which
//! it does not show, are fed in besides. Two different worlds with one number would hide part of the search:
//! with n states that happens with a probability of about n² / 2⁶⁵.

use crate::lease_model::network::Packet;
use crate::lease_model::node::Node;
use crate::lease_model::world::World;
use std::fmt::{self, Debug, Write};
use std::hash::{DefaultHasher, Hasher};
use tenure::base::Index;
use tenure::raft::{Entry, Message};

impl World {
    pub fn fingerprint(&self) -> u64 {
        let mut text = Text::default();
        text.debug(&(self.now, &self.network, &self.told));
        let copies = self.network.copies.iter().map(|(_, packet)| packet);
        for packet in self.network.lines.values().flatten().chain(copies) {
            if let Packet::Peer(Message::Append(append)) = packet {
                append.entries.iter().for_each(|entry| text.payload(entry));
            }
        }
        for node in &self.nodes {
            text.number(node.fingerprint(of_node));
        }
        for client in &self.clients {
            text.number(client.fingerprint(Text::of));
        }
        text.finish()
    }
}

fn of_node(node: &Node) -> u64 {
    let mut text = Text::default();
    text.debug(node);
    node.disk.entries.iter().for_each(|entry| text.payload(entry));
    if let Some(replica) = &node.replica {
        let logged = (1..=replica.raft().last_index().0).map(Index);
        let logged = logged.filter_map(|index| replica.raft().entry(index));
        logged.for_each(|entry| text.payload(entry));
    }
    text.finish()
}

/// What is written to it, and at the end a hash of that: debug texts come in pieces of a few bytes, and each would be a call of the hasher.
struct Text(Vec<u8>);

impl Default for Text {
    fn default() -> Self {
        Self(Vec::with_capacity(TEXT_BYTES))
    }
}

impl Text {
    fn of(value: &impl Debug) -> u64 {
        let mut text = Self::default();
        text.debug(value);
        text.finish()
    }

    fn debug(&mut self, value: &impl Debug) {
        write!(self, "{value:?}").expect("memory takes it");
    }

    fn payload(&mut self, entry: &Entry) {
        self.0.extend_from_slice(entry.payload.bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn finish(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher.finish()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Of a node, with its log.
const TEXT_BYTES: usize = 32 << 10;
