//! Ports of loopback for programs that are yet to listen, or for nobody at all.

use socket2::{Domain, Socket, Type};
use std::mem::forget;
use std::net::{Ipv4Addr, SocketAddr};

/// A port that nobody else is given until this process ends: bound here but not listened on, it refuses whoever
/// connects, and leaves itself to a listener that says `SO_REUSEADDR`, as a node does. One that was let go of
/// could become the port of any connection that is made meanwhile.
pub fn free_port() -> u16 {
    let reserved = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    reserved.set_reuse_address(true).expect("an option of every socket");
    reserved.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    let address = reserved.local_addr().expect("it is bound");
    forget(reserved);
    address.as_socket().expect("an address of IPv4").port()
}
