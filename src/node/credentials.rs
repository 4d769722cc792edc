//! Identity by a credential: verified at a client's hello, and again whenever the credentials in
//! this node's state change.
//!
//! The state of this node decides, since nothing else is known here. A node that lags behind may
//! admit a client whose credential is revoked, but answers it nothing that counts: a leader has
//! applied all that was committed before, and has disconnected such clients.

use crate::base::meters::HandshakeResult;
use crate::base::{Credential, CredentialHash, Credentials, Subject};
use crate::net::Key;
use crate::node::ending::Ending;
use crate::node::links::Link;
use crate::node::network::Network;
use crate::server::{Input, Server};
use crate::wal::Disk;
use crate::wire::{Refused, RefusedCode};
use std::sync::Arc;

/// The credential that a connection has shown, and the count of changes of credentials at its last
/// verification.
#[derive(Debug)]
pub(super) struct Shown {
    credential: Credential,
    verified_at: u64,
}

/// The credentials of this node's state, and the verification of connections against them.
#[derive(Debug, Default)]
pub(super) struct Verified {
    credentials: Credentials,
    /// How often credentials have changed.
    changes: u64,
    /// Where the present pass over all connections continues; `None`: no pass is under way.
    from: Option<Key>,
}

impl Verified {
    /// When the pass continues, as a reading of BOOTTIME.
    pub(super) fn next_deadline(&self) -> u64 {
        if self.from.is_some() { 0 } else { u64::MAX }
    }
}

impl Shown {
    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl Network {
    /// The identity of the client on this connection: by its certificate, or by the credential in
    /// its hello.
    pub(super) fn identify<D: Disk>(
        &mut self,
        key: Key,
        credential: Option<Credential>,
        server: &Server<D>,
    ) -> Result<(), Ending> {
        self.follow_credentials(server);
        let Some(link) = self.links.find(key) else { return Ok(()) };
        let is_over_tls = link.connection.is_over_tls();
        let is_within = link.connection.address().is_none();
        let has_certificate = link.connection.principal().is_some();
        let Some(credential) = credential else {
            return match is_over_tls && !has_certificate {
                true => Err(refused(NOTHING.to_owned())),
                false => Ok(()),
            };
        };
        let whose = credential.principal();
        let wrong = if has_certificate {
            Some(format!(
                "the credential of {whose} and a certificate are two identities: show one of them"
            ))
        } else if !is_over_tls && !is_within {
            Some(format!(
                "the credential of {whose} came without TLS, so that others may know it by now: revoke it (`tenure access credential revoke {whose}`), and create it again"
            ))
        } else {
            let is_known = is_known(&self.examining.verified.credentials, &credential);
            (!is_known).then(|| unknown(&credential, server.is_ready()))
        };
        match wrong {
            Some(text) => {
                self.turns.meters().handshakes[HandshakeResult::BadCredential as usize].add(1);
                Err(refused(text))
            }
            None => {
                let verified_at = self.examining.verified.changes;
                link.shown = Some(Box::new(Shown { credential, verified_at }));
                Ok(())
            }
        }
    }

    /// Continues a pass after a change of credentials: verifies some connections again, and
    /// disconnects those whose credential was revoked or replaced.
    pub(super) fn examine_credentials<D: Disk>(
        &mut self,
        server: &Server<D>,
        inputs: &mut Vec<Input>,
    ) {
        self.follow_credentials(server);
        let Some(from) = self.examining.verified.from else { return };
        let keys: Vec<Key> = self.links.from(from).take(LOOKS_PER_TURN).collect();
        let goes_on = keys.len() == LOOKS_PER_TURN;
        let next = keys.last().map_or(from, |key| Key(key.0 + 1));
        for key in keys {
            if let Err(ending) = self.verify_again(key) {
                self.end(key, ending, inputs);
            }
        }
        self.examining.verified.from = goes_on.then_some(next);
    }

    /// Verifies the credential of this connection again, if credentials have changed since its last
    /// verification: also before each of its requests.
    pub(super) fn verify_again(&mut self, key: Key) -> Result<(), Ending> {
        let Self { links, examining, .. } = self;
        let Some(shown) = links.find(key).and_then(|link| link.shown.as_mut()) else {
            return Ok(());
        };
        let verified = &examining.verified;
        if shown.verified_at == verified.changes {
            return Ok(());
        }
        if !is_known(&verified.credentials, &shown.credential) {
            let whose = shown.credential.principal();
            return Err(Ending::Distrusted(format!(
                "the credential of {whose} was revoked, or replaced by another"
            )));
        }
        shown.verified_at = verified.changes;
        Ok(())
    }

    fn follow_credentials<D: Disk>(&mut self, server: &Server<D>) {
        let verified = &mut self.examining.verified;
        let now = server.credentials();
        let is_same = match now {
            Some(now) => Arc::ptr_eq(now, &verified.credentials),
            None => verified.credentials.is_empty(),
        };
        if !is_same {
            verified.credentials = now.cloned().unwrap_or_default();
            verified.changes += 1;
            verified.from = Some(Key(0));
        }
    }
}

impl Link {
    /// The credential that the connection has shown.
    pub(super) fn credential(&self) -> Option<&Credential> {
        self.shown.as_deref().map(Shown::credential)
    }
}

/// Whether a credential is known, compared in constant time.
fn is_known(credentials: &Credentials, credential: &Credential) -> bool {
    let known: Option<&CredentialHash> = credentials.get(&Subject::from(credential));
    known.is_some_and(|known| *known == credential.hash())
}

/// The sentence about an unknown credential. `is_ready`: this node leads, so it knows all
/// credentials.
fn unknown(credential: &Credential, is_ready: bool) -> String {
    let whose = credential.principal();
    let or_later = if is_ready { "" } else { ", or was created a moment ago" };
    format!(
        "the credential of {whose} is not the one that this cluster has: it was revoked or replaced, or is another cluster's{or_later} (`tenure access credential list` shows who has one)"
    )
}

fn refused(text: String) -> Ending {
    Ending::Refusing(Refused { code: RefusedCode::State, text })
}

const NOTHING: &str = "this connection says that a credential follows and shows none, and no certificate either: give one of them (--credential-file, or --cert and --key)";
/// Connections of one turn of a pass: some dozens of nanoseconds each, and a hash for each with a
/// credential.
const LOOKS_PER_TURN: usize = if cfg!(test) { 2 } else { 1024 };
