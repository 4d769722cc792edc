//! Builders of options: `ClientOptions::new().name("worker").ttl(ttl)`.

use super::data::{AcquireOptions, BreakOptions, ClientOptions, Grace, Kind};
use super::tls::TlsOptions;
use crate::base::{Token, setters};
use std::num::NonZeroU64;
use std::time::Duration;

impl ClientOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ClientOptions:
    ttl(Duration) = ttl;
    name(impl Into<String>) = Some(name.into());
    connect_timeout(Duration) = connect_timeout;
    request_timeout(Duration) = request_timeout;
    background(bool) = background;
    progress(Duration) = Some(progress);
    cluster_id(impl Into<String>) = Some(cluster_id.into());
    tls(TlsOptions) = Some(tls);
);

impl AcquireOptions {
    /// The defaults: the whole lock, for an owner of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader, which shares the lock with others.
    #[must_use]
    pub fn shared() -> Self {
        Self::default().kind(Kind::Shared)
    }

    /// `permits` of a semaphore that has `limit` in all.
    #[must_use]
    pub fn semaphore(limit: u32, permits: u32) -> Self {
        Self::default().kind(Kind::Semaphore { limit, permits })
    }
}

setters!(AcquireOptions:
    value(impl Into<Vec<u8>>) = value.into();
    owner(impl Into<Option<NonZeroU64>>) = owner.into();
    kind(Kind) = kind;
    lock_delay(Duration) = lock_delay;
);

impl BreakOptions {
    /// The defaults: any holder, which may go on for its TTL; the lock goes to the next in the
    /// queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(BreakOptions:
    token(Token) = Some(token);
    grace(Grace) = grace;
    to(impl Into<String>) = Some(to.into());
    reason(impl Into<String>) = reason.into();
);
