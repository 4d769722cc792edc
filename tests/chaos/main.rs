//! The checker of event logs bites: logs written by hand, good ones and each kind of violation. And a short slice of
//! chaos on real processes, where network namespaces are allowed.

mod beliefs;
mod format;
mod judge;
mod observers;
mod resources;
mod slice;
mod starvation;
