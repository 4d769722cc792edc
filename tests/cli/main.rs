//! The `tenure` program as a shell sees it: exit codes, one sentence on stderr, and what goes to stdout.

mod access;
mod admin;
mod audit;
mod breaks;
mod certs;
mod config;
mod cruel;
mod dev;
mod elections;
mod extracts;
mod fixtures;
#[path = "../free_ports/mod.rs"]
mod free_ports;
mod guard;
mod in_time;
mod kinds;
mod live;
mod logs;
mod operators;
mod pages;
mod printed;
mod program;
mod secured;
mod serving;
mod signals;
mod snapshots;
mod streams;
mod terminal;
mod told;
mod usage;
mod vanished_words;
mod words;
