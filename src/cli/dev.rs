//! `tenure dev`: a cluster on this machine that stays, to write programs against.

use crate::cli::cluster::LocalCluster;
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::output;
use crate::cli::scratch::Scratch;
use crate::cli::signals::{ENDING, Signals};
use clap::Args;
use std::io::{IsTerminal, Read};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;
use tenure::base::NodeId;
use tenure::client::{Client, ClientOptions};
use tenure::node::Leadership;
use tenure::sys::poll::{self, Interest, Ready};
use tenure::sys::terminal::KeyMode;
use tenure::wire::{Query, ReadAnswer};

/// Run a three-node cluster on 127.0.0.1:7401 to 7403 until Ctrl-C.
///
/// On a terminal it shows nodes and locks, and the keys 1, 2 and 3 kill a node and start it again.
#[derive(Args, Debug)]
pub struct Options {
    /// Directory for what is to stay [default: a new one in /var/tmp, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs it.
pub fn run(options: &Options) -> Result<(), Failure> {
    let signals = Signals::catch(ENDING)?;
    let listeners = PORTS.iter().map(|port| listen(*port)).collect::<Result<_, _>>()?;
    let scratch = match options.data {
        Some(_) => None,
        None => Some(Scratch::new("dev")?),
    };
    let data = options.data.as_deref().or(scratch.as_ref().map(Scratch::path));
    let data = data.expect("one of the two is there");
    std::fs::create_dir_all(data)
        .map_err(|error| Failure::usage(format!("cannot make {}: {error}", data.display())))?;
    let cluster = LocalCluster::start(data, listeners)?;
    output::print(&introduction(&cluster.endpoints(), &data.display().to_string()))?;
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        Table { cluster, height: 0 }.run(&signals)
    } else {
        while signals.take().is_empty() {
            wait(&[signals.fd()], None)?;
        }
        Ok(())
    }
}

fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        Failure::unavailable(format!(
            "cannot listen on 127.0.0.1:{port}: {error}; does another `tenure dev` run?"
        ))
    })
}

fn introduction(endpoints: &str, data: &str) -> String {
    format!(
        "A cluster of three nodes; its data is in {data}. Ctrl-C ends it.\n\n\
         sh      tenure lock demo -- sh -c 'echo $TENURE_TOKEN'\n\
         C       tenure_client_open(\"{endpoints}\", NULL, &client);\n\
         Python  client = tenure.connect(\"{endpoints}\")\n\n"
    )
}

/// The live table.
struct Table {
    cluster: LocalCluster,
    height: usize,
}

impl Table {
    fn run(mut self, signals: &Signals) -> Result<(), Failure> {
        let keys = KeyMode::begin().map_err(|error| {
            Failure::unavailable(format!("cannot read keys from this terminal: {error}"))
        })?;
        let client = Client::open(&self.cluster.endpoints(), client_options())?;
        let stdin = std::io::stdin().as_raw_fd();
        while signals.take().is_empty() {
            self.draw(&client)?;
            if wait(&[signals.fd(), stdin], Some(DRAW_EVERY))?[1] {
                self.press_key()?;
            }
        }
        drop(keys);
        Ok(())
    }

    fn press_key(&mut self) -> Result<(), Failure> {
        let mut key = [0u8; 1];
        let read = std::io::stdin().read(&mut key);
        let id = match (read, key[0]) {
            (Ok(1), digit @ b'1'..=b'3') => NodeId(u64::from(digit - b'0')),
            _ => return Ok(()),
        };
        let runs = self.cluster.nodes().any(|(node, _, now)| node == id && now.is_some());
        if runs { self.cluster.kill(id) } else { self.cluster.restart(id) }
    }

    fn draw(&mut self, client: &Client) -> Result<(), Failure> {
        let head = ["NODE", "ADDRESS", "ROLE", "TERM"].map(str::to_owned);
        let mut rows = vec![head.to_vec()];
        rows.extend(self.cluster.nodes().map(|(id, address, now)| node_row(id, address, now)));
        let text =
            format!("{}\n{}\n1 2 3 kill or start a node\n", output::table(&rows), locks(client));
        let up = if self.height == 0 { String::new() } else { format!("\u{1b}[{}A", self.height) };
        self.height = text.lines().count();
        output::print(&format!("{up}\u{1b}[J{text}"))
    }
}

fn node_row(id: NodeId, address: &str, now: Option<Leadership>) -> Vec<String> {
    let (role, term) = match now {
        None => ("down", String::new()),
        Some(now) if now.leader == Some(id) => ("leader", now.term.to_string()),
        Some(now) => ("follower", now.term.to_string()),
    };
    vec![id.to_string(), address.to_owned(), role.to_owned(), term]
}

/// The first locks, or why they cannot be read.
fn locks(client: &Client) -> String {
    let query = Query::Locks { prefix: String::new(), after: None, limit: LOCKS_SHOWN };
    let locks = match client.read(query) {
        Ok(ReadAnswer::Locks { locks, .. }) => locks,
        Ok(other) => return format!("locks: {other:?}\n"),
        Err(error) => return format!("locks: {error}\n"),
    };
    let head = ["LOCK", "HOLDER", "TOKEN", "WAIT"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    rows.extend(locks.into_iter().map(|(lock, _)| {
        vec![
            printable(lock.name.as_str()),
            printable(&lock.client),
            lock.token.to_string(),
            lock.waiting.to_string(),
        ]
    }));
    output::table(&rows)
}

fn client_options() -> ClientOptions {
    ClientOptions::new().name("tenure dev").request_timeout(DRAW_EVERY).background(true)
}

/// Which of `fds` are readable, after one is or `timeout`.
fn wait(fds: &[i32], timeout: Option<Duration>) -> Result<Vec<bool>, Failure> {
    let mut set: Vec<_> = fds.iter().map(|fd| (*fd, Interest::Read, Ready::default())).collect();
    poll::wait(&mut set, timeout)
        .map_err(|error| Failure::unavailable(format!("cannot wait for events: {error}")))?;
    Ok(set.iter().map(|(_, _, ready)| ready.readable).collect())
}

const PORTS: [u16; 3] = [7401, 7402, 7403];
const DRAW_EVERY: Duration = Duration::from_millis(500);
const LOCKS_SHOWN: u32 = 10;
