//! Real nodes on real sockets and files: clusters that form, and everything that strangers may send them.

#[path = "node/cluster.rs"]
mod cluster;
#[path = "node/fairness.rs"]
mod fairness;
#[path = "node/hostile.rs"]
mod hostile;
#[path = "node/local.rs"]
mod local;
#[path = "node/members.rs"]
mod members;
#[path = "node/removal.rs"]
mod removal;
#[path = "node/speaker.rs"]
mod speaker;
#[path = "node/strangers.rs"]
mod strangers;
