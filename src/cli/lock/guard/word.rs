//! What `tenure lock` and its guard say to each other.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// To the guard: `Until`, `Known`, `Ending`. From it: the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// CMD must be dead at this reading of CLOCK_BOOTTIME, in nanoseconds.
    Until(u64),
    /// We hold CMD by its identity: its number may become somebody else's.
    Known,
    /// CMD was asked to end: when it has, nothing of it may be left, in whatever session.
    Ending,
    /// CMD runs as this process.
    Started(u32),
    /// It does not, because of this error number; 0: of another reason.
    NotStarted(i32),
    /// This signal stopped it.
    Stopped(i32),
    /// It ended, as wait(2) says, and all that it left in our session was ended.
    Ended(i32),
    /// It was killed with all that descends from it, and ended so.
    Killed(i32),
    /// It may not be killed by us, and goes on.
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

/// One end of their socket.
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

    /// Readable when there is a word, or the other side is gone.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Says `word`; never waits.
    ///
    /// # Errors
    /// WouldBlock: the other side has not listened for a long time; it is gone.
    pub fn send(&mut self, word: Word) -> io::Result<()> {
        // So few bytes are taken whole, or not at all.
        self.socket.write_all(&word.encode())
    }

    /// The next word; `None`: none now.
    ///
    /// # Errors
    /// UnexpectedEof: the other side is gone, and all its words were heard.
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
