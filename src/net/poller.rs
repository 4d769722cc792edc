//! The poller: waits for many sockets at once (epoll, edge-triggered), and is woken by other threads.

use crate::net::{Connection, Listener};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// The caller's own number for a registered socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub u64);

/// One source that has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The socket.
    pub key: Key,
    /// Reading gives data, an end, or an error.
    pub readable: bool,
    /// Writing takes something, a dial is decided, or there is an error.
    pub writable: bool,
}

/// Edge-triggered: a source is reported once, when something becomes ready; read, write or accept until
/// nothing is left, or remember to come back.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
}

/// Registers sockets with a poller, from any thread, also while it waits.
#[derive(Debug)]
pub struct Registrar(Registry);

/// Ends a wait of its poller from any thread.
#[derive(Clone, Debug)]
pub struct Wake(Arc<Waker>);

impl Poller {
    /// Reports at most `events_max` sources of one wait; others come with the next.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new(events_max: usize) -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(events_max) })
    }

    /// A handle for other threads; a wait that it ends reports `key` as readable. Once per poller.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn wake(&self, key: Key) -> io::Result<Wake> {
        Ok(Wake(Arc::new(Waker::new(self.poll.registry(), token(key))?)))
    }

    /// A handle with which other threads register sockets.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn registrar(&self) -> io::Result<Registrar> {
        Ok(Registrar(self.poll.registry().try_clone()?))
    }

    /// Watches a connection until it is dropped.
    ///
    /// # Errors
    /// The system's.
    pub fn add(&self, connection: &mut Connection, key: Key) -> io::Result<()> {
        watch(self.poll.registry(), connection, key)
    }

    /// Mutes a connection: bytes to be read end no wait until it is unmuted. Room and failures still do.
    ///
    /// # Errors
    /// The system's.
    pub fn mute(&self, connection: &mut Connection, key: Key) -> io::Result<()> {
        // Not `Interest::PRIORITY` as below: for that, input would wake the thread inside the kernel.
        watch_for(self.poll.registry(), connection, key, Interest::WRITABLE)
    }

    /// Reports a muted connection again, also what became ready meanwhile.
    ///
    /// # Errors
    /// The system's.
    pub fn unmute(&self, connection: &mut Connection, key: Key) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        watch_for(self.poll.registry(), connection, key, both)
    }

    /// Watches a timer, or any descriptor, until it is closed.
    ///
    /// # Errors
    /// The system's.
    pub fn add_timer(&self, timer: RawFd, key: Key) -> io::Result<()> {
        let interest = Interest::READABLE;
        self.poll.registry().register(&mut SourceFd(&timer), token(key), interest)
    }

    /// Watches a listener until it is dropped.
    ///
    /// # Errors
    /// The system's.
    pub fn add_listener(&self, listener: &mut Listener, key: Key) -> io::Result<()> {
        self.poll.registry().register(listener.source(), token(key), Interest::READABLE)
    }

    /// Waits until something is ready, a [`Wake`] is used, or `timeout` (rounded up to a millisecond;
    /// `None`: for ever) has passed. A signal ends the wait with nothing ready.
    ///
    /// # Errors
    /// epoll_wait(2)'s own, besides EINTR.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// The events of the last wait.
    pub fn ready(&self) -> impl Iterator<Item = Readiness> + '_ {
        self.events.iter().map(|event| Readiness {
            key: Key(event.token().0 as u64),
            readable: event.is_readable() || event.is_read_closed() || event.is_error(),
            writable: event.is_writable() || event.is_write_closed() || event.is_error(),
        })
    }
}

impl Registrar {
    /// Watches a connection until it is dropped.
    ///
    /// # Errors
    /// The system's.
    pub fn add(&self, connection: &mut Connection, key: Key) -> io::Result<()> {
        watch(&self.0, connection, key)
    }

    /// Reports nothing of a watched connection until it is resumed, besides its failure: another thread
    /// polls it meanwhile.
    ///
    /// # Errors
    /// The system's.
    pub fn pause(&self, connection: &mut Connection, key: Key) -> io::Result<()> {
        watch_for(&self.0, connection, key, Interest::PRIORITY)
    }

    /// Reports a paused connection again, also what became ready meanwhile: room for output only if
    /// something waits to be sent, since there nearly always is room, and each report wakes a thread.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(&self, connection: &mut Connection, key: Key) -> io::Result<()> {
        let output = connection.wants_write().then_some(Interest::WRITABLE);
        let interest = output.map_or(Interest::READABLE, |output| Interest::READABLE | output);
        watch_for(&self.0, connection, key, interest)
    }
}

fn watch_for(
    registry: &Registry,
    connection: &mut Connection,
    key: Key,
    interest: Interest,
) -> io::Result<()> {
    connection
        .poll_with(interest, |source, interest| registry.reregister(source, token(key), interest))
}

fn watch(registry: &Registry, connection: &mut Connection, key: Key) -> io::Result<()> {
    let both = Interest::READABLE | Interest::WRITABLE;
    connection.poll_with(both, |source, interest| registry.register(source, token(key), interest))
}

impl Wake {
    /// Ends the present wait, or the next one.
    pub fn wake(&self) {
        // The eventfd behind it fails only when the poller is gone; then nobody waits.
        let _ = self.0.wake();
    }
}

fn token(key: Key) -> Token {
    Token(usize::try_from(key.0).expect("keys are counted from zero"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FrameKind;
    use std::io::Write;
    use std::net::TcpStream;

    #[test]
    fn a_wake_ends_the_next_wait_once() {
        let mut poller = Poller::new(8).unwrap();
        let wake = poller.wake(Key(3)).unwrap();
        wake.wake();
        poller.wait(None).unwrap();
        assert_eq!(poller.ready().map(|ready| ready.key).collect::<Vec<_>>(), [Key(3)]);
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(poller.ready().count(), 0);
    }

    #[test]
    fn a_paused_connection_is_reported_when_it_is_resumed() {
        let mut poller = Poller::new(8).unwrap();
        let registrar = poller.registrar().unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut other = TcpStream::connect(listener.address().unwrap()).unwrap();
        let mut connection = loop {
            if let Some(connection) = listener.accept(1 << 20).unwrap() {
                break connection;
            }
        };
        registrar.add(&mut connection, Key(2)).unwrap();
        registrar.pause(&mut connection, Key(2)).unwrap();
        other.write_all(&[1]).unwrap();
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert!(!poller.ready().any(|ready| ready.readable));
        registrar.resume(&mut connection, Key(2)).unwrap();
        while !poller.ready().any(|ready| ready.readable) {
            poller.wait(None).unwrap();
        }
        assert!(!poller.ready().any(|ready| ready.writable), "nobody asked for room");
    }

    #[test]
    fn a_muted_connection_ends_no_wait_and_loses_nothing() {
        let mut poller = Poller::new(8).unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut other = TcpStream::connect(listener.address().unwrap()).unwrap();
        let mut connection = loop {
            if let Some(connection) = listener.accept(1 << 20).unwrap() {
                break connection;
            }
        };
        poller.add(&mut connection, Key(2)).unwrap();
        poller.mute(&mut connection, Key(2)).unwrap();
        poller.wait(Some(Duration::ZERO)).unwrap();
        other.write_all(&[1]).unwrap();
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(poller.ready().count(), 0);
        poller.unmute(&mut connection, Key(2)).unwrap();
        while !poller.ready().any(|ready| ready.readable) {
            poller.wait(None).unwrap();
        }
        assert!(poller.ready().any(|ready| ready.writable), "room is reported as before");
    }

    #[test]
    fn within_a_process_room_is_reported_also_while_input_is_left_unread() {
        let mut poller = Poller::new(8).unwrap();
        let (mut one, mut two) = Connection::local_pair((4 << 20, 4 << 20)).unwrap();
        poller.add(&mut one, Key(5)).unwrap();
        let value = vec![7u8; 100_000];
        two.queue(FrameKind::Server, &value).unwrap();
        two.flush().unwrap();
        for _ in 0..5 {
            one.queue(FrameKind::Request, &value).unwrap();
        }
        one.flush().unwrap();
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(poller.ready().count(), 1);
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(poller.ready().count(), 0, "edge-triggered");
        two.receive(&mut Vec::new(), 1 << 20).unwrap();
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(poller.ready().map(|ready| ready.key).collect::<Vec<_>>(), [Key(5)]);
    }

    #[test]
    fn listener_and_connection_are_reported_under_their_keys() {
        let mut poller = Poller::new(8).unwrap();
        let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        poller.add_listener(&mut listener, Key(1)).unwrap();
        let mut other = TcpStream::connect(listener.address().unwrap()).unwrap();
        poller.wait(None).unwrap();
        assert_eq!(poller.ready().next().map(|ready| ready.key), Some(Key(1)));

        let mut connection = listener.accept(1 << 20).unwrap().unwrap();
        poller.add(&mut connection, Key(2)).unwrap();
        other.write_all(&[1]).unwrap();
        while !poller.ready().any(|ready| ready.key == Key(2) && ready.readable) {
            poller.wait(None).unwrap();
        }
    }
}
