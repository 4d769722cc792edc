//! Mutual TLS 1.3 beneath frames: the identity of a peer is the principal in its certificate.
//!
//! * [`TlsFiles`] are read into [`TlsMaterial`]: our certificate and key, and the trusted
//!   authorities.
//! * [`TlsServer`] and [`TlsClient`] make the two sides of a handshake; what each verifies of the other is in [`trust`] and
//!   [`verifiers`].
//! * `Session` is one connection without a socket: bytes in, bytes out. `TlsStream` puts it on one.
//!
//! The provider of cryptography is passed to each part and never installed for the process, whose
//! host may have its own. There are no session tickets, so that no connection rests on an older
//! handshake, and no early data, which could be replayed (docs/certificates.md).
//!
//! [`standing`] counts down the validity that a handshake has found; the peer is verified again
//! when the trusted authorities change.

mod answering;
mod blocking;
mod dialer;
mod either;
mod error;
mod hello;
mod material;
mod session;
mod sides;
mod stamp;
mod standing;
mod stream;
mod trust;
mod validity;
mod verifiers;
mod within;

pub use answering::AnsweringTls;
pub use blocking::BlockingTls;
pub use dialer::{Renewed, TlsDialer};
pub(super) use either::{EitherStream, Spoken, Takes};
pub use error::{TlsError, begins_as_tls};
pub use hello::{Begin, Says};
pub use material::{TlsFiles, TlsMaterial, TrustPrint};
pub(super) use session::Session;
pub(super) use sides::Judge;
pub use sides::{Expected, TlsClient, TlsServer};
pub use stamp::Stamp;
pub(super) use stream::{StreamError, TlsStream};
pub use within::{ShownWithin, TrustWithin};

#[cfg(test)]
pub(super) mod tests;
