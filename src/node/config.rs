//! The options of a node, checked once, with errors that say what to do.

use crate::base::error::{Error, Status};
use crate::base::limits::{
    MEMBERS_MAX, SNAPSHOT_EVERY_BYTES, SNAPSHOT_EVERY_BYTES_MAX, SNAPSHOT_EVERY_BYTES_MIN,
    TTL_MS_MAX, TTL_MS_MIN,
};
use crate::base::{ClusterKey, NodeId, address, setters};
use crate::node::secured::{NodeTls, TlsMode};
use crate::server::{Bootstrap, ServerOptions};
use crate::sys::random;
use crate::wire::Speech;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

/// Options of a node.
#[derive(Debug)]
#[non_exhaustive]
pub struct NodeOptions {
    /// The id of this node, 1 or larger.
    pub id: NodeId,
    /// Its data directory; made if it does not exist.
    pub data_dir: PathBuf,
    /// All members with the addresses ("host:port") that peers and clients dial.
    pub cluster: Vec<(NodeId, String)>,
    /// The address to listen on; `None`: its own address in `cluster`.
    pub listen: Option<String>,
    /// A socket that listens already, instead of `listen`: for tests that let the system choose ports.
    pub listener: Option<TcpListener>,
    /// The interval of a leader's heartbeats; 30 ms.
    pub heartbeat: Duration,
    /// Smallest election timeout; 150 ms, the largest is twice that.
    pub election: Duration,
    /// Δ of the leader lease; 150 ms.
    pub lease: Duration,
    /// The largest session TTL, from 200 ms; 1 h, the maximum. A restored cluster waits that long
    /// before it grants (safety L15).
    pub ttl_max: Duration,
    /// Whether an empty directory may join an existing cluster (`tenure member add`).
    pub join: bool,
    /// Bytes of log after which a snapshot is made, from 4 KiB to 512 MiB; 64 MiB.
    pub snapshot_every_bytes: u64,
    /// Listen on more than loopback although nothing is encrypted.
    pub insecure: bool,
    /// TLS 1.3 on every connection, with mutual authentication; `None`: plaintext.
    pub tls: Option<NodeTls>,
    /// A file to which the audit trail is appended, a JSON object a line; it is logged in any case.
    pub audit: Option<PathBuf>,
    /// The address of the admin endpoint ("127.0.0.1:9401"): metrics, probes and status over HTTP,
    /// beyond loopback over HTTPS; `None`: no endpoint.
    pub admin: Option<String>,
}

impl NodeOptions {
    /// The defaults, for this member of this cluster.
    pub fn new(id: NodeId, data_dir: impl Into<PathBuf>, cluster: Vec<(NodeId, String)>) -> Self {
        Self {
            id,
            data_dir: data_dir.into(),
            cluster,
            listen: None,
            listener: None,
            heartbeat: Duration::from_millis(30),
            election: Duration::from_millis(150),
            lease: Duration::from_millis(150),
            ttl_max: Duration::from_millis(u64::from(TTL_MS_MAX)),
            join: false,
            snapshot_every_bytes: SNAPSHOT_EVERY_BYTES,
            insecure: false,
            tls: None,
            audit: None,
            admin: None,
        }
    }

    /// This node's own address in the cluster.
    ///
    /// # Errors
    /// INVALID: the node is not a member, or the members do not fit each other.
    pub(super) fn own_address(&self) -> Result<&str, Error> {
        check_members(&self.cluster)?;
        let own = self.cluster.iter().find(|(node, _)| *node == self.id);
        own.map(|(_, address)| address.as_str()).ok_or_else(|| {
            let id = self.id;
            if id == NodeId(0) {
                return invalid("a node's id is a whole number from 1".to_owned());
            }
            invalid(format!("node {id} is not in the cluster: add \"{id}=host:port\" to it"))
        })
    }

    /// Checks the bounds of options that no other part checks.
    ///
    /// # Errors
    /// INVALID: which option is out of bounds, and the bounds.
    pub(super) fn check_bounds(&self) -> Result<(), Error> {
        let [least, most] = [TTL_MS_MIN, TTL_MS_MAX].map(|ms| Duration::from_millis(ms.into()));
        let ttl_max = self.ttl_max;
        if !(least..=most).contains(&ttl_max) {
            let text = format!("ttl_max is {ttl_max:?}; it must be from {least:?} to {most:?}");
            return Err(invalid(text));
        }
        let [least, most] = [SNAPSHOT_EVERY_BYTES_MIN, SNAPSHOT_EVERY_BYTES_MAX];
        let bytes = self.snapshot_every_bytes;
        if !(least..=most).contains(&bytes) {
            let text =
                format!("snapshot_every is {bytes} bytes; it must be from {least} to {most}");
            return Err(invalid(text));
        }
        Ok(())
    }

    /// Whether TLS is demanded of all connections.
    fn requires_tls(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::Required)
    }

    /// The options of the server.
    pub(super) fn server_options(&self) -> ServerOptions {
        ServerOptions {
            bootstrap: if self.join { Bootstrap::Joiner } else { Bootstrap::Founder },
            heartbeat: self.heartbeat,
            election: self.election,
            lease_ms: u32::try_from(self.lease.as_millis()).unwrap_or(u32::MAX),
            ttl_ms_max: u32::try_from(self.ttl_max.as_millis()).unwrap_or(u32::MAX),
            snapshot_every_bytes: self.snapshot_every_bytes,
            boot: random::seed(),
            seed: random::seed(),
            cluster_key: Some(ClusterKey(random::bytes32())),
            speech: Speech { requires_tls: Some(self.requires_tls()), ..Speech::own() },
            ..ServerOptions::new(self.id, self.cluster.clone())
        }
    }
}

setters!(NodeOptions:
    listen(impl Into<String>) = Some(listen.into());
    listener(TcpListener) = Some(listener);
    heartbeat(Duration) = heartbeat;
    election(Duration) = election;
    lease(Duration) = lease;
    ttl_max(Duration) = ttl_max;
    join(bool) = join;
    snapshot_every_bytes(u64) = snapshot_every_bytes;
    insecure(bool) = insecure;
    tls(NodeTls) = Some(tls);
    audit(impl Into<PathBuf>) = Some(audit.into());
    admin(impl Into<String>) = Some(admin.into());
);

/// Parses the members in "1=host:port,2=host:port,…".
///
/// # Errors
/// INVALID: says which part is wrong and how it must look.
pub fn parse_cluster(text: &str) -> Result<Vec<(NodeId, String)>, Error> {
    let members =
        text.split(',').map(|part| parse_member(part.trim())).collect::<Result<Vec<_>, Error>>()?;
    check_members(&members)?;
    Ok(members)
}

fn parse_member(part: &str) -> Result<(NodeId, String), Error> {
    let Some((id, address)) = part.split_once('=') else {
        return Err(invalid(format!("\"{part}\" must look like \"1=host:port\"")));
    };
    let id = id.trim().parse().map_err(|_| {
        invalid(format!("\"{id}\" in \"{part}\" must be a number, as in \"1=host:port\""))
    })?;
    Ok((NodeId(id), address.trim().to_owned()))
}

fn check_members(members: &[(NodeId, String)]) -> Result<(), Error> {
    if members.len() > MEMBERS_MAX {
        let count = members.len();
        return Err(invalid(format!("{count} members are too many; the most is {MEMBERS_MAX}")));
    }
    for (position, (id, address)) in members.iter().enumerate() {
        if id.0 == 0 {
            return Err(invalid(format!("node ids begin at 1: change \"0={address}\"")));
        }
        check_address(address)?;
        for (other, other_address) in &members[..position] {
            if other == id {
                return Err(invalid(format!("node {id} is named twice: each id must be another")));
            }
            if other_address == address {
                return Err(invalid(format!(
                    "nodes {other} and {id} both have the address {address}: each needs its own"
                )));
            }
        }
    }
    Ok(())
}

/// Checks that `address` has the form "host:port". Names are not looked up.
pub(super) fn check_address(address: &str) -> Result<(), Error> {
    address::check(address).map_err(|problem| {
        invalid(format!("\"{address}\" {problem}: it must look like \"host:port\""))
    })
}

fn invalid(message: String) -> Error {
    Error::new(Status::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_parsed_in_order() {
        let members = parse_cluster("1=127.0.0.1:7401, 2=[::1]:7402,3=db.example:7403").unwrap();
        let expected = [(1, "127.0.0.1:7401"), (2, "[::1]:7402"), (3, "db.example:7403")];
        assert_eq!(members, expected.map(|(id, address)| (NodeId(id), address.to_owned())));
    }

    #[test]
    fn what_is_wrong_with_a_cluster_is_said() {
        let many = (1..=10).map(|id| format!("{id}=a:{id}")).collect::<Vec<_>>().join(",");
        let cases = [
            ("", "\"\" must look like"),
            ("1=a:1,", "\"\" must look like"),
            ("a:1", "\"a:1\" must look like \"1=host:port\""),
            ("one=a:1", "\"one\" in \"one=a:1\" must be a number"),
            ("-1=a:1", "must be a number"),
            ("0=a:1", "node ids begin at 1"),
            ("1=a", "\"a\" has no port"),
            ("1=:7", "\":7\" has no host"),
            ("1=a:0", "has port 0"),
            ("1=a:65536", "has no port from 1 to 65535"),
            ("1=a:b", "has no port from 1 to 65535"),
            ("1=::1:7", "without brackets"),
            ("1=a:1,1=b:1", "node 1 is named twice"),
            ("1=a:1,2=a:1", "nodes 1 and 2 both have the address a:1"),
            (&many, "10 members are too many; the most is 9"),
        ];
        for (text, expected) in cases {
            let error = parse_cluster(text).expect_err(text);
            assert_eq!(error.status, Status::Invalid);
            assert!(error.message.contains(expected), "{text}: {}", error.message);
        }
    }

    #[test]
    fn what_nothing_else_bounds_is_bounded() {
        let options = || NodeOptions::new(NodeId(1), "x", Vec::new());
        let refused = |options: NodeOptions| options.check_bounds().unwrap_err().message;
        assert_eq!(options().check_bounds(), Ok(()));
        let shortest = options().ttl_max(Duration::from_millis(200)).snapshot_every_bytes(4096);
        assert_eq!(shortest.check_bounds(), Ok(()));
        let short = refused(options().ttl_max(Duration::from_millis(199)));
        assert_eq!(short, "ttl_max is 199ms; it must be from 200ms to 3600s");
        assert!(refused(options().ttl_max(Duration::from_secs(3601))).contains("3601s"));
        let small = refused(options().snapshot_every_bytes(4095));
        assert_eq!(small, "snapshot_every is 4095 bytes; it must be from 4096 to 536870912");
        assert!(refused(options().snapshot_every_bytes(1 << 30)).contains("1073741824"));
    }

    #[test]
    fn a_node_must_be_a_member() {
        let cluster = parse_cluster("1=a:1,2=b:1").unwrap();
        let error = NodeOptions::new(NodeId(3), "x", cluster).own_address().unwrap_err();
        assert!(error.message.contains("node 3 is not in the cluster"), "{error}");
    }
}
