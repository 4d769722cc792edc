//! The way in which a peer is dialed: first that of this version, and then at once that of an older
//! one, if the peer's answer suggests it.

use crate::net::{Closed, TlsError};
use crate::node::ending::Ending;
use crate::node::links::Link;
use crate::wire::Form;

/// The beginning of a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The form of the hello.
    pub(super) form: Form,
    /// Plaintext, where that is allowed.
    pub(super) is_plain: bool,
}

impl Way {
    /// The default, unless the previous dial suggests another.
    pub(super) const FIRST: Self = Self { form: Form::Named, is_plain: false };

    /// The way of the next dial, if `link` ended as at a node that does not understand its
    /// beginning; each way is tried once. Plaintext is not tried where TLS is demanded.
    pub(super) fn after(link: &Link, ending: &Ending, may_be_plain: bool) -> Option<Self> {
        let Ending::Closed(closed) = ending else { return None };
        let connection = &link.connection;
        match closed {
            // A plaintext node closes at bytes that are no frame. A refused certificate is no such
            // end.
            Closed::ByPeer | Closed::Tls(TlsError::NotTls | TlsError::HungUp)
                if connection.is_over_tls() =>
            {
                let is_unheard = may_be_plain && connection.is_handshaking();
                is_unheard.then_some(Self { form: Form::Named, is_plain: true })
            }
            // A node of 0.1.0 closes at a hello that it does not know.
            Closed::ByPeer if link.form == Form::Named => {
                Some(Self { form: Form::Fixed, is_plain: true })
            }
            _ => None,
        }
    }
}
