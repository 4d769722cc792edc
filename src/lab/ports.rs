//! Ports for nodes that restart.

use crate::cli::failure::Failure;
use std::net::TcpListener;
use tenure::base::rng::Rng;
use tenure::sys::random;

/// `count` listening sockets on loopback, outside of the range of ephemeral ports: while a node is
/// down, an outgoing connection could take its port.
///
/// # Errors
/// No port was free in many attempts.
pub fn listeners(count: usize) -> Result<Vec<TcpListener>, Failure> {
    let mut rng = Rng::new(random::seed());
    let mut listeners = Vec::with_capacity(count);
    for _ in 0..ATTEMPTS {
        if listeners.len() == count {
            return Ok(listeners);
        }
        let port = rng.between(PORTS.0, PORTS.1) as u16;
        listeners.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    Err(Failure::unavailable("no free port was found on 127.0.0.1 between 10000 and 32000"))
}

const PORTS: (u64, u64) = (10_000, 32_000);
const ATTEMPTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_different_and_below_the_ephemeral_ones() {
        let ports: std::collections::BTreeSet<u16> = listeners(3)
            .unwrap()
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports.len(), 3);
        assert!(ports.iter().all(|port| (10_000..=32_000).contains(port)), "{ports:?}");
    }
}
