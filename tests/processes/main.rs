//! Three real `tenure serve` processes on loopback, on the real disk: killed, stopped, cut off and fed
//! garbage, under programs in Rust, C and Python. Nothing here sleeps: everything waits for what it is
//! about, within [`patience::PATIENCE`].

mod acknowledgements;
mod admin;
mod chaos;
mod cluster;
mod command;
mod crash;
mod descriptors;
mod extracted;
mod facts;
mod garbage;
mod holder;
mod ledger;
mod load;
mod members;
mod names;
mod notified;
mod operating;
mod patience;
mod program;
mod raw_client;
mod relay;
mod restarts;
mod restored;
mod stalled;
mod stopped_client;
mod stopped_node;
mod trace;
mod turns;

#[path = "../common"]
mod common {
    pub mod built;
    pub mod cargo;
    pub mod free_ports;
    pub mod nodes;
    pub mod quiet;
    pub mod root;
}
