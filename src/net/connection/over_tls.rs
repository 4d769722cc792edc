//! A connection over TLS: its beginning, the identity of its other end, and its words where only one end speaks TLS.

use super::{Closed, Connection, Stream, closed_by};
use crate::base::{Principal, Sample};
use crate::net::tls::{
    self, Begin, EitherStream, Expected, Judge, Says, Session, Spoken, StreamError, Takes,
    TlsClient, TlsError, TlsServer, TlsStream,
};
use mio::net::TcpStream;

impl Connection {
    /// Begins TLS as the side that dialed `expected`, before anything is sent. Queued frames leave once both sides
    /// know each other.
    ///
    /// # Errors
    /// [`Closed::Tls`].
    pub fn over_tls(self, client: &TlsClient, expected: Expected) -> Result<Self, Closed> {
        let session = client.dial(expected).map_err(TlsError::Failed)?;
        Ok(self.secured(session))
    }

    /// Begins TLS as the side that was dialed, before anything is read.
    #[must_use]
    pub fn answering_over_tls(self, server: &TlsServer) -> Self {
        self.answering(server, Takes::Tls)
    }

    /// Begins TLS or plaintext, as the first bytes of the dialer say, before anything is read.
    #[must_use]
    pub fn answering_either(self, server: &TlsServer) -> Self {
        self.answering(server, Takes::Both)
    }

    fn answering(mut self, server: &TlsServer, takes: Takes) -> Self {
        self.stream = match self.stream {
            Stream::Tcp(socket) => Stream::Either(EitherStream::new(socket, server.clone(), takes)),
            other => other,
        };
        self
    }

    /// Reads of a handshake what costs nothing to read, and says whether the rest is there.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn listen(&mut self) -> Result<Begin, Closed> {
        match &mut self.stream {
            Stream::Either(stream) => stream.listen().map_err(closed_by),
            Stream::Tls(stream) if stream.session.is_handshaking() => {
                Ok(Begin::Whole(Says::Nothing))
            }
            Stream::Tcp(_) | Stream::Tls(_) | Stream::Local(_) => Ok(Begin::Plain),
        }
    }

    /// The first read of a connection whose first message has come; how much that was.
    pub(super) fn receive_first(&mut self) -> Result<usize, StreamError> {
        let Stream::Either(stream) = &mut self.stream else { return Ok(0) };
        let (count, spoken) = stream.receive()?;
        match spoken {
            Spoken::Plain(socket, begin) => {
                self.stream = Stream::Tcp(socket);
                self.decoder.push(&begin);
            }
            Spoken::Tls(mut stream, begin) => {
                let taken = stream.take(&begin, |bytes| self.decoder.push(bytes));
                self.stream = Stream::Tls(stream);
                taken?;
            }
        }
        Ok(count)
    }

    fn secured(mut self, session: Session) -> Self {
        self.stream = match self.stream {
            Stream::Tcp(socket) => Stream::Tls(TlsStream { socket, session: Box::new(session) }),
            // Within a process there is nobody between the two.
            other => other,
        };
        self
    }

    /// Within a process: the owner of the other end.
    #[must_use]
    pub fn of_within(mut self, principal: Option<Principal>) -> Self {
        if let Stream::Local(stream) = &mut self.stream {
            stream.know(principal);
        }
        self
    }

    /// The principal at the other end, by a verified certificate; `None`: no certificate was shown, or it is not known
    /// yet.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match &self.stream {
            Stream::Local(stream) => stream.principal(),
            _ => self.session().and_then(Session::peer),
        }
    }

    /// Whether it is over TLS, and was dialed by us.
    #[must_use]
    pub fn is_dialed_over_tls(&self) -> bool {
        self.session().is_some_and(Session::is_dialed)
    }

    /// When the certificate of the other side ends, as a reading of BOOTTIME; `u64::MAX`: nobody is known by one.
    #[must_use]
    pub fn certificate_ends_at(&self) -> u64 {
        self.session().map_or(u64::MAX, Session::ends_at)
    }

    /// Whether the certificate of the other side has ended since the handshake, by clocks that nobody sets.
    #[must_use]
    pub fn is_certificate_over(&self, now: &Sample) -> bool {
        self.session().is_some_and(|session| session.is_over(now))
    }

    /// Checks whether the dialer would still be let in.
    ///
    /// # Errors
    /// The present defect of its certificate.
    pub fn examine_dialer(&self, server: &TlsServer, now: &Sample) -> Result<(), TlsError> {
        self.session().map_or(Ok(()), |session| session.examine(Judge::Dialer(server), now))
    }

    /// Checks whether the dialed side would still be taken for `expected`.
    ///
    /// # Errors
    /// The present defect of its certificate.
    pub fn examine_dialed(
        &self,
        client: &TlsClient,
        expected: &Expected,
        now: &Sample,
    ) -> Result<(), TlsError> {
        let judge = Judge::Dialed(client, expected);
        self.session().map_or(Ok(()), |session| session.examine(judge, now))
    }

    fn session(&self) -> Option<&Session> {
        match &self.stream {
            Stream::Tls(stream) => Some(&stream.session),
            Stream::Tcp(_) | Stream::Either(_) | Stream::Local(_) => None,
        }
    }

    /// Whether the two ends do not know each other yet, or it is not known whether they are to.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        match &self.stream {
            Stream::Tls(stream) => stream.session.is_handshaking(),
            Stream::Either(_) => true,
            Stream::Tcp(_) | Stream::Local(_) => false,
        }
    }

    /// Whether it speaks TLS, as far as is known.
    #[must_use]
    pub fn is_over_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    pub(super) fn encrypted_bytes(&self) -> usize {
        match &self.stream {
            Stream::Tls(stream) => stream.queued_bytes(),
            Stream::Tcp(_) | Stream::Either(_) | Stream::Local(_) => 0,
        }
    }

    pub(super) fn socket(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Tcp(socket) => Some(socket),
            Stream::Tls(stream) => Some(&stream.socket),
            Stream::Either(stream) => Some(stream.socket()),
            Stream::Local(_) => None,
        }
    }

    /// Announces the end of our half of the stream, behind all frames.
    pub(super) fn end_tls(&mut self) {
        if let Stream::Tls(stream) = &mut self.stream {
            stream.end();
        }
    }

    /// Frames that waited for the handshake leave with its end. No room is reported: there was room all the time.
    pub(super) fn flush_after_handshake(&mut self) -> Result<(), Closed> {
        if self.is_handshaking() {
            return Ok(());
        }
        match self.flush() {
            // Bytes sent before the end are still to be read; the end comes behind them.
            Err(Closed::ByPeer) => Ok(()),
            other => other,
        }
    }

    /// Why this connection ended, in the place of what frames make of TLS: somebody must be told what to mend.
    pub(super) fn explained(&self, closed: Closed) -> Closed {
        let why = match (&self.stream, &closed) {
            (Stream::Tcp(_), Closed::ByPeer | Closed::Protocol(_)) if !self.is_heard => {
                tls::begins_as_tls(self.decoder.unread()).then_some(TlsError::SpeaksTls)
            }
            (Stream::Tls(stream), Closed::ByPeer) => stream.session.explained(),
            _ => None,
        };
        why.map_or(closed, Closed::Tls)
    }
}

#[cfg(test)]
mod tests;
