//! Opens the listening socket of a node; errors say why it cannot.

use crate::base::error::{Error, Status};
use crate::net::{Listener, resolve_within};
use crate::node::config::NodeOptions;
use crate::node::secured::TlsMode;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Opens the listening socket that `options` ask for.
///
/// # Errors
/// INVALID, DENIED, IO; UNAVAILABLE if its name is not known, or the address not this machine's, at present: one sentence
/// that says what to do.
pub(super) fn listen(options: &mut NodeOptions) -> Result<(Listener, SocketAddr), Error> {
    let own = options.own_address()?.to_owned();
    let listener = match options.listener.take() {
        Some(listener) => Listener::from_std(listener).map_err(cannot_use)?,
        None => {
            let wanted = options.listen.as_ref().unwrap_or(&own);
            let address = resolve(wanted)?;
            // Before the bind, which would let a stranger in, if only for an instant.
            check_exposure(address, options)?;
            Listener::bind(address).map_err(|error| cannot_bind(wanted, error))?
        }
    };
    let address = listener.address().map_err(cannot_use)?;
    check_exposure(address, options)?;
    Ok((listener, address))
}

pub(super) fn resolve(wanted: &str) -> Result<SocketAddr, Error> {
    let is_address = wanted
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_address {
        let text = format!("\"{wanted}\" must look like \"host:port\"");
        return Err(Error::new(Status::Invalid, text));
    }
    let unknown = |why: &str| {
        let text = format!(
            "the host of \"{wanted}\" is not known ({why}): listen on an IP address of this machine, or wait until the \
             name is known"
        );
        Error::new(Status::Unavailable, text)
    };
    let mut found = resolve_within(wanted, LOOKUP_WAIT).map_err(|why| unknown(&why))?;
    // "localhost" may name both families; IPv4 is what the endpoints' default dials.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| unknown("it has no address"))
}

/// Warns of optional TLS: a stage that is to end.
pub(super) fn warn_of_plaintext(options: &NodeOptions) {
    if options.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Optional) {
        log::warn!(
            "this node takes connections without TLS as well (--tls optional): start it with --tls required once all nodes \
             are at optional, and all clients have certificates"
        );
    }
}

pub(super) fn check_exposure(address: SocketAddr, options: &NodeOptions) -> Result<(), Error> {
    if options.insecure || address.ip().is_loopback() {
        return Ok(());
    }
    match options.tls.as_ref().map(|tls| tls.mode) {
        Some(TlsMode::Required) => return Ok(()),
        Some(TlsMode::Optional) => {
            let text = format!(
                "{address} is open to the network, and --tls optional takes everybody who comes without TLS as well: say \
                 --insecure too for as long as that stage lasts, or --tls required"
            );
            return Err(Error::new(Status::Invalid, text));
        }
        None => {}
    }
    Err(Error::new(
        Status::Invalid,
        format!(
            "{address} is open to the network, and nothing is encrypted or authenticated: give --ca, --cert and --key \
             (`tenure certs` makes them), listen on a loopback address, or say --insecure if everybody who can reach it \
             may take locks"
        ),
    ))
}

fn cannot_bind(wanted: &str, error: io::Error) -> Error {
    let (status, advice) = match error.kind() {
        ErrorKind::AddrInUse => {
            (Status::Io, "another program listens there: stop it, or choose another port")
        }
        ErrorKind::AddrNotAvailable => (
            Status::Unavailable,
            "this machine does not have that address: listen on one of its own, or wait until it has it",
        ),
        ErrorKind::PermissionDenied => {
            (Status::Denied, "this user may not use that port: choose one above 1023")
        }
        _ => (Status::Io, "choose another address or port"),
    };
    Error::new(status, format!("cannot listen on {wanted} ({error}): {advice}")).because_of(error)
}

fn cannot_use(error: io::Error) -> Error {
    Error::new(Status::Io, format!("the listening socket cannot be used: {error}"))
        .because_of(error)
}

/// The timeout of a name lookup.
const LOOKUP_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use socket2::{Domain, Socket, Type};
    use std::net::TcpListener;

    fn options(listen: &str) -> NodeOptions {
        let cluster = vec![(NodeId(1), "127.0.0.1:7401".to_owned())];
        NodeOptions {
            listen: Some(listen.to_owned()),
            ..NodeOptions::new(NodeId(1), "unused", cluster)
        }
    }

    fn refusal(listen_on: &str) -> Error {
        listen(&mut options(listen_on)).expect_err(listen_on)
    }

    #[test]
    fn more_than_loopback_is_refused_unless_insecure() {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let error = refusal(address);
            assert_eq!(error.status, Status::Invalid);
            assert!(error.message.contains("--insecure"), "{error}");
        }
        let mut given = options("unused");
        given.listener = Some(TcpListener::bind("0.0.0.0:0").unwrap());
        assert!(listen(&mut given).unwrap_err().message.contains("--insecure"));
        let mut insecure = NodeOptions { insecure: true, ..options("0.0.0.0:0") };
        assert!(listen(&mut insecure).is_ok());
    }

    #[test]
    fn a_port_in_use_is_said_with_what_to_do() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap().to_string();
        let error = refusal(&address);
        assert_eq!(error.status, Status::Io);
        assert!(
            error.message.contains(&address) && error.message.contains("another port"),
            "{error}"
        );
    }

    #[test]
    fn addresses_that_cannot_be_listened_on_are_said() {
        assert!(refusal("127.0.0.1").message.contains("must look like \"host:port\""));
        // From the range that RFC 5737 keeps for documentation.
        let mut foreign = NodeOptions { insecure: true, ..options("192.0.2.1:7401") };
        let error = listen(&mut foreign).unwrap_err();
        assert_eq!(error.status, Status::Unavailable, "it may have it later");
        assert!(error.message.contains("does not have that address"), "{error}");
        let mut unknown = NodeOptions { insecure: true, ..options("nosuchhost.invalid:7401") };
        let error = listen(&mut unknown).unwrap_err();
        assert_eq!(error.status, Status::Unavailable, "it may be known later");
        assert!(error.message.contains("nosuchhost.invalid"), "{error}");
    }

    #[test]
    fn without_listen_a_node_listens_at_its_own_address() {
        // Bound, and so nobody else's, but not listened on.
        let reserved = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        reserved.set_reuse_address(true).unwrap();
        reserved.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let port = reserved.local_addr().unwrap().as_socket().unwrap().port();
        let mut options = options("unused");
        (options.listen, options.cluster[0].1) = (None, format!("localhost:{port}"));
        let (_, address) = listen(&mut options).unwrap();
        assert!(address.ip().is_loopback());
        assert_eq!(address.port(), port);
    }
}
