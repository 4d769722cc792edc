//! Real nodes on real sockets and files: clusters that form, and everything that strangers may send them.

mod cluster;
mod errors;
mod fairness;
mod hostile;
mod local;
mod members;
mod removal;
mod speaker;
mod strangers;
