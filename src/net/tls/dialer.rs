//! What all connections of one client are secured with, and how the nodes that it dials are verified.

use super::blocking::BlockingTls;
use super::error::TlsError;
use super::material::{TlsFiles, TlsMaterial};
use super::sides::{Expected, TlsClient};
use crate::base::Verify;
use crate::net::{Closed, Connection};
use std::net::TcpStream;
use std::sync::Arc;

/// A client's side of all its handshakes.
#[derive(Clone, Debug)]
pub struct TlsDialer {
    client: Arc<TlsClient>,
    verify: Verify,
    may_be_plain: bool,
}

impl TlsDialer {
    /// With what `files` say.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn read(files: &TlsFiles, verify: Verify) -> Result<Self, String> {
        let client = Arc::new(TlsClient::new(&TlsMaterial::read(files)?)?);
        Ok(Self { client, verify, may_be_plain: false })
    }

    /// Who speaks no TLS is reached without.
    #[must_use]
    pub fn or_plain(self) -> Self {
        Self { may_be_plain: true, ..self }
    }

    /// Whether who speaks no TLS is reached without.
    #[must_use]
    pub fn may_be_plain(&self) -> bool {
        self.may_be_plain
    }

    /// Whoever must be at `endpoint` ("host:port").
    ///
    /// # Errors
    /// Its host is none that a certificate could name.
    pub fn expected(&self, endpoint: &str) -> Result<Expected, String> {
        match self.verify {
            Verify::Host => Expected::host_of(endpoint),
            Verify::Node => Ok(Expected::AnyNode),
        }
    }

    /// Secures a connection that was dialed, before anything is sent.
    ///
    /// # Errors
    /// [`Closed::Tls`].
    pub fn secure(&self, connection: Connection, expected: Expected) -> Result<Connection, Closed> {
        connection.over_tls(&self.client, expected)
    }

    /// Secures a socket that stands and waits.
    ///
    /// # Errors
    /// The provider lacks what TLS 1.3 needs.
    pub fn secure_blocking(
        &self,
        socket: TcpStream,
        expected: Expected,
    ) -> Result<BlockingTls, TlsError> {
        let session = self.client.dial(expected).map_err(TlsError::Failed)?;
        Ok(BlockingTls::new(socket, session))
    }
}
