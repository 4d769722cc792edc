//! Connections within a process: a client of an embedded node reaches it without a socket, and is treated like any
//! other.

use crate::net::{Connection, ShownWithin, TrustWithin, Wake};
use crate::sys::fork;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The node's side. Once it is dropped nothing is dialed any more, and what waits is closed.
#[derive(Debug)]
pub struct LocalListener {
    waiting: Arc<Waiting>,
    wake: Wake,
    out_bytes_max: usize,
    trust: Arc<Trust>,
}

/// Connections that were dialed and not accepted; `None` once nobody will.
type Waiting = Mutex<Option<VecDeque<Connection>>>;

/// The authorities that the node trusts; `None`: it asks for no certificate.
type Trust = Mutex<Option<TrustWithin>>;

/// A node of this process, as a client reaches it. Clones reach the same one; it may outlive the node.
#[derive(Clone)]
pub struct LocalNode {
    address: String,
    endpoints: String,
    waiting: Arc<Waiting>,
    wake: Wake,
    out_bytes_max: usize,
    trust: Arc<Trust>,
    /// The other members speak TLS alone.
    is_among_tls: bool,
    /// Forks that had been when it was made: the node is a thread of that process alone (L20).
    forks: u32,
}

/// Why a node of this process gives no connection.
#[derive(Debug, thiserror::Error)]
pub enum LocalDialError {
    /// The node has ended, or belongs to the parent process: its address may be reached by TCP.
    #[error("the node in this process has ended")]
    Ended,
    /// The node has not taken the connections dialed before: it hangs.
    #[error("the node in this process takes no more connections")]
    Full,
    /// The certificate that is shown is none that the node believes.
    #[error("the node in this process refuses us: {0}")]
    Refused(String),
    /// The process has no file descriptor left.
    #[error("no connection within this process can be made: {0}")]
    Exhausted(io::Error),
}

impl fmt::Debug for LocalNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalNode").field("address", &self.address).finish_non_exhaustive()
    }
}

impl LocalListener {
    /// `wake` wakes the thread that accepts. Each connection may hold `out_bytes_max` to be sent.
    #[must_use]
    pub fn new(wake: Wake, out_bytes_max: usize) -> Self {
        let waiting = Arc::new(Mutex::new(Some(VecDeque::new())));
        Self { waiting, wake, out_bytes_max, trust: Arc::default() }
    }

    /// From now on a dialer with a certificate is the principal that it names, if `trust` trusts it.
    pub fn trust(&self, trust: Option<TrustWithin>) {
        *self.trust.lock() = trust;
    }

    /// Endpoints for clients: the node's own address, and with it all members'.
    #[must_use]
    pub fn node(&self, address: &str, endpoints: &str) -> LocalNode {
        LocalNode {
            address: address.to_owned(),
            endpoints: endpoints.to_owned(),
            waiting: Arc::clone(&self.waiting),
            wake: self.wake.clone(),
            out_bytes_max: self.out_bytes_max,
            trust: Arc::clone(&self.trust),
            is_among_tls: false,
            forks: fork::generation(),
        }
    }

    /// The next connection; `None` when nobody waits.
    #[must_use]
    pub fn accept(&self) -> Option<Connection> {
        self.waiting.lock().as_mut()?.pop_front()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().as_ref().is_none_or(VecDeque::is_empty)
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        self.waiting.lock().take();
    }
}

impl LocalNode {
    /// Its address in the cluster.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// All members' addresses, its own first.
    #[must_use]
    pub fn endpoints(&self) -> &str {
        &self.endpoints
    }

    /// The same node, with the present addresses of its members.
    #[must_use]
    pub fn with_endpoints(self, endpoints: String) -> Self {
        Self { endpoints, ..self }
    }

    /// The same node, in a cluster that speaks TLS alone.
    #[must_use]
    pub fn among_tls(self, is_among_tls: bool) -> Self {
        Self { is_among_tls, ..self }
    }

    /// Whether other members refuse connections without TLS.
    #[must_use]
    pub fn is_among_tls(&self) -> bool {
        self.is_among_tls && self.endpoints.contains(',')
    }

    /// A connection to it of nobody in particular, which stands at once and may hold `out_bytes_max` to be sent. A node that
    /// ends closes it.
    ///
    /// # Errors
    /// [`LocalDialError`].
    #[doc(hidden)]
    pub fn dial(&self, out_bytes_max: usize) -> Result<Connection, LocalDialError> {
        self.dial_as(None, out_bytes_max)
    }

    /// The same, for the owner of this certificate.
    ///
    /// # Errors
    /// [`LocalDialError`].
    #[doc(hidden)]
    pub fn dial_as(
        &self,
        shown: Option<&ShownWithin>,
        out_bytes_max: usize,
    ) -> Result<Connection, LocalDialError> {
        if fork::generation() != self.forks {
            return Err(LocalDialError::Ended);
        }
        let trust = self.trust.lock().clone();
        let principal = match (trust, shown) {
            (Some(trust), Some(shown)) => trust.identify(shown).map_err(LocalDialError::Refused)?,
            _ => None,
        };
        let (near, far) = Connection::local_pair((out_bytes_max, self.out_bytes_max))
            .map_err(LocalDialError::Exhausted)?;
        let far = far.of_within(principal);
        let mut waiting = self.waiting.lock();
        let queue = waiting.as_mut().ok_or(LocalDialError::Ended)?;
        if queue.len() >= WAITING_MAX {
            return Err(LocalDialError::Full);
        }
        queue.push_back(far);
        drop(waiting);
        self.wake.wake();
        Ok(near)
    }
}

/// Connections that wait to be accepted, as listen(2)'s backlog.
const WAITING_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Closed, Key, Poller, Received};
    use crate::wire::{FrameKind, Request};

    fn listener() -> (LocalListener, Poller) {
        let poller = Poller::new(8).unwrap();
        (LocalListener::new(poller.wake(Key(0)).unwrap(), 1 << 20), poller)
    }

    #[test]
    fn a_dial_wakes_the_listener_and_what_was_sent_before_arrives() {
        let (listener, mut poller) = listener();
        let node = listener.node("a:1", "a:1,b:1");
        assert_eq!((node.address(), node.endpoints()), ("a:1", "a:1,b:1"));
        let mut near = node.dial(1 << 20).unwrap();
        near.queue(FrameKind::Request, &Request::Status { read: 7 }).unwrap();
        near.flush().unwrap();
        poller.wait(None).unwrap();
        let mut far = listener.accept().unwrap();
        assert!(listener.is_empty() && listener.accept().is_none());
        let mut frames = Vec::new();
        assert_eq!(far.receive(&mut frames, 1 << 20).unwrap(), Received::All);
        assert_eq!(frames[0].decode::<Request>().unwrap(), Request::Status { read: 7 });
    }

    #[test]
    fn dials_that_are_not_accepted_are_bounded() {
        let (listener, _poller) = listener();
        let node = listener.node("a:1", "a:1");
        let dialed: Vec<_> = (0..WAITING_MAX).map(|_| node.dial(1).unwrap()).collect();
        assert!(matches!(node.dial(1), Err(LocalDialError::Full)));
        assert!(listener.accept().is_some());
        assert!(node.dial(1).is_ok());
        drop(dialed);
    }

    #[test]
    fn a_listener_that_ends_closes_those_that_wait_and_gives_no_more() {
        let (listener, _poller) = listener();
        let node = listener.node("a:1", "a:1");
        let mut waiting = node.dial(1 << 20).unwrap();
        drop(listener);
        let received = waiting.receive(&mut Vec::new(), 1 << 20);
        assert!(matches!(received, Err(Closed::ByPeer)), "{received:?}");
        assert!(matches!(node.dial(1), Err(LocalDialError::Ended)));
    }

    #[test]
    fn a_child_of_the_nodes_process_is_given_none() {
        let (listener, _poller) = listener();
        let node = listener.node("a:1", "a:1");
        let in_child = LocalNode { forks: node.forks.wrapping_add(1), ..node };
        assert!(matches!(in_child.dial(1), Err(LocalDialError::Ended)));
        assert!(listener.is_empty());
    }
}
