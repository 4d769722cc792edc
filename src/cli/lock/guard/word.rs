//! The protocol between `tenure lock` and its guard: words of a fixed size over a socket pair.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// To the guard: `Until`, `Known`, `Ending`. From it: the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// CMD must be dead at this reading of CLOCK_BOOTTIME, in nanoseconds.
    Until(u64),
    /// `tenure lock` holds CMD by its identity: the guard may reap it, and its number may pass to
    /// another process.
    Known,
    /// CMD was asked to end: when it has ended, its descendants in all sessions are ended, too.
    Ending,
    /// CMD runs as this process.
    Started(u32),
    /// CMD could not be started: the errno; 0: another reason.
    NotStarted(i32),
    /// This signal stopped CMD.
    Stopped(i32),
    /// CMD ended by itself, and the rest of it in our session was ended: the status of wait(2).
    Ended(i32),
    /// CMD was killed with all its descendants: the status of wait(2).
    Killed(i32),
    /// CMD runs on: we may not kill it.
    NotKilled,
}

impl Word {
    fn encode(self) -> [u8; BYTES] {
        let signed = |value: i32| u64::from(value as u32);
        let (kind, value) = match self {
            Self::Until(instant) => (1, instant),
            Self::Ending => (2, 0),
            Self::Started(id) => (3, u64::from(id)),
            Self::NotStarted(number) => (4, signed(number)),
            Self::Stopped(signal) => (5, signed(signal)),
            Self::Ended(status) => (6, signed(status)),
            Self::Killed(status) => (7, signed(status)),
            Self::NotKilled => (8, 0),
            Self::Known => (9, 0),
        };
        let mut bytes = [kind; BYTES];
        bytes[1..].copy_from_slice(&u64::to_le_bytes(value));
        bytes
    }

    fn decode(bytes: [u8; BYTES]) -> io::Result<Self> {
        let [kind, value @ ..] = bytes;
        let value = u64::from_le_bytes(value);
        let signed = value as u32 as i32;
        Ok(match kind {
            1 => Self::Until(value),
            2 => Self::Ending,
            3 => Self::Started(value as u32),
            4 => Self::NotStarted(signed),
            5 => Self::Stopped(signed),
            6 => Self::Ended(signed),
            7 => Self::Killed(signed),
            8 => Self::NotKilled,
            9 => Self::Known,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

/// One end of the socket pair.
#[derive(Debug)]
pub struct Line {
    socket: UnixStream,
    heard: VecDeque<u8>,
}

impl Line {
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, heard: VecDeque::new() })
    }

    /// Readable when there is a word, or the peer is gone.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Says `word`; never waits.
    ///
    /// # Errors
    /// WouldBlock: the peer has not read for a long time, and counts as gone.
    pub fn send(&mut self, word: Word) -> io::Result<()> {
        // So few bytes are written whole or not at all.
        self.socket.write_all(&word.encode())
    }

    /// The next word; `None`: none has arrived.
    ///
    /// # Errors
    /// UnexpectedEof: the peer is gone, and all its words were taken.
    pub fn receive(&mut self) -> io::Result<Option<Word>> {
        let mut buffer = [0; 64 * BYTES];
        while self.heard.len() < BYTES {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.heard.extend(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut word = [0; BYTES];
        word.iter_mut().for_each(|byte| *byte = self.heard.pop_front().expect("counted above"));
        Word::decode(word).map(Some)
    }
}

const BYTES: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_heard_as_it_was_said_and_then_the_end() {
        let said = [
            Word::Until(u64::MAX),
            Word::Ending,
            Word::Started(u32::MAX),
            Word::NotStarted(2),
            Word::Stopped(20),
            Word::Ended(7 << 8),
            Word::Killed(-1),
            Word::NotKilled,
            Word::Known,
        ];
        let (here, there) = UnixStream::pair().unwrap();
        let (mut here, mut there) = (Line::new(here).unwrap(), Line::new(there).unwrap());
        assert!(there.receive().unwrap().is_none());
        said.iter().for_each(|word| here.send(*word).unwrap());
        drop(here);
        for word in said {
            assert_eq!(there.receive().unwrap(), Some(word));
        }
        assert_eq!(there.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_word_that_comes_in_two_parts_is_one() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let mut there = Line::new(there).unwrap();
        let bytes = Word::Until(5).encode();
        here.write_all(&bytes[..4]).unwrap();
        assert!(there.receive().unwrap().is_none());
        here.write_all(&bytes[4..]).unwrap();
        assert_eq!(there.receive().unwrap(), Some(Word::Until(5)));
    }

    #[test]
    fn what_is_no_word_is_refused() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(&[10; BYTES]).unwrap();
        let error = Line::new(there).unwrap().receive().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
