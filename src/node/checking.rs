//! Checks a node's options against each other, before any file is opened or name looked up.

use super::admin;
use super::config::{NodeOptions, check_address};
use super::event_loop::error_of;
use super::listen::check_exposure;
use crate::base::error::{Error, Status};
use crate::server::{Bootstrap, ServerOptions};
use std::net::{IpAddr, SocketAddr};

impl NodeOptions {
    /// Refuses options that [`Node::start`](super::Node::start) would refuse. The data directory is
    /// not looked at, and no name is looked up.
    ///
    /// # Errors
    /// INVALID: one sentence that says what to change.
    pub fn check(&self) -> Result<(), Error> {
        // A joining node is told the members later.
        let is_told = self.cluster.is_empty();
        let own = if is_told { None } else { Some(self.own_address()?) };
        let bootstrap = if is_told { Bootstrap::Joiner } else { self.server_options().bootstrap };
        ServerOptions { bootstrap, ..self.server_options() }.check().map_err(error_of)?;
        let Some(listen) = self.listen.as_deref().or(own) else { return Ok(()) };
        // Any port, 0 too, will do to listen on.
        check_address(listen)
            .or_else(|error| if listen.ends_with(":0") { Ok(()) } else { Err(error) })?;
        known_address(listen).map_or(Ok(()), |address| check_exposure(address, self))?;
        self.check_admin(listen)
    }

    /// Checks the admin endpoint of a node that listens at `listen`.
    pub(super) fn check_admin(&self, listen: &str) -> Result<(), Error> {
        let Some(admin) = &self.admin else { return Ok(()) };
        let (own, its) = (known_address(listen), known_address(admin));
        let is_one_of = |all: IpAddr, ip: IpAddr| all == ip || all.is_unspecified();
        let is_same = own.zip(its).map_or(admin == listen, |(own, its)| {
            let overlap = is_one_of(own.ip(), its.ip()) || is_one_of(its.ip(), own.ip());
            own.port() == its.port() && overlap
        });
        if is_same && !admin.ends_with(":0") {
            let text = format!(
                "the admin endpoint {admin} is where the node itself listens: give it a port of its own"
            );
            return Err(Error::new(Status::Invalid, text));
        }
        let Some(address) = its else { return Ok(()) };
        admin::check_exposure(address, self)
    }
}

/// The address that needs no name server.
fn known_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::node::parse_cluster;
    use std::time::Duration;

    fn options() -> NodeOptions {
        NodeOptions::new(NodeId(1), "unused", parse_cluster("1=127.0.0.1:1,2=127.0.0.1:2").unwrap())
    }

    #[test]
    fn what_a_start_would_refuse_of_the_options_is_told_without_one() {
        assert_eq!(options().check(), Ok(()));
        let refused = |options: NodeOptions| options.check().unwrap_err().message;
        assert!(
            refused(NodeOptions { id: NodeId(3), ..options() })
                .contains("node 3 is not in the cluster")
        );
        let slow = Duration::from_millis(100);
        let said = "election timeout must be at least twice the heartbeat";
        assert!(refused(options().heartbeat(slow)).contains(said));
        assert!(refused(options().lease(Duration::ZERO)).contains("leader lease must last"));
        assert!(refused(options().listen("10.0.0.1:7401")).contains("is open to the network"));
        assert!(refused(options().listen("nowhere")).contains("has no port"));
    }

    #[test]
    fn names_are_not_looked_up_and_who_joins_needs_no_members() {
        assert_eq!(options().listen("no.such.host.invalid:7401").check(), Ok(()));
        assert_eq!(options().listen("10.0.0.1:7401").insecure(true).check(), Ok(()));
        assert_eq!(options().listen("127.0.0.1:0").check(), Ok(()));
        let joiner = NodeOptions::new(NodeId(4), "unused", Vec::new());
        assert_eq!(joiner.check(), Ok(()));
    }
}
