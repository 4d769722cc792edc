//! Measurements of a TCP connection by the kernel.

use std::os::fd::RawFd;
use std::time::Duration;

/// The smoothed round trip of a connection; `None` if it is no connection of TCP.
#[must_use]
pub fn round_trip(fd: RawFd) -> Option<Duration> {
    // SAFETY: a tcp_info is plain data, valid when zeroed.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` has `length` writable bytes; both live through the call, which may write less.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (result == 0 && info.tcpi_rtt > 0).then(|| Duration::from_micros(info.tcpi_rtt.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_connection_has_a_round_trip_and_a_file_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(round_trip(stream.as_raw_fd()).is_some());
        assert_eq!(round_trip(std::fs::File::open("/dev/null").unwrap().as_raw_fd()), None);
    }
}
