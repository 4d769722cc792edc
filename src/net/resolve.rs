//! Addresses of nodes: IP addresses and `localhost` at once, other names on a thread of their own, since
//! a name server may take seconds and nobody may wait for it.

use crate::sys::thread;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses of "host:port", if no name server has to be asked.
#[must_use]
pub fn resolve_locally(address: &str) -> Option<Vec<SocketAddr>> {
    if let Ok(address) = address.parse() {
        return Some(vec![address]);
    }
    let port = address.strip_prefix("localhost:")?.parse().ok()?;
    Some(vec![
        SocketAddr::from(([127, 0, 0, 1], port)),
        SocketAddr::from(([0u16, 0, 0, 0, 0, 0, 0, 1], port)),
    ])
}

/// Looks `address` up on a short-lived thread, which hands what it found to `done`.
///
/// # Errors
/// The process may have no more threads.
pub fn resolve_elsewhere(
    address: String,
    done: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static,
) -> io::Result<()> {
    thread::spawn("tenure-resolve", move || {
        done(address.to_socket_addrs().map(Iterator::collect));
    })
    .map(drop)
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

    #[test]
    fn names_are_looked_up_elsewhere() {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        resolve_elsewhere("127.0.0.1:7".to_owned(), move |found| sender.send(found).unwrap())
            .unwrap();
        assert_eq!(receiver.recv().unwrap().unwrap(), ["127.0.0.1:7".parse().unwrap()]);
    }
}
