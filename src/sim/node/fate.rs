//! Fate of a simulated node whose process has ended.

/// Whether a node's process comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Comes,
    /// Not while a core goes on without it.
    Stays,
    /// Its directory is damaged: it refuses to start, for good.
    Refuses,
    /// Its machine was not switched on yet.
    Unborn,
    /// The node was removed, and is shut down for good.
    Gone,
}
