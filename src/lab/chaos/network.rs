//! A network of namespaces: each node and each client has one of its own, joined by a router that
//! drops cut traffic.
//!
//! Every machine has a subnet with the router in it, so that all traffic between two machines is
//! forwarded there, and a rule of the router's policy routing (`from A to B blackhole`) drops one
//! direction silently, as a broken cable does. No firewall is needed. The calling thread moves into
//! the router, whose own traffic is never cut. The namespaces are unnamed and vanish with the last
//! process in them: there is nothing to clean up, even after kill -9.

use crate::cli::failure::Failure;
use std::io::Write;
use std::process::{Command, Stdio};
use tenure::sys::namespace::Namespace;

/// The router, and all machines.
#[derive(Debug)]
pub struct Network {
    // Held until the end: this thread is in it.
    _router: Namespace,
    nodes: Vec<Namespace>,
    clients: Vec<Namespace>,
    cuts: Vec<u32>,
}

/// A machine, by its place among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    Node(usize),
    Client(usize),
}

impl Network {
    /// Builds the network. The calling thread is in the router from then on, and so are threads and
    /// processes that it starts.
    ///
    /// # Errors
    /// User or kernel do not allow it, or `ip` is missing; the sentence says what to do.
    pub fn build(nodes: usize, clients: usize) -> Result<Self, Failure> {
        let router = namespace()?;
        router.enter().map_err(|error| not_allowed(&error))?;
        // Of this thread's namespace: procfs shows each thread its own.
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")
            .map_err(|error| not_allowed(&error))?;
        let namespaces = |count| (0..count).map(|_| namespace()).collect::<Result<Vec<_>, _>>();
        let (nodes, clients) = (namespaces(nodes)?, namespaces(clients)?);
        let network = Self { _router: router, nodes, clients, cuts: Vec::new() };
        for place in 0..network.nodes.len() {
            network.join(Machine::Node(place))?;
        }
        for place in 0..network.clients.len() {
            network.join(Machine::Client(place))?;
        }
        Ok(network)
    }

    /// A pair of links between a machine and the router, with their addresses and routes.
    fn join(&self, machine: Machine) -> Result<(), Failure> {
        let (subnet, namespace) = (machine.subnet(), self.namespace(machine));
        let (link, path) = (format!("machine{}", machine.number()), namespace.path());
        let router = format!(
            "link add {link} type veth peer name uplink netns {path}\n\
             address add {subnet}.1/24 dev {link}\n\
             link set {link} up\n"
        );
        batch(&mut Command::new(IP), &router)?;
        let own = format!(
            "link set lo up\n\
             address add {subnet}.2/24 dev uplink\n\
             link set uplink up\n\
             route add default via {subnet}.1\n"
        );
        let mut command = Command::new(IP);
        namespace.hold(&mut command);
        batch(&mut command, &own)
    }

    /// Makes the process of `command` run on `machine`.
    pub fn hold(&self, machine: Machine, command: &mut Command) {
        self.namespace(machine).hold(command);
    }

    /// Drops traffic from the first machine of each pair to the second.
    ///
    /// # Errors
    /// `ip` fails.
    pub fn cut(&mut self, pairs: &[(Machine, Machine)]) -> Result<(), Failure> {
        let mut rules = String::new();
        for (from, to) in pairs {
            let preference = RULES_FROM + self.cuts.len() as u32;
            self.cuts.push(preference);
            let (from, to) = (from.address(), to.address());
            rules.push_str(&format!(
                "rule add preference {preference} from {from} to {to} blackhole\n"
            ));
        }
        batch(&mut Command::new(IP), &rules)
    }

    /// Ends all cuts.
    ///
    /// # Errors
    /// `ip` fails.
    pub fn heal(&mut self) -> Result<(), Failure> {
        let rule = |preference| format!("rule del preference {preference}\n");
        let rules: String = std::mem::take(&mut self.cuts).into_iter().map(rule).collect();
        if rules.is_empty() { Ok(()) } else { batch(&mut Command::new(IP), &rules) }
    }

    fn namespace(&self, machine: Machine) -> &Namespace {
        match machine {
            Machine::Node(place) => &self.nodes[place],
            Machine::Client(place) => &self.clients[place],
        }
    }
}

impl Machine {
    /// The machine's IP address.
    #[must_use]
    pub fn address(self) -> String {
        format!("{}.2", self.subnet())
    }

    fn subnet(self) -> String {
        format!("10.77.{}", self.number())
    }

    /// The machine's number among all, from 1 to 254.
    fn number(self) -> usize {
        match self {
            Self::Node(place) => 1 + place,
            Self::Client(place) => 101 + place,
        }
    }
}

/// Both directions between two machines.
#[must_use]
pub fn both(a: Machine, b: Machine) -> [(Machine, Machine); 2] {
    [(a, b), (b, a)]
}

fn namespace() -> Result<Namespace, Failure> {
    Namespace::new().map_err(|error| not_allowed(&error))
}

fn not_allowed(error: &std::io::Error) -> Failure {
    Failure::unavailable(format!(
        "network namespaces cannot be made here ({error}); run it as root, on a kernel with CONFIG_NET_NS"
    ))
}

/// Runs `ip` on many lines of commands.
fn batch(command: &mut Command, lines: &str) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::unavailable(format!("`ip` cannot be run ({error}); install iproute2"))
    };
    command
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot)?;
    let mut input = child.stdin.take().expect("its stdin is a pipe");
    input.write_all(lines.as_bytes()).map_err(cannot)?;
    drop(input);
    let output = child.wait_with_output().map_err(cannot)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Failure::unavailable(format!(
        "`ip` refused a link or a rule ({}); the kernel needs CONFIG_VETH and CONFIG_IP_MULTIPLE_TABLES",
        text.lines().next().unwrap_or("without a word")
    )))
}

const IP: &str = "ip";
/// The preference of our first rule: before the tables `main` and `default`, which have 32766 and
/// 32767.
const RULES_FROM: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_different_addresses() {
        assert_eq!(Machine::Node(2).address(), "10.77.3.2");
        assert_eq!(Machine::Client(0).address(), "10.77.101.2");
    }
}
