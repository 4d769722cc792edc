//! TLS 1.3 beneath frames, mutual: who is at the other end of a connection is what its certificate says.
//!
//! * [`TlsFiles`] are read into [`TlsMaterial`]: our certificate and key, and whom we trust.
//! * [`TlsServer`] and [`TlsClient`] make the two sides of a handshake; what each verifies of the other is in [`trust`] and
//!   [`verifiers`].
//! * `Session` is one connection without a socket: bytes in, bytes out. `TlsStream` puts it on one.
//!
//! The provider of cryptography is passed to each part and never installed for the process: we are a guest in the programs of
//! others, who may have their own. There are no tickets, so that nobody is let in by what was true of an older handshake, and no
//! early data: what is sent before the handshake is over could be sent again by others (docs/certificates.md).
//!
//! What a handshake has found is counted down by [`standing`], and judged again when others are trusted than before.

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
