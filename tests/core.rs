//! The cores, whose time, disk and network are arguments: the lock machine, the log, server and client. No socket, no process.

mod client_core;
mod lease_model;
mod lock_machine;
mod scenarios;
mod scripts;
mod server;
mod simulator;
mod wal;
mod wire_golden;

mod common {
    pub mod root;
}
