//! How many connections may wait at a listening socket until they are accepted.

use std::io;
use std::os::fd::AsRawFd;

/// Lets so many wait, or as many as the system allows (`net.core.somaxconn`). Beyond that a dial goes unanswered, and is made again
/// by its kernel after a second.
///
/// # Errors
/// Those of listen(2): it is no listening socket.
pub fn deepen(listener: &impl AsRawFd, connections: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed; the call takes two numbers.
    match unsafe { libc::listen(listener.as_raw_fd(), connections) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn as_many_as_are_let_wait_connect_before_any_is_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        deepen(&listener, 400).unwrap();
        let address = listener.local_addr().unwrap();
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        // The library's own bound is 128. Nobody beyond the bound is ever answered, since nobody is accepted.
        let count: usize = allowed.trim().parse::<usize>().unwrap().min(300);
        let dial = |_| TcpStream::connect_timeout(&address, Duration::from_secs(10));
        let waiting: Vec<TcpStream> = (0..count).map(dial).collect::<Result<_, _>>().unwrap();
        assert_eq!(waiting.len(), count);
    }
}
