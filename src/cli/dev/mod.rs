//! `tenure dev`: a cluster on this machine to write programs against, until Ctrl-C.

mod certificates;
mod screen;

use crate::cli::cluster::LocalCluster;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::scratch::Scratch;
use crate::cli::signals::{ENDING, Signals};
use crate::cli::{duration, output, typed};
use certificates::Certificates;
use clap::Args;
use screen::Screen;
use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use tenure::base::limits::{TTL_MS_DEFAULT, TTL_MS_MAX};
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::terminal::{Front, Terminal};

/// Run a three-node cluster on 127.0.0.1:7401 to 7403 until Ctrl-C.
///
/// On a terminal it shows nodes and locks, and the keys 1, 2 and 3 kill a node and start it again. Elsewhere, and in the
/// background, it says where the cluster is, and runs until a signal.
#[derive(Args, Debug)]
pub struct Options {
    /// Directory for what is to stay [default: a new one in /var/tmp, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the nodes listen: the first of three ports in a row, or all three
    #[arg(long, value_name = "PORT[,PORT,PORT]", default_value = "7401", value_parser = parse_ports)]
    ports: Ports,
    /// The longest TTL of a session, from 10s, as `serve --ttl-max`: what a program that asks for more gets. A directory
    /// (--data) that has had a longer one keeps that [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
    ttl: Option<Duration>,
    /// Speak TLS alone, with certificates that are made in the directory; it says what to export for commands and programs
    #[arg(long)]
    tls: bool,
}

type Ports = [u16; 3];

fn parse_ports(text: &str) -> Result<Ports, String> {
    let sentence = || "say one port, or three that differ, from 1 to 65535".to_owned();
    let ports = text.split(',').map(|port| port.parse::<u16>().map_err(|_| sentence()));
    let ports = ports.collect::<Result<Vec<u16>, String>>()?;
    let ports = match ports[..] {
        [first] => [Some(first), first.checked_add(1), first.checked_add(2)],
        [a, b, c] if a != b && b != c && a != c => [a, b, c].map(Some),
        _ => return Err(sentence()),
    };
    match ports {
        [Some(a), Some(b), Some(c)] if ![a, b, c].contains(&0) => Ok([a, b, c]),
        _ => Err(sentence()),
    }
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let [least, most] = [TTL_MS_DEFAULT, TTL_MS_MAX].map(|ms| Duration::from_millis(ms.into()));
    let ttl = duration::parse(text)?;
    if (least..=most).contains(&ttl) {
        return Ok(ttl);
    }
    Err(format!("the longest TTL is from {} to {}", duration::show(least), duration::show(most)))
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let signals = Signals::catch(ENDING)?;
    let listeners = options.ports.iter().map(|port| listen(*port)).collect::<Result<_, _>>()?;
    let scratch = match options.data {
        Some(_) => None,
        None => Some(Scratch::new("dev")?),
    };
    let data = options.data.as_deref().or(scratch.as_ref().map(Scratch::path));
    let data = data.expect("one of the two is there");
    std::fs::create_dir_all(data)
        .map_err(|error| Failure::usage(format!("cannot make {}: {error}", data.display())))?;
    let certificates = options.tls.then(|| Certificates::make(data)).transpose()?;
    let tls = |id| certificates.as_ref().map(|certificates| certificates.of_node(id));
    let cluster = LocalCluster::start_with(data, listeners, options.ttl, &tls)?;
    let introduction =
        introduction(&cluster.endpoints(), &data.display().to_string(), certificates.as_ref());
    output::print(&introduction)?;
    // In the background keys and screen belong to the shell.
    let is_in_front = Terminal::of_this_process().is_some_and(|one| one.front() == Front::Own);
    if is_in_front && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        let own = certificates.as_ref().map(Certificates::of_operator);
        return Screen::new(cluster, own, introduction)?.run(&signals);
    }
    while signals.take().is_empty() {
        wait(&[signals.fd()], None)?;
    }
    Ok(())
}

fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        Failure::unavailable(format!(
            "cannot listen on 127.0.0.1:{port}: {error}; does another `tenure dev` run? --ports names other ports"
        ))
    })
}

fn introduction(endpoints: &str, data: &str, certificates: Option<&Certificates>) -> String {
    let connection = Connection::to(endpoints);
    let lock =
        typed::command("lock", &connection, &["demo", "--", "sh", "-c", "echo $TENURE_TOKEN"]);
    let export = certificates.map_or(String::new(), |certificates| {
        let client = typed::word(&certificates.of_client().display().to_string());
        format!(
            "It speaks TLS alone. This line is for an operator, who may do all of it; {client} may not operate.\n\n{}\n\n",
            certificates.export()
        )
    });
    format!(
        "A cluster of three nodes; its data is in {data}. Ctrl-C ends it.\n\n{export}\
         sh      {lock}\n\
         C       tenure_client_open(\"{endpoints}\", NULL, &client);\n\
         Python  client = tenure.connect(\"{endpoints}\")\n\n"
    )
}

/// Waits until one of `fds` is readable or for `timeout`; says of each whether it is readable.
fn wait(fds: &[i32], timeout: Option<Duration>) -> Result<Vec<bool>, Failure> {
    let mut set: Vec<_> = fds.iter().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::unavailable(format!("cannot wait for events: {error}")))?;
    Ok(set.iter().map(|(_, _, ready)| ready.readable).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_stands_for_three_in_a_row() {
        assert_eq!(parse_ports("7501"), Ok([7501, 7502, 7503]));
        assert_eq!(parse_ports("1,9,5"), Ok([1, 9, 5]));
        for text in ["", "x", "0", "65534", "1,2", "1,2,2", "1,2,3,4", "70000", "1,0,2"] {
            assert!(parse_ports(text).unwrap_err().contains("one port, or three"), "{text}");
        }
    }

    #[test]
    fn what_is_printed_finds_this_cluster_wherever_it_listens() {
        let usual = Connection::to("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403").endpoints;
        assert!(
            introduction(&usual, "d", None)
                .contains("sh      tenure lock demo -- sh -c 'echo $TENURE_TOKEN'\n")
        );
        let other = introduction("127.0.0.1:1", "d", None);
        assert!(other.contains("tenure lock --endpoints 127.0.0.1:1 demo -- sh -c"), "{other}");
    }
}
