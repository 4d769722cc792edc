//! The checker of event logs bites: logs written by hand, good ones and each kind of violation. And a short slice of
//! chaos on real processes, where network namespaces are allowed.

mod beliefs;
mod breaks;
mod delays;
mod format;
mod handovers;
mod judge;
mod observers;
mod resources;
mod rights;
mod several;
mod slice;
mod starvation;
