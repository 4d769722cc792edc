//! How a peer is dialed: first as a node of today speaks, and at once as an older one does, if that is what it turns out to be.

use crate::net::{Closed, TlsError};
use crate::node::ending::Ending;
use crate::node::links::Link;
use crate::wire::Form;

/// How one dial begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Of the hello.
    pub(super) form: Form,
    /// Without TLS, where that is allowed.
    pub(super) is_plain: bool,
}

impl Way {
    /// That of each dial whose predecessor does not say otherwise.
    pub(super) const FIRST: Self = Self { form: Form::Named, is_plain: false };

    /// That of the next dial, if `link` was one that ended as it does at a node that does not understand how it began; each is
    /// tried once. Where TLS is demanded there is none.
    pub(super) fn after(link: &Link, ending: &Ending, may_be_plain: bool) -> Option<Self> {
        let Ending::Closed(closed) = ending else { return None };
        let connection = &link.connection;
        match closed {
            // It does without TLS, and hangs up on what it takes for no frame. What a certificate is refused for is
            // no such end.
            Closed::ByPeer | Closed::Tls(TlsError::NotTls | TlsError::HungUp)
                if connection.is_over_tls() =>
            {
                let is_unheard = may_be_plain && connection.is_handshaking();
                is_unheard.then_some(Self { form: Form::Named, is_plain: true })
            }
            // As 0.1.0 does at a hello that it does not know.
            Closed::ByPeer if link.form == Form::Named => {
                Some(Self { form: Form::Fixed, is_plain: true })
            }
            _ => None,
        }
    }
}
