//! The dialer's first message (ClientHello), parsed without cryptography: whether it is complete,
//! and what it says of the dialer. Nothing of it is believed: it decides when a handshake gets its
//! turn, and not how it ends.

use super::error::{ALERT, HANDSHAKE, TlsError, begins_as_tls};

/// The beginning of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Too few bytes to tell, or to answer.
    Part,
    /// Plaintext.
    Plain,
    /// A complete first message; the answer takes cryptography.
    Whole(Says),
}

/// The dialer's statement about itself before anything is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Says {
    /// Nothing.
    #[default]
    Nothing,
    /// The dialer is a node, and wants a node's turn.
    Node,
    /// The dialer has no certificate, and will show a credential once both sides are encrypted.
    Credential,
}

impl Begin {
    /// Parses the first `bytes` of a connection.
    ///
    /// # Errors
    /// [`TlsError::Oversized`].
    pub(super) fn of(bytes: &[u8]) -> Result<Self, TlsError> {
        match bytes {
            [] | [ALERT | HANDSHAKE] | [ALERT | HANDSHAKE, 3] => return Ok(Self::Part),
            begin if !begins_as_tls(begin) => return Ok(Self::Plain),
            _ => {}
        }
        match Message::first_of(bytes)? {
            Message::Part if bytes.len() > HELLO_BYTES_MAX => Err(TlsError::Oversized),
            Message::Part => Ok(Self::Part),
            Message::Hello(hello) => {
                Ok(Self::Whole(protocols(&hello).map_or(Says::Nothing, said_by)))
            }
            // The TLS library will report what is wrong.
            Message::Other => Ok(Self::Whole(Says::Nothing)),
        }
    }
}

/// The first message of a stream of records.
enum Message {
    Part,
    /// A ClientHello, without its head.
    Hello(Vec<u8>),
    Other,
}

impl Message {
    fn first_of(mut records: &[u8]) -> Result<Self, TlsError> {
        let mut message = Vec::new();
        while let [kind, _, _, high, low, rest @ ..] = records {
            if *kind != HANDSHAKE {
                return Ok(Self::Other);
            }
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > RECORD_BYTES_MAX {
                return Ok(Self::Other);
            }
            let (piece, rest) = rest.split_at(length.min(rest.len()));
            message.extend_from_slice(piece);
            records = rest;
            let [kind, high, middle, low, body @ ..] = message.as_slice() else { continue };
            if *kind != CLIENT_HELLO {
                return Ok(Self::Other);
            }
            let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            if length > HELLO_BYTES_MAX {
                return Err(TlsError::Oversized);
            }
            if let Some(body) = body.get(..length) {
                return Ok(Self::Hello(body.to_vec()));
            }
        }
        Ok(Self::Part)
    }
}

/// The list of protocols in a ClientHello (ALPN: RFC 8446 §4.1.2, RFC 7301); `None`: it has none.
fn protocols(mut hello: &[u8]) -> Option<&[u8]> {
    hello = hello.get(VERSION_AND_RANDOM_BYTES..)?;
    let _session = take(&mut hello, 1)?;
    let _ciphers = take(&mut hello, 2)?;
    let _compressions = take(&mut hello, 1)?;
    let mut extensions = take(&mut hello, 2)?;
    loop {
        let (kind, rest) = extensions.split_first_chunk::<2>()?;
        extensions = rest;
        let mut body = take(&mut extensions, 2)?;
        if u16::from_be_bytes(*kind) == PROTOCOLS {
            return take(&mut body, 2);
        }
    }
}

fn said_by(mut protocols: &[u8]) -> Says {
    let said = std::iter::from_fn(|| take(&mut protocols, 1)).find_map(|one| match one {
        NODE_DIALS => Some(Says::Node),
        CREDENTIAL_FOLLOWS => Some(Says::Credential),
        _ => None,
    });
    said.unwrap_or_default()
}

/// A part with a prefix of `length_bytes` bytes for its length.
fn take<'a>(from: &mut &'a [u8], length_bytes: usize) -> Option<&'a [u8]> {
    let (length, rest) = from.split_at_checked(length_bytes)?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (part, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some(part)
}

/// The protocol by which a dialing node says that it is one (ALPN): no secret, and a claim to
/// nothing but its turn.
pub(super) const NODE_DIALS: &[u8] = b"tenure-node";
/// The protocol by which a client says that it has a credential in place of a certificate. Without
/// a credential its hello is refused.
pub(super) const CREDENTIAL_FOLLOWS: &[u8] = b"tenure-credential";
/// Hellos of Tenure have a few hundred bytes, those of other programs less than two thousand.
const HELLO_BYTES_MAX: usize = 4 << 10;
const RECORD_BYTES_MAX: usize = 1 << 14;
const CLIENT_HELLO: u8 = 1;
const PROTOCOLS: u16 = 16;
const VERSION_AND_RANDOM_BYTES: usize = 2 + 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::net::tls::tests::Papers;
    use crate::net::tls::{Expected, TlsClient};

    fn hello(client: &TlsClient, expected: Expected) -> Vec<u8> {
        client.dial(expected).unwrap().pending().to_vec()
    }

    /// The same message, in records of so many bytes.
    fn in_records(hello: &[u8], size: usize) -> Vec<u8> {
        let record = |piece: &[u8]| [&[HANDSHAKE, 3, 1, 0, piece.len() as u8][..], piece].concat();
        hello[5..].chunks(size).flat_map(record).collect()
    }

    #[test]
    fn a_first_message_is_whole_once_its_last_byte_has_come_however_it_is_cut() {
        let client = Papers::new().client("tenure:client/a");
        for (expected, says) in
            [(Expected::AnyNode, Says::Nothing), (Expected::Node(NodeId(3)), Says::Node)]
        {
            let hello = hello(&client, expected);
            for bytes in [hello.clone(), in_records(&hello, 1), in_records(&hello, 100)] {
                let (last, begin) = bytes.split_last().unwrap();
                for length in 0..=begin.len() {
                    assert_eq!(Begin::of(&begin[..length]), Ok(Begin::Part), "{length}");
                }
                let whole = [begin, &[*last], b"and more"].concat();
                assert_eq!(Begin::of(&whole), Ok(Begin::Whole(says)));
            }
        }
    }

    #[test]
    fn what_is_no_first_message_is_for_others_to_judge() {
        let whole = Ok(Begin::Whole(Says::Nothing));
        for (bytes, begin) in [
            (&b"GET / HTTP/1.1\r\n"[..], Ok(Begin::Plain)),
            (&[0], Ok(Begin::Plain)),
            (&[HANDSHAKE, 2], Ok(Begin::Plain)),
            (&[HANDSHAKE, 3, 9], Ok(Begin::Plain)),
            // An alert; another message; a record of another kind behind a begin.
            (&[ALERT, 3, 3, 0, 2, 2, 40], whole.clone()),
            (&[HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 0], whole.clone()),
            (&[HANDSHAKE, 3, 1, 0xff, 0xff], whole.clone()),
            (&[HANDSHAKE, 3, 1, 0, 1, 1, 23, 3, 3, 0, 0], whole.clone()),
            // A hello that says nothing, and one whose lengths lie.
            (&[HANDSHAKE, 3, 1, 0, 4, 1, 0, 0, 0], whole.clone()),
            (&[HANDSHAKE, 3, 1, 0, 5, 1, 0, 0, 1, 255], whole),
        ] {
            assert_eq!(Begin::of(bytes), begin, "{bytes:?}");
        }
    }

    #[test]
    fn any_bytes_are_looked_at_without_a_panic() {
        let hello = hello(&Papers::new().client("tenure:client/a"), Expected::Node(NodeId(3)));
        for at in 0..hello.len() {
            for value in [0, 1, 16, 127, 255] {
                let mut changed = hello.clone();
                changed[at] = value;
                let _ = Begin::of(&changed);
            }
        }
    }

    #[test]
    fn one_that_is_too_long_or_never_ends_is_refused() {
        let too_long = [HANDSHAKE, 3, 1, 0, 4, 1, 0, 0x10, 1];
        assert_eq!(Begin::of(&too_long), Err(TlsError::Oversized));
        let most = [HANDSHAKE, 3, 1, 0, 4, 1, 0, 0x10, 0];
        assert_eq!(Begin::of(&most), Ok(Begin::Part));
        // Of records that say nothing there may be any number.
        let mut endless = [HANDSHAKE, 3, 1, 0, 0].repeat(HELLO_BYTES_MAX / 5);
        assert_eq!(Begin::of(&endless), Ok(Begin::Part));
        endless.extend([HANDSHAKE, 3, 1, 0, 0]);
        assert_eq!(Begin::of(&endless), Err(TlsError::Oversized));
    }
}
