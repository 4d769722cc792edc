//! One client of a script: the real client core, and what its program asked of it.

use std::collections::BTreeMap;
use std::time::Duration;
use tenure::base::{Ancestors, ClusterId, ConnectionId, NodeId, Sample, SessionKey};
use tenure::client::core::{
    BreakCall, CallId, Core, CoreAction, CoreOptions, Done, EndReason, LeaseId, LinkId,
};
use tenure::lock::Name;
use tenure::wire::{ClientWelcome, LeaderHint, Request, ServerMessage, Speech, Welcomed};

/// Where the only node is.
pub const ENDPOINT: &str = "n1:1";
/// The TTL that all clients ask for.
pub const TTL: Duration = Duration::from_secs(10);

/// A client, its connection, and its leases.
pub struct Client {
    pub core: Core,
    pub name: String,
    /// The node's id of its connection; `None` while it is not connected.
    pub connection: Option<ConnectionId>,
    link: Option<LinkId>,
    /// Purpose of each undecided call.
    calls: BTreeMap<CallId, String>,
    /// By the lock's name.
    leases: BTreeMap<String, LeaseId>,
}

/// A task of a client for its world.
pub enum Wanted {
    /// A new connection.
    Dial,
    /// An end of the one that it has.
    Hangup,
    Send(Request),
    /// A sentence for the script.
    Tell(String),
}

impl Client {
    pub fn new(name: &str, seed: u64, now: &Sample) -> Self {
        let options = CoreOptions {
            endpoints: vec![ENDPOINT.to_owned()],
            pin: None,
            client: name.to_owned(),
            ttl: TTL,
            connect_timeout: Duration::from_secs(1),
            progress: None,
            request_timeout: Duration::from_secs(5),
            key: SessionKey([seed as u8; 16]),
            seed,
        };
        Self {
            core: Core::new(options, now),
            name: name.to_owned(),
            connection: None,
            link: None,
            calls: BTreeMap::new(),
            leases: BTreeMap::new(),
        }
    }

    /// The node took its connection, and says who leads.
    pub fn welcome(&mut self, now: &Sample, connection: ConnectionId, leader: LeaderHint) {
        let link = self.link.expect("it has dialed");
        self.connection = Some(connection);
        self.core.handle_connected(link);
        let welcome = ClientWelcome { node: NodeId(1), cluster: Some(ClusterId([1; 16])), leader };
        let (speech, ancestors) = (Speech::own(), Ancestors::NONE);
        self.core.handle_welcome(now, link, Welcomed { welcome, speech, ancestors });
    }

    pub fn hear(&mut self, now: &Sample, message: ServerMessage) {
        if let Some(link) = self.link {
            self.core.handle_message(now, link, message);
        }
    }

    /// A call of its program began.
    pub fn expect(&mut self, call: CallId, what: String) {
        self.calls.insert(call, what);
    }

    /// The lease that it has of `lock`.
    pub fn lease(&self, lock: &str) -> Result<LeaseId, String> {
        let lease = self.leases.get(lock).copied();
        lease.ok_or_else(|| format!("{} has no lease of {lock}", self.name))
    }

    /// Asks the holder of a lock to end, or takes the lock at once.
    pub fn break_lock(&mut self, now: &Sample, call: BreakCall, what: String) {
        let call = self.core.break_lock(now, call);
        self.expect(call, what);
    }

    /// Its tasks for the world, by now.
    pub fn take(&mut self, now: &Sample) -> Vec<Wanted> {
        self.core
            .take_actions(now)
            .into_iter()
            .filter_map(|action| self.obey(now, action))
            .collect()
    }

    /// Its beliefs: in its session, and in each lease.
    pub fn shown(&self, now: &Sample) -> String {
        let believed = seconds(self.core.session_remaining(now));
        let mut shown = format!("client {} believes in its session for {believed}", self.name);
        for (lock, lease) in &self.leases {
            let (token, left) = (self.core.token(*lease), self.core.remaining(now, *lease));
            shown += &match token {
                Some(token) => format!(", in {lock} under token {token} for {}", seconds(left)),
                None => format!(", no more in {lock}"),
            };
        }
        shown
    }

    fn obey(&mut self, now: &Sample, action: CoreAction) -> Option<Wanted> {
        let name = &self.name;
        match action {
            CoreAction::Dial { link, .. } => {
                self.link = Some(link);
                Some(Wanted::Dial)
            }
            CoreAction::Hangup { .. } => {
                self.link = None;
                Some(Wanted::Hangup)
            }
            CoreAction::Send { request, .. } => Some(Wanted::Send(request)),
            CoreAction::Extend(_) => {
                let believed = seconds(self.core.session_remaining(now));
                Some(Wanted::Tell(format!("{name} may believe in its session for {believed}")))
            }
            CoreAction::LeaseEnded { lease, reason } => {
                let lock = self.leases.iter().find(|(_, known)| **known == lease)?.0.clone();
                self.leases.remove(&lock);
                let why = ending(reason);
                Some(Wanted::Tell(format!("{name} believes in {lock} no more: {why}")))
            }
            CoreAction::LeaseAsked { lease, deadline, reason } => {
                let lock = self.leases.iter().find(|(_, known)| **known == lease)?.0;
                let left = seconds(deadline.remaining(now));
                Some(Wanted::Tell(format!("{name} is asked to end {lock} within {left}: {reason}")))
            }
            CoreAction::Decided { call, result } => {
                let what = self.calls.remove(&call).unwrap_or_else(|| "call".to_owned());
                let name = self.name.clone();
                Some(Wanted::Tell(match result {
                    Ok(Done::Acquired { lease, name: lock, token }) => {
                        self.leases.insert(lock.as_str().to_owned(), lease);
                        let left = seconds(self.core.remaining(now, lease));
                        format!(
                            "{name} holds {lock} under token {token}, and may believe it for {left}"
                        )
                    }
                    Ok(_) => format!("{name}: {what} is done"),
                    Err(error) => format!("{name}: {what} fails, {}: {error}", error.status.name()),
                }))
            }
            CoreAction::Observed { .. }
            | CoreAction::ObserverFailed { .. }
            | CoreAction::SessionChanged { .. } => None,
        }
    }
}

fn ending(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Released => "released",
        EndReason::Expired => "its time is over",
        EndReason::SessionClosed => "its client is closed",
        EndReason::Broken => "taken",
        EndReason::Transferred => "handed over",
        _ => "ended",
    }
}

/// Seconds, as `9.801 s`.
pub fn seconds(span: Duration) -> String {
    format!("{:.3} s", span.as_secs_f64())
}

/// A lock's name out of a word.
pub fn name(word: &str) -> Result<Name, String> {
    Name::try_from(word).map_err(|error| error.to_string())
}
