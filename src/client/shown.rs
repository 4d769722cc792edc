//! The `{:?}` of a client and its objects: identity and state, never a key. It asks no server and
//! waits for no lock.

use super::api::{Client, Handle};
use super::lease::Lease;
use super::observer::Observer;
use super::pending::Pending;
use crate::sys::clock;
use std::fmt::{Debug, Formatter, Result};

impl Debug for Client {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.handle.fmt(f)
    }
}

impl Debug for Handle {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut shown = f.debug_struct("Client");
        shown.field("endpoints", &self.cluster.endpoints);
        match self.shared.glance(|inner| inner.session_info(&clock::sample_end())) {
            Some(info) => shown
                .field("session", &info.session.map(|session| session.0))
                .field("state", &info.state)
                .field("leases", &info.leases)
                .finish(),
            None => shown.finish_non_exhaustive(),
        }
    }
}

impl Debug for Lease {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Lease")
            .field("name", &self.name())
            .field("token", &self.token().0)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

impl Debug for Pending {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let is_decided = self.handle.shared.glance(|_| self.promise.is_decided());
        f.debug_struct("Pending")
            .field("names", &format_args!("{}", self.subject.names()))
            .field("is_decided", &is_decided)
            .finish_non_exhaustive()
    }
}

impl Debug for Observer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Observer").field("name", &self.name.as_str()).finish_non_exhaustive()
    }
}
