//! A stream of bytes each way between two threads of this process, in memory, polled like a socket.
//!
//! Each end has an inbox and a descriptor, which is set after something came and cleared when a read finds nothing:
//! while bytes or the end are there, it is readable or is about to be. It is also set when there is room: its owner
//! then reads, and sends what waits. So an end is polled for reading alone.
//!
//! The descriptor is set after the inbox's mutex is free, so that the thread that wakes does not wait for it. A read
//! in between leaves it set for nothing, once.

use crate::base::Principal;
use crate::net::socket::RECEIVE_BYTES;
use crate::sys::event::EventFd;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// One end. When it is dropped, the other end reads its end behind the bytes that were sent.
#[derive(Debug)]
pub(super) struct LocalStream {
    own: Arc<Inbox>,
    other: Arc<Inbox>,
    /// The owner of the other end, if it was named.
    principal: Option<Principal>,
}

/// Bytes sent to one end.
#[derive(Debug)]
struct Inbox {
    mail: Mutex<Mail>,
    event: EventFd,
}

#[derive(Default)]
struct Mail {
    bytes: VecDeque<u8>,
    /// One of the two ends is gone.
    has_ended: bool,
    /// The descriptor was set, or is about to be, and is not cleared.
    is_told: bool,
    /// The sender found no room, and is to be told of some.
    sender_waits: bool,
}

/// Without the bytes: a session's key may be among them.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({} bytes)", self.bytes.len())
    }
}

impl LocalStream {
    /// Two ends.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (one, two) = (Arc::new(Inbox::new()?), Arc::new(Inbox::new()?));
        let first = Self { own: Arc::clone(&one), other: Arc::clone(&two), principal: None };
        Ok((first, Self { own: two, other: one, principal: None }))
    }

    /// The other end is this one's.
    pub(super) fn know(&mut self, principal: Option<Principal>) {
        self.principal = principal;
    }

    /// The owner of the other end, if known.
    pub(super) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// Hands available bytes to `take`, about [`RECEIVE_BYTES`] at most; returns their number. 0: the other end is
    /// gone.
    ///
    /// # Errors
    /// WouldBlock: nothing is there yet.
    pub(super) fn receive(&self, take: impl FnMut(&[u8])) -> io::Result<usize> {
        let mut mail = self.own.mail.lock();
        if mail.bytes.is_empty() {
            return if mail.has_ended { Ok(0) } else { Err(self.own.clear(&mut mail)) };
        }
        let count = mail.take(take);
        let has_room = mail.bytes.len() <= INBOX_BYTES_MAX / 2;
        let is_awaited = has_room && std::mem::take(&mut mail.sender_waits);
        // Never both mutexes at once: the other end takes them in the other order.
        drop(mail);
        if is_awaited {
            self.other.mail.lock().is_told = true;
            self.other.event.set();
        }
        Ok(count)
    }

    /// Sends what there is room for; how much that was.
    ///
    /// # Errors
    /// WouldBlock: there is none; the descriptor tells of some. BrokenPipe: the other end is gone.
    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut mail = self.other.mail.lock();
        if mail.has_ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(INBOX_BYTES_MAX - mail.bytes.len());
        mail.sender_waits |= count < bytes.len();
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        mail.bytes.extend(&bytes[..count]);
        let was_told = std::mem::replace(&mut mail.is_told, true);
        drop(mail);
        if !was_told {
            self.other.event.set();
        }
        Ok(count)
    }
}

impl Drop for LocalStream {
    fn drop(&mut self) {
        let mut own = self.own.mail.lock();
        own.has_ended = true;
        own.bytes = VecDeque::new();
        drop(own);
        self.other.mail.lock().has_ended = true;
        self.other.event.set();
    }
}

impl AsRawFd for LocalStream {
    fn as_raw_fd(&self) -> RawFd {
        self.own.event.as_raw_fd()
    }
}

impl Inbox {
    fn new() -> io::Result<Self> {
        Ok(Self { mail: Mutex::default(), event: EventFd::new()? })
    }

    /// Nothing is there. Under the mutex, so that bytes that come later set the descriptor again.
    fn clear(&self, mail: &mut Mail) -> io::Error {
        mail.is_told = false;
        self.event.clear();
        ErrorKind::WouldBlock.into()
    }
}

impl Mail {
    fn take(&mut self, mut take: impl FnMut(&[u8])) -> usize {
        let count = self.bytes.len().min(RECEIVE_BYTES);
        let (front, back) = self.bytes.as_slices();
        let in_front = count.min(front.len());
        take(&front[..in_front]);
        if in_front < count {
            take(&back[..count - in_front]);
        }
        self.bytes.drain(..count);
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEPT_BYTES);
        }
        count
    }
}

/// Bytes that may wait in an inbox, as in a socket's buffers. The rest stays with the sender, bounded by its
/// connection.
pub(super) const INBOX_BYTES_MAX: usize = 256 << 10;
/// Memory that an empty inbox keeps.
const KEPT_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::{self, Interest, Ready};
    use std::time::Duration;

    fn is_readable(stream: &LocalStream) -> bool {
        let mut set = [(stream.as_raw_fd(), Interest::Read, Ready::default())];
        poll::wait(&mut set, Some(Duration::ZERO)).unwrap();
        set[0].2.readable
    }

    fn receive(stream: &LocalStream) -> Result<Vec<u8>, ErrorKind> {
        let mut received = Vec::new();
        let count = stream.receive(|bytes| received.extend_from_slice(bytes));
        count.map_err(|error| error.kind()).map(|_| received)
    }

    #[test]
    fn the_descriptor_is_readable_until_reading_finds_nothing() {
        let (one, two) = LocalStream::pair().unwrap();
        assert!(!is_readable(&two));
        assert_eq!(one.send(b"ab").unwrap(), 2);
        assert_eq!(one.send(b"c").unwrap(), 1);
        assert!(is_readable(&two) && !is_readable(&one));
        assert_eq!(receive(&two), Ok(b"abc".to_vec()));
        assert_eq!(receive(&two), Err(ErrorKind::WouldBlock));
        assert!(!is_readable(&two));
        one.send(b"d").unwrap();
        assert!(is_readable(&two));
    }

    #[test]
    fn a_full_inbox_takes_no_more_and_tells_its_sender_of_room() {
        let (one, two) = LocalStream::pair().unwrap();
        let bytes = vec![7; INBOX_BYTES_MAX];
        assert_eq!(one.send(&[1; 10]).unwrap(), 10);
        assert_eq!(one.send(&bytes).unwrap(), INBOX_BYTES_MAX - 10);
        assert_eq!(one.send(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(!is_readable(&one));
        let mut read = 0;
        while !is_readable(&one) {
            read += receive(&two).unwrap().len();
        }
        assert!((INBOX_BYTES_MAX / 2..INBOX_BYTES_MAX).contains(&read), "{read}");
        assert_eq!(receive(&one), Err(ErrorKind::WouldBlock));
        assert!(!is_readable(&one));
        assert_eq!(one.send(&bytes).unwrap(), read);
    }

    #[test]
    fn an_end_that_is_gone_is_seen_behind_what_it_sent() {
        let (one, two) = LocalStream::pair().unwrap();
        two.send(b"nobody reads this").unwrap();
        one.send(b"last").unwrap();
        drop(one);
        assert!(is_readable(&two));
        assert_eq!(receive(&two), Ok(b"last".to_vec()));
        assert_eq!((receive(&two), receive(&two)), (Ok(Vec::new()), Ok(Vec::new())));
        assert!(is_readable(&two));
        assert_eq!(two.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn bytes_arrive_in_order_whatever_the_sizes() {
        let (one, two) = LocalStream::pair().unwrap();
        let sent: Vec<u8> = (0..2_000_000u32).map(|at| (at % 251) as u8).collect();
        let expected = sent.clone();
        let sender = std::thread::spawn(move || {
            let mut rest = &sent[..];
            while !rest.is_empty() {
                match one.send(&rest[..rest.len().min(100_003)]) {
                    Ok(count) => rest = &rest[count..],
                    Err(_) => {
                        let mut set = [(one.as_raw_fd(), Interest::Read, Ready::default())];
                        poll::wait(&mut set, None).unwrap();
                        assert_eq!(receive(&one), Err(ErrorKind::WouldBlock));
                    }
                }
            }
        });
        let mut received = Vec::new();
        loop {
            let mut set = [(two.as_raw_fd(), Interest::Read, Ready::default())];
            poll::wait(&mut set, None).unwrap();
            match receive(&two) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => received.extend_from_slice(&bytes),
                Err(kind) => assert_eq!(kind, ErrorKind::WouldBlock),
            }
        }
        sender.join().unwrap();
        assert!(received == expected, "the stream differs");
    }
}
