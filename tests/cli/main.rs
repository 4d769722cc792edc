//! The `tenure` program as a shell sees it: exit codes, one sentence on stderr, and what goes to stdout.

mod access;
mod admin;
mod audit;
mod breaks;
mod certs;
mod config;
mod credentials;
mod cruel;
mod dev;
mod elections;
mod extracts;
mod fixtures;
mod guard;
mod hostile_tls;
mod in_time;
mod kinds;
mod live;
mod logs;
mod operators;
mod pages;
mod printed;
mod program;
mod renewal;
mod required;
mod secured;
mod serving;
mod signals;
mod snapshots;
mod stages;
mod streams;
mod terminal;
mod told;
mod usage;
mod vanished_words;
mod words;

#[path = "../common"]
mod common {
    pub mod free_ports;
    pub mod nodes;
    pub mod quiet;
}
