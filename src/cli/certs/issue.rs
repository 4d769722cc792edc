//! The commands that make a certificate: `certs ca`, `node`, `client`, `operator`.

use crate::cli::failure::Failure;
use crate::cli::{output, typed};
use clap::Args;
use std::path::{Path, PathBuf};
use tenure::base::text::date;
use tenure::base::{NodeId, Principal, PrincipalName};
use tenure::certs::{self, CertsError, Existing, Host, Issued, SavedFiles};

/// Make an authority: ca.crt, which all trust, and ca.key
#[derive(Args, Debug)]
pub struct Authority {
    #[command(flatten)]
    place: Place,
}

/// Make the certificate of a node: node-ID.crt and node-ID.key
#[derive(Args, Debug)]
pub struct Node {
    /// Its id
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// Names and addresses at which it is dialed, without a port
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<String>,
    #[command(flatten)]
    of: Of,
}

/// Make the certificate of a program that uses locks: client-NAME.crt and client-NAME.key
#[derive(Args, Debug)]
pub struct Client {
    #[command(flatten)]
    named: Named,
}

/// Make the certificate of somebody who operates the cluster: operator-NAME.crt and operator-NAME.key
#[derive(Args, Debug)]
pub struct Operator {
    #[command(flatten)]
    named: Named,
}

#[derive(Args, Debug)]
struct Named {
    /// Its name: letters, digits and . - _ ~ @ + and /
    name: String,
    #[command(flatten)]
    of: Of,
}

/// The signing authority, and the folder of the output.
#[derive(Args, Debug)]
struct Of {
    /// Where the authority is: ca.crt and ca.key
    #[arg(long, value_name = "DIR", default_value = ".")]
    ca_dir: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct Place {
    /// Where the files go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// How long it is valid [default: 365; for an authority 3650]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(certs::DAYS_MAX)))]
    days: Option<u32>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// `certs ca`.
pub fn authority(options: &Authority) -> Result<(), Failure> {
    let made = options.place.with(None).make_authority().map_err(failed)?;
    tell("the authority", &made)?;
    output::conclude(
        "ca.crt goes to every node and client. ca.key goes nowhere: its holder can pose as anybody; keep it off the nodes\n",
    )
}

/// `certs node`.
pub fn node(options: &Node) -> Result<(), Failure> {
    let host = |text: &String| {
        text.parse::<Host>().map_err(|why| Failure::usage(format!("HOST \"{text}\" {why}")))
    };
    let hosts = options.hosts.iter().map(host).collect::<Result<Vec<_>, _>>()?;
    options.of.issue(&Principal::Node(NodeId(options.id)), &hosts)
}

/// `certs client`.
pub fn client(options: &Client) -> Result<(), Failure> {
    options.named.of.issue(&Principal::Client(options.named.name()?), &[])
}

/// `certs operator`.
pub fn operator(options: &Operator) -> Result<(), Failure> {
    let operator = Principal::Operator(options.named.name()?);
    options.named.of.issue(&operator, &[])?;
    output::conclude(&format!(
        "once the nodes run: `tenure access on --admin {operator}` turns rights on, and allows the first rules to this one\n"
    ))
}

impl Named {
    fn name(&self) -> Result<PrincipalName, Failure> {
        let name = &self.name;
        name.parse().map_err(|why| Failure::usage(format!("NAME \"{name}\" {why}")))
    }
}

impl Of {
    fn issue(&self, principal: &Principal, hosts: &[Host]) -> Result<(), Failure> {
        let place = self.place.with(Some(&self.ca_dir));
        let made = place.make(principal, hosts).map_err(failed)?;
        tell(&principal.to_string(), &made)
    }
}

impl Place {
    fn with(&self, authority: Option<&Path>) -> certs::Place {
        certs::Place {
            directory: self.out.clone(),
            authority: authority.unwrap_or(&self.out).to_owned(),
            days: self.days,
            existing: if self.force { Existing::Replaced } else { Existing::Kept },
        }
    }
}

fn tell(what: &str, (issued, saved): &(Issued, SavedFiles)) -> Result<(), Failure> {
    let (certificate, key) = (word(&saved.certificate), word(&saved.key));
    let until = date(issued.until);
    output::print(&format!("{what}: {certificate} and {key}, valid until {until}\n"))
}

fn word(path: &Path) -> String {
    typed::word(&path.display().to_string())
}

/// The library's error, with the flag that mends it.
pub(super) fn failed(error: CertsError) -> Failure {
    let text = error.to_string();
    match error {
        CertsError::Exists(path) => Failure::usage(format!(
            "{} is there already, and is left as it is: choose another directory with --out, or replace it with --force",
            path.display()
        )),
        CertsError::NoAuthority(path) => Failure::usage(format!(
            "there is no authority in {} (no ca.crt and ca.key): `tenure certs ca` makes one, --ca-dir says where it is",
            path.display()
        )),
        CertsError::Io { .. } | CertsError::NoClock => Failure::unavailable(text),
        _ => Failure::usage(text),
    }
}
