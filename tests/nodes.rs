//! Real nodes in this process, on real sockets and files, and the client library that talks to them.

mod client_driver;
mod node;

mod common {
    pub mod founders;
    pub mod free_ports;
    pub mod scripted;
}
