//! Errors of the public interface that come from the system: its error is a source of each, for programs that decide by
//! its kind, and as an `io::Error` each has the kind that is promised.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tenure::base::NodeId;
use tenure::client::{Client, ClientOptions, TlsOptions};
use tenure::node::{Node, NodeOptions, NodeTls, RestoreOptions};
use tenure::{Error, Status};

/// Files of an operator that cannot be used, and a port that another program has.
struct Place {
    directory: TempDir,
    taken: TcpListener,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "no directory").unwrap();
        Self { directory, taken: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Something that is neither there nor can be made.
    fn below_a_file(&self) -> PathBuf {
        self.path("file/data")
    }

    /// The error of a node of its own cluster, of which `change` makes one that cannot start.
    fn start(&self, change: impl FnOnce(&mut NodeOptions)) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let members = vec![(NodeId(1), listener.local_addr().unwrap().to_string())];
        let mut options =
            NodeOptions::new(NodeId(1), self.path("data"), members).listener(listener);
        change(&mut options);
        Node::start(options).unwrap_err()
    }

    fn taken(&self) -> String {
        self.taken.local_addr().unwrap().to_string()
    }
}

#[track_caller]
fn check(what: &str, error: Error, status: Status, source: ErrorKind, kind: ErrorKind) {
    assert_eq!(error.status, status, "{what}: {error}");
    let sources = std::iter::successors(error.source(), |it| (*it).source());
    let found: Vec<_> =
        sources.filter_map(|it| Some(it.downcast_ref::<io::Error>()?.kind())).collect();
    assert_eq!(found, [source], "{what}: {error:?}");
    assert_eq!(io::Error::from(error).kind(), kind, "{what}");
}

#[test]
fn the_systems_errors_are_sources_of_a_nodes() {
    let place = Place::new();
    let taken = place.start(|options| {
        options.listener = None;
        options.cluster = vec![(NodeId(1), place.taken())];
    });
    check("a port", taken, Status::Io, ErrorKind::AddrInUse, ErrorKind::AddrInUse);
    let admin = place.start(|options| options.admin = Some(place.taken()));
    check("an admin port", admin, Status::Io, ErrorKind::AddrInUse, ErrorKind::AddrInUse);
    let data = place.start(|options| options.data_dir = place.below_a_file());
    check("data", data, Status::Denied, ErrorKind::NotADirectory, ErrorKind::PermissionDenied);
    let audit = place.start(|options| options.audit = Some(place.path("none/audit")));
    check("an audit file", audit, Status::Invalid, ErrorKind::NotFound, ErrorKind::InvalidInput);
    let none = |name: &str| place.path("none").join(name);
    let tls = NodeTls::new(none("ca.crt"), none("node-1.crt"), none("node-1.key"));
    let tls = place.start(|options| options.tls = Some(tls));
    check("a certificate", tls, Status::Invalid, ErrorKind::NotFound, ErrorKind::InvalidInput);
}

#[test]
fn the_systems_errors_are_sources_of_a_restores() {
    let place = Place::new();
    let members = vec![(NodeId(1), "127.0.0.1:7401".to_owned())];
    let options = |file: &str| {
        RestoreOptions::new(place.path(file), NodeId(1), place.path("data"), members.clone())
    };
    let error = Node::restore(&options("none")).unwrap_err();
    check("a file", error, Status::Io, ErrorKind::NotFound, ErrorKind::NotFound);
    let error = tenure::node::extract(place.below_a_file()).unwrap_err();
    check("data", error, Status::Denied, ErrorKind::NotADirectory, ErrorKind::PermissionDenied);
}

#[test]
fn the_systems_errors_are_sources_of_a_clients() {
    let place = Place::new();
    // Another port than the one that is taken would be free for anybody.
    let refusing = format!("127.0.0.1:{}", crate::common::free_ports::free_port());
    let tls = TlsOptions::new(place.path("none"));
    let error = Client::open(&refusing, ClientOptions::new().tls(tls)).unwrap_err();
    check("an authority", error, Status::Invalid, ErrorKind::NotFound, ErrorKind::InvalidInput);
    let mut asked = Client::status_of(&*refusing, Duration::from_secs(60));
    let (_, answer) = asked.pop().expect("one endpoint is asked");
    let refused = (Status::Unavailable, ErrorKind::ConnectionRefused, ErrorKind::NotConnected);
    check("an endpoint", answer.unwrap_err(), refused.0, refused.1, refused.2);
}
