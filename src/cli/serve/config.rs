//! The options of a node: flags, else the environment, else the file, else the defaults.

use super::Options;
use crate::cli::failure::Failure;
use crate::cli::secure::{Secure, SecureClient, Tls, Verify};
use crate::cli::{duration, log, size};
use ::log::LevelFilter;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::base::address::{self, AddressError};
use tenure::base::limits::{
    SNAPSHOT_EVERY_BYTES_MAX, SNAPSHOT_EVERY_BYTES_MIN, TTL_MS_DEFAULT, TTL_MS_MAX,
};
use tenure::client::ClusterAt;
use tenure::node::{NodeOptions, NodeTls, TlsMode, parse_cluster};

/// The keys of the --config file; any other is an error.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    id: Option<u64>,
    data: Option<PathBuf>,
    listen: Option<String>,
    cluster: Option<String>,
    join: Option<String>,
    heartbeat: Option<Span>,
    election: Option<Span>,
    lease_duration: Option<Span>,
    ttl_max: Option<Span>,
    snapshot_every: Option<Size>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    crl: Option<PathBuf>,
    audit: Option<PathBuf>,
    verify: Option<Verify>,
    tls: Option<Tls>,
    insecure: Option<bool>,
    admin: Option<String>,
    log_format: Option<log::Format>,
    log_level: Option<Level>,
}

/// The least severe level of log lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Level(LevelFilter);

impl TryFrom<String> for Level {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = text.parse().ok().filter(|level| *level != LevelFilter::Off);
        level.map(Self).ok_or_else(|| {
            format!("\"{text}\" is no level of log lines: error, warn, info, debug or trace")
        })
    }
}

/// A duration with its unit, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        duration::parse(&text).map(Self)
    }
}

/// A size with its unit, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Size(u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        size::parse(&text).map(Self)
    }
}

/// The options of `flags` (with the environment) and of their file, and the cluster to join.
pub fn node_options(flags: Options) -> Result<(NodeOptions, Option<ClusterAt>), Failure> {
    let file = flags.config.as_deref().map_or_else(|| Ok(File::default()), read)?;
    let secure = Secure {
        ca: flags.secure.ca.or(file.ca),
        cert: flags.secure.cert.or(file.cert),
        key: flags.secure.key.or(file.key),
        verify: flags.secure.verify.or(file.verify),
    };
    let others = (flags.client_ca.or(file.client_ca), flags.crl.or(file.crl));
    let mode = flags.tls.or(file.tls);
    let id = required(flags.id.or(file.id), "id")?;
    log::set_service(flags.log_format.or(file.log_format).unwrap_or_default(), id);
    let data = required(flags.data.or(file.data), "data")?;
    let (cluster, join) = (flags.cluster.or(file.cluster), flags.join.or(file.join));
    let members = match (&cluster, &join) {
        (None, Some(_)) => Vec::new(),
        _ => parse_cluster(&required(cluster, "cluster")?)?,
    };
    let mut options = NodeOptions::new(NodeId(id), data, members);
    options.listen = flags.listen.or(file.listen);
    options.audit = flags.audit.or(file.audit);
    options.admin = flags.admin.or(file.admin);
    options.insecure = flags.insecure.or(file.insecure).unwrap_or(options.insecure);
    let span = |flag: Option<Duration>, file: Option<Span>, default: Duration| {
        flag.or(file.map(|span| span.0)).unwrap_or(default)
    };
    options.heartbeat = span(flags.heartbeat, file.heartbeat, options.heartbeat);
    options.election = span(flags.election, file.election, options.election);
    options.lease = span(flags.lease_duration, file.lease_duration, options.lease);
    options.ttl_max = span(flags.ttl_max, file.ttl_max, options.ttl_max);
    let size = flags.snapshot_every.or(file.snapshot_every.map(|size| size.0));
    options.snapshot_every_bytes = size.unwrap_or(options.snapshot_every_bytes);
    options.tls = node_tls(&secure, others, mode)?;
    check(&options)?;
    let secure = SecureClient::from(secure);
    let reach = |endpoints| {
        let cluster = ClusterAt::new(endpoints, None);
        match options.tls.as_ref().map(|tls| tls.mode) {
            Some(TlsMode::Optional) => secure.reach(cluster).map(ClusterAt::or_plain),
            Some(_) => secure.reach(cluster),
            None => Ok(cluster),
        }
    };
    let join = join.map(reach).transpose()?;
    Ok((options, join))
}

/// The level of log lines, if a flag, a variable or the file gives one.
pub fn log_level(flags: &Options) -> Result<Option<LevelFilter>, Failure> {
    let file = flags.config.as_deref().map_or_else(|| Ok(File::default()), read)?;
    let level = flags.log_level.map(|level| level.0).or(file.log_level.map(|level| level.0));
    Ok(level)
}

/// The TLS options: all that are needed, or none.
fn node_tls(
    secure: &Secure,
    (client_ca, crl): (Option<PathBuf>, Option<PathBuf>),
    mode: Option<Tls>,
) -> Result<Option<NodeTls>, Failure> {
    let mode = match mode {
        Some(Tls::Off) => return Ok(None),
        Some(Tls::Optional) => Some(TlsMode::Optional),
        Some(Tls::Required) => Some(TlsMode::Required),
        None => None,
    };
    match (&secure.ca, &secure.cert, &secure.key) {
        (Some(ca), Some(cert), Some(key)) => {
            let mut tls = NodeTls::new(ca, cert, key);
            (tls.client_ca, tls.crl) = (client_ca, crl);
            tls.mode = mode.unwrap_or_default();
            Ok(Some(tls))
        }
        (None, None, None) if client_ca.is_none() && crl.is_none() && mode.is_none() => Ok(None),
        (ca, cert, key) => {
            let given = [("--ca", ca), ("--cert", cert), ("--key", key)];
            let missing: Vec<&str> =
                given.iter().filter(|(_, path)| path.is_none()).map(|(flag, _)| *flag).collect();
            Err(Failure::usage(format!(
                "a node that speaks TLS needs all of --ca, --cert and --key: missing here: {}; `tenure certs ca` and `tenure certs \
                 node` make them",
                missing.join(" and ")
            )))
        }
    }
}

/// Refuses options that make no sense and that no other part refuses.
fn check(options: &NodeOptions) -> Result<(), Failure> {
    for (flag, given) in [("listen", &options.listen), ("admin", &options.admin)] {
        if let Some(given) = given {
            check_listen(given).map_err(|why| Failure::usage(format!("--{flag} {why}")))?;
        }
    }
    let [least, most] = [TTL_MS_DEFAULT, TTL_MS_MAX].map(|ms| Duration::from_millis(ms.into()));
    if !(least..=most).contains(&options.ttl_max) {
        let [least, most] = [least, most].map(duration::show);
        return Err(Failure::usage(format!("--ttl-max must be from {least} to {most}")));
    }
    if !(SNAPSHOT_EVERY_BYTES_MIN..=SNAPSHOT_EVERY_BYTES_MAX)
        .contains(&options.snapshot_every_bytes)
    {
        let [least, most] = [SNAPSHOT_EVERY_BYTES_MIN, SNAPSHOT_EVERY_BYTES_MAX].map(size::show);
        return Err(Failure::usage(format!("--snapshot-every must be from {least} to {most}")));
    }
    Ok(())
}

/// Checks the form of an address to listen on; names are not looked up.
///
/// # Errors
/// The sentence that says why not.
pub fn check_listen(listen: &str) -> Result<(), String> {
    match address::check(listen) {
        Ok(()) | Err(AddressError::PortZero) => Ok(()),
        Err(why) => Err(format!("\"{listen}\" {why}; it must look like \"host:port\"")),
    }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, Failure> {
    let upper = name.to_ascii_uppercase();
    value.ok_or_else(|| {
        Failure::usage(format!(
            "serve needs --{name} (or TENURE_{upper}, or \"{name}\" in the --config file)"
        ))
    })
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the configuration {}: {error}", path.display()))
    })?;
    parse(&text).map_err(|what| {
        Failure::usage(format!("the configuration {} is wrong: {what}", path.display()))
    })
}

fn parse(text: &str) -> Result<File, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
        let place = line.map_or(String::new(), |line| format!("line {line}: "));
        format!("{place}{}", error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_what_flags_do() {
        let file = parse("id = 2\nheartbeat = \"20ms\"\nlease-duration = \"1s\"\n").unwrap();
        assert_eq!(file.id, Some(2));
        assert_eq!(file.heartbeat, Some(Span(Duration::from_millis(20))));
        assert_eq!(file.lease_duration, Some(Span(Duration::from_secs(1))));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = parse("id = 1\nhartbeat = \"20ms\"\n").unwrap_err();
        assert!(error.starts_with("line 2: unknown field `hartbeat`"), "{error}");
    }

    #[test]
    fn a_duration_without_unit_is_refused_in_a_file_too() {
        let error = parse("election = \"150\"\n").unwrap_err();
        assert!(error.contains("a duration needs a unit"), "{error}");
        assert!(parse("election = 150\n").is_err());
    }

    #[test]
    fn what_is_missing_is_named_with_each_way_to_give_it() {
        let failure = node_options(Options::default()).unwrap_err();
        let expected = "serve needs --id (or TENURE_ID, or \"id\" in the --config file)";
        assert_eq!((failure.code, failure.message.as_str()), (2, expected));
    }

    fn checked(change: impl FnOnce(&mut NodeOptions)) -> Result<(), Failure> {
        let mut options = NodeOptions::new(NodeId(1), "unused", Vec::new());
        change(&mut options);
        check(&options)
    }

    #[test]
    fn bounds_are_told_with_what_they_are() {
        assert_eq!(checked(|_| ()), Ok(()));
        assert_eq!(checked(|options| options.listen = Some("127.0.0.1:0".into())), Ok(()));
        let url = checked(|options| options.listen = Some("http://a:1".into())).unwrap_err();
        assert!(url.message.starts_with("--listen \"http://a:1\" is a URL"), "{}", url.message);
        assert_eq!(checked(|options| options.ttl_max = Duration::from_secs(10)), Ok(()));
        let short = checked(|options| options.ttl_max = Duration::from_secs(9)).unwrap_err();
        assert!(short.message.contains("from 10.0s to 1h 0m"), "{}", short.message);
        assert_eq!(checked(|options| options.snapshot_every_bytes = 4096), Ok(()));
        let small = checked(|options| options.snapshot_every_bytes = 4095).unwrap_err();
        assert!(small.message.contains("from 4.0 KiB to 512.0 MiB"), "{}", small.message);
        assert!(checked(|options| options.snapshot_every_bytes = 1 << 30).is_err());
    }

    #[test]
    fn the_sample_file_says_the_defaults_that_hold() {
        let sample = crate::cli::config::sample();
        let lines = sample.lines().filter_map(|line| line.strip_prefix('#'));
        let is_key = |line: &&str| !line.starts_with(' ');
        // Keys without a default are left out, and so is TLS, whose keys come together or not at
        // all.
        let without = |line: &&str| {
            let key = line.split(' ').next().unwrap_or_default();
            ![
                "listen",
                "join",
                "admin",
                "audit",
                "ca",
                "cert",
                "key",
                "client-ca",
                "crl",
                "verify",
                "tls",
            ]
            .contains(&key)
        };
        let lines: Vec<&str> = lines.filter(is_key).filter(without).collect();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tenure.toml");
        std::fs::write(&path, lines.join("\n")).unwrap();
        let flags = Options { config: Some(path), ..Options::default() };
        let (said, join) = node_options(flags).unwrap();
        let members = (1..=3).map(|id| (NodeId(id), format!("10.0.0.{id}:7401"))).collect();
        let expected = NodeOptions::new(NodeId(1), "/var/lib/tenure", members);
        assert!(join.is_none());
        assert_eq!(format!("{said:?}"), format!("{expected:?}"));
    }

    #[test]
    fn sizes_in_a_file_need_a_unit_too() {
        assert_eq!(
            parse("snapshot-every = \"64KiB\"\n").unwrap().snapshot_every,
            Some(Size(65536))
        );
        assert!(parse("snapshot-every = \"64\"\n").unwrap_err().contains("needs a unit"));
    }
}
