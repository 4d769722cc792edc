//! A world as a number: worlds that go on alike have the same.
//!
//! The cores are fed in as their debug text, which shows all their fields; the bytes of log entries, which
//! it does not show, are fed in besides. Two different worlds with one number would hide part of the search:
//! with n states that happens with a probability of about n² / 2⁶⁵.

use crate::network::Packet;
use crate::node::Node;
use crate::world::World;
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
            text.0.write_u64(node.fingerprint(of_node));
        }
        for client in &self.clients {
            text.0.write_u64(client.fingerprint(Text::of));
        }
        text.0.finish()
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
    text.0.finish()
}

/// A hash of what is written to it.
#[derive(Default)]
struct Text(DefaultHasher);

impl Text {
    fn of(value: &impl Debug) -> u64 {
        let mut text = Self::default();
        text.debug(value);
        text.0.finish()
    }

    fn debug(&mut self, value: &impl Debug) {
        write!(self, "{value:?}").expect("hashing cannot fail");
    }

    fn payload(&mut self, entry: &Entry) {
        self.0.write(entry.payload.bytes());
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
