//! A listening TCP socket that does not block.

use mio::net::{TcpListener, TcpStream};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Accepts connections (SO_REUSEADDR, close-on-exec).
#[derive(Debug)]
pub struct Listener(TcpListener);

/// Why nothing could be accepted although somebody waits.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// No descriptors or no memory: try again later, not at once.
    #[error("no connection can be accepted: {0}")]
    Exhausted(io::Error),
    /// The socket is of no use any more.
    #[error("listening has failed: {0}")]
    Failed(io::Error),
}

impl Listener {
    /// Listens on `address`.
    ///
    /// # Errors
    /// In use, not an address of this machine, not permitted, …
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).map(Self)
    }

    /// Takes a socket that listens already.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self(TcpListener::from_std(listener)))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next connection; `None` when nobody waits.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn accept(&self) -> Result<Option<TcpStream>, AcceptError> {
        loop {
            let error = match self.0.accept() {
                Ok((stream, _)) => return Ok(Some(stream)),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::WouldBlock => return Ok(None),
                ErrorKind::Interrupted => {}
                _ => match error.raw_os_error() {
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        return Err(AcceptError::Exhausted(error));
                    }
                    Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP) => {
                        return Err(AcceptError::Failed(error));
                    }
                    // accept(2): errors of the connection that was about to be accepted; go on.
                    _ => {}
                },
            }
        }
    }

    pub(super) fn source(&mut self) -> &mut TcpListener {
        &mut self.0
    }
}
