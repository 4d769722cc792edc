//! The requests that clients make most, looked at where they stand in a frame.

use super::request::SUBMIT;
use super::{FrameError, Request};
use crate::base::locks::{Mode, Name, Terms};
use crate::base::{Owner, Payload, RequestId, SessionId, Token, codec};

/// A logged request to acquire or to release one name, whole and sound: what a leader must know of it, and the bytes
/// that it logs. Its operation is decoded where it is applied, and nowhere before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// See [`Request::Submit`].
    pub session: SessionId,
    /// See [`Request::Submit`].
    pub request: RequestId,
    /// See [`Request::Submit`].
    pub floor: RequestId,
    /// What is to be acquired, but for its name; `None`: it is a release.
    pub terms: Option<Terms>,
    /// The command in whose entry it is logged: the bytes of the request behind another number.
    pub payload: Payload,
}

impl Submission {
    /// The submission that all of `body`, of a request, encodes. `None`: it is another request, or none that decodes.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        if fields.u32()? != SUBMIT {
            return None;
        }
        let (session, request) = (SessionId(fields.u64()?), RequestId(fields.u64()?));
        let floor = RequestId(fields.u64()?);
        let terms = match fields.u32()? {
            ACQUIRE => Some(fields.acquire()?),
            RELEASE => fields.release().map(|()| None)?,
            _ => return None,
        };
        fields.0.is_empty().then(|| {
            let payload = Payload::with_start(COMMAND.to_le_bytes(), body);
            Self { session, request, floor, terms, payload }
        })
    }

    /// The request that it was read from.
    ///
    /// # Errors
    /// None of one that was read.
    pub fn to_request(&self) -> Result<Request, FrameError> {
        let body = Payload::with_start(SUBMIT.to_le_bytes(), self.payload.bytes());
        codec::decode(body.bytes()).map_err(|error| FrameError::Body(error.to_string()))
    }
}

/// What is not read yet of fields one behind the other, as `base/codec.rs` writes them.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn acquire(&mut self) -> Option<Terms> {
        self.name()?;
        let value_bytes = self.bytes()?.len();
        let mode = match self.u32()? {
            0 => Mode::Exclusive,
            1 => Mode::Shared,
            _ => return None,
        };
        let (limit, permits) = (self.u32()?, self.u32()?);
        let _owner = Owner(self.u64()?);
        let delay_ms = self.u32()?;
        let is_try = self.array::<1>()?;
        (is_try[0] <= 1).then_some(Terms { value_bytes, mode, limit, permits, delay_ms })
    }

    fn release(&mut self) -> Option<()> {
        self.name()?;
        let _token = Token(self.u64()?);
        Some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.bytes()?).ok()?;
        Name::check(text).ok().map(|()| text)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }
}

/// The number of `lock::Command::Request`: behind it stand the same fields as behind that of `Request::Submit`.
const COMMAND: u32 = 1;
/// The numbers of these operations on the wire.
const ACQUIRE: u32 = 0;
const RELEASE: u32 = 1;

#[cfg(test)]
mod tests;
