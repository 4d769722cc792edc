//! A listening TCP socket that does not block.

use crate::net::Connection;
use crate::sys::{backlog, inherited};
use mio::net::TcpListener;
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
    /// The socket is broken.
    #[error("listening has failed: {0}")]
    Failed(io::Error),
}

impl Listener {
    /// Listens on `address`.
    ///
    /// # Errors
    /// In use, not an address of this machine, not permitted, …
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::listening(inherited::by_no_child(|| TcpListener::bind(address))?)
    }

    /// Takes a socket that listens already.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::listening(inherited::by_no_child(|| Ok(TcpListener::from_std(listener)))?)
    }

    fn listening(listener: TcpListener) -> io::Result<Self> {
        backlog::deepen(&listener, BACKLOG)?;
        Ok(Self(listener))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next connection, which may hold `out_bytes_max` to be sent; `None` when nobody waits.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn accept(&self, out_bytes_max: usize) -> Result<Option<Connection>, AcceptError> {
        loop {
            let accepted = inherited::by_no_child(|| Ok(self.0.accept()?.0));
            let error = match accepted {
                // A connection that was reset already refuses its options: on to the next.
                Ok(stream) => match Connection::accepted(stream, out_bytes_max) {
                    Ok(connection) => return Ok(Some(connection)),
                    Err(_) => continue,
                },
                Err(error) => error,
            };
            match (error.kind(), error.raw_os_error()) {
                (ErrorKind::WouldBlock, _) => return Ok(None),
                (_, Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) => {
                    return Err(AcceptError::Exhausted(error));
                }
                (_, Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP)) => {
                    return Err(AcceptError::Failed(error));
                }
                // accept(2): errors of the connection that was about to be accepted; on to the next.
                _ => {}
            }
        }
    }

    pub(super) fn source(&mut self) -> &mut TcpListener {
        &mut self.0
    }
}

/// Connections that wait to be accepted. A client beyond them dials again after a second. The system has a bound of
/// its own.
const BACKLOG: i32 = 4096;
