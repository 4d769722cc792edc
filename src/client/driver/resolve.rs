//! Addresses of nodes: IP addresses and `localhost` at once, other names on a thread of their own, since a
//! name server may take seconds and nobody may wait for it with the client locked.

use crate::sys::thread;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses of "host:port", if no name server has to be asked.
pub(super) fn resolve_locally(endpoint: &str) -> Option<Vec<SocketAddr>> {
    if let Ok(address) = endpoint.parse() {
        return Some(vec![address]);
    }
    let port = endpoint.strip_prefix("localhost:")?.parse().ok()?;
    let (four, six) = ([127, 0, 0, 1], [0u16, 0, 0, 0, 0, 0, 0, 1]);
    Some(vec![SocketAddr::from((four, port)), SocketAddr::from((six, port))])
}

/// Looks `endpoint` up and hands what was found, or why nothing was, to `done`.
pub(super) fn resolve_elsewhere(
    endpoint: String,
    done: impl FnOnce(Result<Vec<SocketAddr>, String>) + Send + 'static,
) -> io::Result<()> {
    let look_up = move || {
        let found = endpoint.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        done(match found {
            Ok(addresses) if addresses.is_empty() => Err(format!("{endpoint} has no address")),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(format!("{endpoint} cannot be looked up: {error}")),
        });
    };
    thread::spawn("tenure-resolve", look_up).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_need_no_name_server() {
        assert_eq!(resolve_locally("[::1]:7"), Some(vec!["[::1]:7".parse().unwrap()]));
        let both = ["127.0.0.1:7", "[::1]:7"].map(|address| address.parse().unwrap());
        assert_eq!(resolve_locally("localhost:7"), Some(both.to_vec()));
        assert_eq!(resolve_locally("db.example:7"), None);
    }
}
