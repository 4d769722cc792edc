//! Doubtful values of a configuration: a node would start with them, but they are probably not what
//! was meant.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tenure::base::NodeId;
use tenure::node::{NodeOptions, NodeTls};

/// A doubtful value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The key of the file to look at.
    pub key: &'static str,
    /// A sentence for the operator: what is odd, and what to look at.
    pub what: String,
}

impl Doubt {
    fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into() }
    }
}

/// Values that nobody could mean; `config check` refuses them.
pub fn mistakes(options: &NodeOptions) -> Vec<Doubt> {
    unreachable_members(options).into_iter().chain(wrong_files(options)).collect()
}

/// Values that some could mean; `config check` prints a note.
pub fn doubts(options: &NodeOptions) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    doubts.extend(relative_data(&options.data_dir));
    doubts.extend(in_memory(&options.data_dir));
    doubts.extend(even(options.cluster.len()));
    doubts.extend(mixed_loopback(options));
    doubts.extend(other_port(options));
    doubts.extend(options.tls.iter().flat_map(missing_files));
    doubts
}

/// Members at an address that means another machine on each of them, as loopback.
fn unreachable_members(options: &NodeOptions) -> Vec<Doubt> {
    let hosts: Vec<(NodeId, Option<IpAddr>)> =
        options.cluster.iter().map(|(node, address)| (*node, ip(address))).collect();
    let is_here =
        |ip: &Option<IpAddr>| ip.is_some_and(|it| it.is_loopback() || it.is_unspecified());
    if hosts.iter().all(|(_, ip)| is_here(ip)) {
        return Vec::new();
    }
    let is_any = |ip: &Option<IpAddr>| ip.is_some_and(|it| it.is_unspecified());
    let wrong = hosts.iter().filter(|(_, ip)| is_any(ip)).map(|(node, _)| {
        let text = format!(
            "cluster has node {node} at an address that is no machine's: name the one at which the others reach it, and let \
             listen be that which listens everywhere"
        );
        Doubt::new("cluster", text)
    });
    wrong.collect()
}

/// TLS files that are all there, and do not fit each other.
fn wrong_files(options: &NodeOptions) -> Option<Doubt> {
    let tls = options.tls.as_ref()?;
    if missing_files(tls).next().is_some() {
        return None;
    }
    let error = tls.check(options.id).err()?;
    Some(Doubt::new("cert", error.message))
}

fn missing_files(tls: &NodeTls) -> impl Iterator<Item = Doubt> {
    let files = [
        ("ca", Some(&tls.ca)),
        ("cert", Some(&tls.cert)),
        ("key", Some(&tls.key)),
        ("client-ca", tls.client_ca.as_ref()),
        ("crl", tls.crl.as_ref()),
    ];
    files.into_iter().filter_map(|(key, path)| {
        let path = path?;
        let error = std::fs::File::open(path).err()?;
        let text = format!(
            "{key} cannot be read on this machine ({}: {error}): no node starts without it",
            path.display()
        );
        Some(Doubt::new(key, text))
    })
}

fn relative_data(data: &Path) -> Option<Doubt> {
    let text = "data is relative: it is below whichever directory the node is started in, and for a service that is another \
                than for you. Write the whole path";
    (!data.is_absolute()).then(|| Doubt::new("data", text))
}

fn in_memory(data: &Path) -> Option<Doubt> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let existing = data.ancestors().find_map(|path| path.canonicalize().ok())?;
    let kind = kind_of_mount(&mounts, &existing)?;
    let text = format!(
        "data is in memory here ({kind}): a restart of the machine empties it, and a node whose directory was emptied does not come \
         back under its id. Give it a disk"
    );
    ["tmpfs", "ramfs"].contains(&kind).then(|| Doubt::new("data", text))
}

/// The type of the file system that `path` is on, by the text of /proc/mounts: a later mount hides
/// an earlier one.
fn kind_of_mount<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        // The kernel escapes a blank in a path.
        let at = PathBuf::from(words.next()?.replace("\\040", " "));
        Some((at, words.next()?))
    });
    let over = lines.filter(|(at, _)| path.starts_with(at));
    over.max_by_key(|(at, _)| at.components().count()).map(|(_, kind)| kind)
}

fn even(members: usize) -> Option<Doubt> {
    let text = format!(
        "cluster has {members} nodes: so many survive no more failures than {} do, and there is one more that can fail",
        members.saturating_sub(1)
    );
    (members > 0 && members.is_multiple_of(2)).then(|| Doubt::new("cluster", text))
}

fn mixed_loopback(options: &NodeOptions) -> Option<Doubt> {
    let is_loopback = |address: &str| {
        address.starts_with("localhost:") || ip(address).is_some_and(|ip| ip.is_loopback())
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        options.cluster.iter().partition(|(_, address)| is_loopback(address));
    let ((node, address), _) = (here.first()?, elsewhere.first()?);
    let text = format!(
        "cluster has node {node} at {address}, which each machine takes for itself, and others elsewhere: name the address at which \
         those reach it"
    );
    Some(Doubt::new("cluster", text))
}

/// A port in `listen` other than that in `cluster`, which the other members dial.
fn other_port(options: &NodeOptions) -> Option<Doubt> {
    let (_, own) = options.cluster.iter().find(|(node, _)| *node == options.id)?;
    let listen = options.listen.as_ref()?;
    let (dialed, listened) = (port(own)?, port(listen)?);
    let text = format!(
        "listen has port {listened}, and the others dial node {} at port {dialed}, as cluster has it: right only if something forwards \
         one to the other",
        options.id
    );
    (dialed != listened).then(|| Doubt::new("listen", text))
}

fn ip(address: &str) -> Option<IpAddr> {
    let host = address.rsplit_once(':')?.0;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn port(address: &str) -> Option<&str> {
    address.rsplit_once(':').map(|(_, port)| port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::node::parse_cluster;

    fn of(cluster: &str, change: impl FnOnce(&mut NodeOptions)) -> Vec<(&'static str, String)> {
        let cluster = parse_cluster(cluster).unwrap();
        let mut options = NodeOptions::new(NodeId(1), "/proc", cluster);
        change(&mut options);
        let all = mistakes(&options).into_iter().chain(doubts(&options));
        all.map(|doubt| (doubt.key, doubt.what)).collect()
    }

    #[test]
    fn what_is_as_it_should_be_is_not_doubted() {
        for cluster in ["1=10.0.0.1:7401,2=b:7401,3=c:7401", "1=127.0.0.1:1", "1=0.0.0.0:1"] {
            assert_eq!(of(cluster, |_| ()), [], "{cluster}");
        }
        let listen = |options: &mut NodeOptions| options.listen = Some("0.0.0.0:7401".into());
        assert_eq!(of("1=a:7401", listen), []);
    }

    #[test]
    fn each_doubt_has_its_key_and_its_sentence() {
        let same = |_: &mut NodeOptions| ();
        let one = |found: Vec<(&'static str, String)>| {
            assert_eq!(found.len(), 1, "{found:?}");
            found.into_iter().next().unwrap()
        };
        let (key, what) = one(of("1=0.0.0.0:1,2=b:1,3=c:1", same));
        assert!(
            key == "cluster" && what.contains("node 1 at an address that is no machine's"),
            "{what}"
        );
        let (key, what) = one(of("1=127.0.0.1:1,2=b:1,3=c:1", same));
        assert!(key == "cluster" && what.contains("each machine takes for itself"), "{what}");
        let (_, what) = one(of("1=a:1,2=b:1", same));
        assert!(what.contains("2 nodes: so many survive no more failures than 1 do"), "{what}");
        let (key, what) = one(of("1=a:1", |options| options.listen = Some("0.0.0.0:2".into())));
        assert!(
            key == "listen" && what.contains("port 2, and the others dial node 1 at port 1"),
            "{what}"
        );
        let (key, what) = one(of("1=a:1", |options| options.data_dir = "proc-less/data".into()));
        assert!(key == "data" && what.starts_with("data is relative"), "{what}");
        let tls = NodeTls::new("/no/ca", "/proc/self/stat", "/proc/self/stat");
        let (key, what) = one(of("1=a:1", |options| options.tls = Some(tls)));
        assert!(key == "ca" && what.contains("/no/ca: No such file"), "{what}");
        let here = |options: &mut NodeOptions| {
            let file = std::path::PathBuf::from(file!());
            options.tls = Some(NodeTls::new(&file, &file, &file));
        };
        let (key, what) = one(of("1=a:1", here));
        assert!(key == "cert" && what.contains("has no certificate in it"), "{what}");
    }

    #[test]
    fn the_mount_that_lies_nearest_counts() {
        let mounts = "overlay / overlay rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n/dev/sda1 /var/my\\040lib ext4 rw 0 0\n";
        let of = |path: &str| kind_of_mount(mounts, Path::new(path));
        assert_eq!(of("/var/lib/tenure"), Some("overlay"));
        assert_eq!(of("/dev/shm/x"), Some("tmpfs"));
        assert_eq!(of("/dev/shmx"), Some("overlay"));
        assert_eq!(of("/var/my lib"), Some("ext4"));
    }
}
