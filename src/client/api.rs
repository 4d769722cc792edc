//! The client's interface for Rust programs; the C header mirrors it function by function.

use super::ClusterAt;
use super::calls::{bug, checked_name, unexpected, wait_for_done};
use super::core::{CoreOptions, SessionState, Wait};
use super::data::{ClientOptions, Holder, SessionInfo, client_name};
use super::driver::{CallResult, Shared, Taken, Waiter};
use super::tls::TlsOptions;
use super::{endpoints, hand_over, status};
use crate::base::time::nanos;
use crate::base::{ClusterId, ClusterPin, SessionKey, Token};
use crate::net::LocalNode;
use crate::sys::{clock, descriptors, random};
use crate::wire::{Condition, NodeStatus, Order, OrderAnswer, Query, ReadAnswer};
use crate::{Error, Status};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A connection to a cluster, and the session in it. Thread-safe; clones share it. The session ends with
/// `close`, or some time after the last clone, lease and pending call is dropped.
#[derive(Clone)]
pub struct Client {
    pub(super) handle: Arc<Handle>,
}

/// The part that a client, its leases and its pending calls share: they may be dropped in any
/// order, and with the last of them the session is closed in the background.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    /// The timeout of calls without a wait of their own.
    pub(super) request_timeout: Duration,
    /// The program's endpoints, and the expected cluster.
    pub(super) cluster: ClusterAt,
}

impl Handle {
    /// Any linearizable read.
    pub(super) fn read(&self, query: Query) -> Result<ReadAnswer, Error> {
        let (_, promise) = self.shared.call(|core, now| core.read(now, query))?;
        self.shared.wait_for(&promise, None)?;
        match promise.take() {
            Taken::Decided(CallResult::Read(answer)) => Ok(answer),
            Taken::Failed(error) => Err(error),
            other => Err(bug(&other)),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Never blocks. A forked child sends nothing: the session is the parent's.
        let _ = self.shared.with(|inner, now| inner.core.let_go(now));
    }
}

impl Client {
    /// Connects to the cluster of which `endpoints` ("host:port,…") are nodes, and makes a session.
    ///
    /// # Errors
    /// INVALID for malformed endpoints, or a malformed cluster id; LIMIT: the process has no descriptor or thread left;
    /// UNAVAILABLE says which nodes were tried and why each failed,
    /// or that they are of several clusters, with their ids, and who said which.
    pub fn open(endpoints: &str, options: ClientOptions) -> Result<Self, Error> {
        Self::open_with(endpoints, options, None)
    }

    /// Connects to the cluster of `node`, which runs in this process (`Node::local`), and makes a session. That node is
    /// reached without a socket while it runs, the others over TCP; all else is as for `open`.
    ///
    /// ```no_run
    /// use tenure::base::NodeId;
    /// use tenure::client::{Client, ClientOptions};
    /// use tenure::node::{Node, NodeOptions};
    ///
    /// let members = vec![(NodeId(1), "127.0.0.1:7401".to_owned())];
    /// let node = Node::start(NodeOptions::new(NodeId(1), "data", members))?;
    /// let client = Client::open_local(&node.local()?, ClientOptions::default())?;
    /// # Ok::<(), tenure::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_local(node: &LocalNode, options: ClientOptions) -> Result<Self, Error> {
        if options.tls.is_none() && node.is_among_tls() {
            log::warn!(
                "a client of the node in this process shows no certificate, and the other nodes speak TLS alone: it is served while this one leads. Give it ca, cert and key of its own"
            );
        }
        Self::open_with(node.endpoints(), options, Some(node.clone()))
    }

    fn open_with(
        endpoints: &str,
        options: ClientOptions,
        local: Option<LocalNode>,
    ) -> Result<Self, Error> {
        let endpoints = endpoints::parse(endpoints)?;
        let pin = options.cluster_id.as_deref().map(ClusterPin::parse).transpose();
        let pin = pin.map_err(|why| Error::new(Status::Invalid, why))?;
        let tls = options.tls.as_ref().map(TlsOptions::read).transpose()?;
        let cluster =
            ClusterAt { endpoints: endpoints.join(","), pin: pin.clone(), tls: tls.clone() };
        let core_options = CoreOptions {
            endpoints,
            pin,
            client: client_name(options.name)?,
            ttl: options.ttl,
            connect_timeout: options.connect_timeout,
            request_timeout: options.request_timeout,
            progress: options.progress,
            key: SessionKey(random::bytes16()),
            seed: random::seed(),
        };
        let shared = Shared::start(core_options, local, tls).map_err(cannot_start)?;
        let request_timeout = options.request_timeout;
        let client = Self { handle: Arc::new(Handle { shared, request_timeout, cluster }) };
        let waiter = Arc::new(Waiter::default());
        client.shared().with(|inner, _| inner.set_opener(Some(Arc::clone(&waiter))))?;
        if !options.background {
            client.wait_for_session(&waiter, options.connect_timeout)?;
            client.shared().look(|inner, _| inner.skip_session_changes())?;
        }
        client.shared().with(|inner, _| inner.set_opener(None))?;
        Ok(client)
    }

    fn wait_for_session(&self, waiter: &Arc<Waiter>, timeout: Duration) -> Result<(), Error> {
        let until = clock::boot_nanos().saturating_add(nanos(timeout));
        let is_open = |state| state != SessionState::Ended;
        self.shared().wait(waiter, Some(until), |inner| {
            let core = &inner.core;
            is_open(core.session(&clock::sample_end()).0) || core.contradiction().is_some()
        })?;
        let (state, why) = self
            .shared()
            .look(|inner, now| (inner.core.session(now).0, inner.core.why_unavailable()))?;
        if is_open(state) { Ok(()) } else { Err(Error::new(Status::Unavailable, why)) }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// The session as known here, without a request.
    #[must_use]
    pub fn session(&self) -> SessionInfo {
        let known = self.shared().look(|inner, now| inner.session_info(now));
        // In a forked child, or after a failure, there is none.
        known.unwrap_or(SessionInfo {
            state: SessionState::Ended,
            session: None,
            remaining: Duration::ZERO,
            ttl: Duration::ZERO,
            leases: 0,
        })
    }

    /// The condition that keeps the cluster from granting, as far as this client knows; `None`:
    /// none, or no node has told one. Without a request.
    #[doc(hidden)]
    #[must_use]
    pub fn condition(&self) -> Option<Condition> {
        self.shared().look(|inner, now| inner.core.condition(now)).ok().flatten()
    }

    /// Why there is no session, or what keeps the cluster from granting; empty: nothing. Without a
    /// request.
    #[must_use]
    pub fn why(&self) -> String {
        let why = self.shared().look(|inner, now| {
            let has_session = inner.core.session(now).0 != SessionState::Ended;
            match inner.core.condition(now) {
                Some(condition) => condition.sentence(),
                None if has_session => String::new(),
                None => inner.core.why_unavailable(),
            }
        });
        why.unwrap_or_else(|error| error.to_string())
    }

    /// The cluster of this client, once a node has told it. Without a request.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.shared().look(|inner, _| inner.core.cluster()).ok().flatten()
    }

    /// The holder of `name`, linearizably; `None` if vacant.
    ///
    /// # Errors
    /// UNAVAILABLE, INVALID, CLOSED, …
    pub fn holder_of(&self, name: &str) -> Result<Option<Holder>, Error> {
        match self.read(Query::Lock { name: checked_name(name)? })? {
            ReadAnswer::Lock { lock, .. } => {
                Ok(lock.filter(|lock| lock.token != Token(0)).map(|lock| Holder {
                    token: lock.token,
                    client: lock.client,
                    value: lock.value,
                    since_unix_ms: lock.since_unix_ms,
                }))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Whether `token` holds `name` now, at the server.
    ///
    /// # Errors
    /// As for `holder_of`.
    pub fn validate(&self, name: &str, token: Token) -> Result<bool, Error> {
        match self.read(Query::Validate { name: checked_name(name)?, token })? {
            ReadAnswer::Valid(valid) => Ok(valid),
            other => Err(unexpected(&other)),
        }
    }

    /// Any linearizable read.
    ///
    /// # Errors
    /// As for `holder_of`.
    #[doc(hidden)]
    pub fn read(&self, query: Query) -> Result<ReadAnswer, Error> {
        self.handle.read(query)
    }

    /// Asks each configured node for its own status: in the order of the endpoints, an error for one that
    /// does not answer within `timeout`. Needs no quorum and no session: an associated function.
    #[doc(hidden)]
    pub fn status_of(
        whom: impl Into<ClusterAt>,
        timeout: Duration,
    ) -> Vec<(String, Result<NodeStatus, Error>)> {
        let whom = whom.into();
        match endpoints::parse(&whom.endpoints) {
            Ok(endpoints) => status::ask_all(endpoints, whom.tls.as_ref(), timeout),
            Err(error) => vec![(whom.endpoints, Err(error))],
        }
    }

    /// Gives the leader an order: [`Operator::connect`](super::Operator::connect), then
    /// [`Operator::order`](super::Operator::order). Before a change that takes the
    /// leader's vote, leadership is handed over. Each of these takes part of `timeout`.
    ///
    /// # Errors
    /// As for those two.
    #[doc(hidden)]
    pub fn order_of(
        whom: impl Into<ClusterAt>,
        order: &Order,
        timeout: Duration,
    ) -> Result<OrderAnswer, Error> {
        hand_over::order_of(&whom.into(), order, timeout)
    }

    /// Closes the client for good, without a wait: belief in all its leases ends at once, and
    /// waiting calls return CLOSED. The server is notified in the background, for at most a second;
    /// else the TTL frees the locks. The drop of the last clone, lease and pending call does the
    /// same.
    pub fn let_go(&self) {
        // A forked child, or a failed client, has nothing to close.
        let _ = self.shared().with(|inner, now| {
            inner.close_feeds();
            inner.core.let_go(now);
        });
    }

    /// Ends the session and all its leases: belief ends at once; waits at most `wait` for the server.
    /// Waiting calls return CLOSED.
    ///
    /// # Errors
    /// TIMEOUT: the server did not answer in time; its TTL will free the locks.
    pub fn close(&self, wait: Wait) -> Result<(), Error> {
        let (call, promise) = self.shared().with(|inner, now| {
            inner.close_feeds();
            let call = inner.core.close(now);
            (call, inner.promise_of(call))
        })?;
        let done = wait_for_done(&self.handle, call, &promise, wait)?;
        done.unwrap_or_else(|| {
            let text =
                "no leader answered the close in time; the locks are freed when the TTL is over";
            Err(Error::new(Status::Timeout, text))
        })
    }
}

fn cannot_start(error: io::Error) -> Error {
    // A lack of threads is EAGAIN.
    let is_shortage = descriptors::is_shortage(&error) || error.kind() == io::ErrorKind::WouldBlock;
    let status = if is_shortage { Status::Limit } else { Status::Io };
    Error::new(status, format!("a client cannot start: {error}")).because_of(error)
}
