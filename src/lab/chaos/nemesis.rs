//! The nemeses: faults of the cluster and its clients, by name, and how each strikes. Healing
//! undoes all of them alike.

use super::network::{Machine, both};
use super::nodes::NODES;
use super::stage::Stage;
use crate::cli::failure::Failure;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nemesis {
    /// A follower reaches no other node; clients reach it.
    FollowerCut,
    /// The leader reaches no other node, and clients still reach it.
    LeaderCut,
    /// The leader and half of the clients on one side, the other nodes and clients on the other.
    Minority,
    /// The leader sends, and hears no other node.
    LeaderDeaf,
    /// The leader hears, and no other node hears it.
    LeaderMute,
    /// A follower sends, and hears no other node.
    FollowerDeaf,
    /// The leader and one follower are cut, and both reach the third node (Cloudflare, 2020).
    Triangle,
    /// A client does not reach the leader, and reaches the others.
    ClientFromLeader,
    /// A client reaches nobody, for longer than its session lives.
    ClientCut,
    /// A client's code stops for longer than its session lives.
    ClientStop,
    /// A follower's code stops.
    FollowerStop,
    /// The leader's code stops for longer than sessions live.
    LeaderStop,
    /// A client is killed, and another starts in its place.
    ClientKill,
    /// A follower is killed and restarts.
    FollowerKill,
    /// The leader is killed and restarts.
    LeaderKill,
    /// All nodes are killed and restart.
    AllKill,
    /// One of the cuts, and one that stops or kills, at once.
    Combined,
}

/// All nemeses, with their names.
pub const ALL: [(Nemesis, &str); 17] = [
    (Nemesis::FollowerCut, "follower-cut"),
    (Nemesis::LeaderCut, "leader-cut"),
    (Nemesis::Minority, "minority"),
    (Nemesis::LeaderDeaf, "leader-deaf"),
    (Nemesis::LeaderMute, "leader-mute"),
    (Nemesis::FollowerDeaf, "follower-deaf"),
    (Nemesis::Triangle, "triangle"),
    (Nemesis::ClientFromLeader, "client-from-leader"),
    (Nemesis::ClientCut, "client-cut"),
    (Nemesis::ClientStop, "client-stop"),
    (Nemesis::FollowerStop, "follower-stop"),
    (Nemesis::LeaderStop, "leader-stop"),
    (Nemesis::ClientKill, "client-kill"),
    (Nemesis::FollowerKill, "follower-kill"),
    (Nemesis::LeaderKill, "leader-kill"),
    (Nemesis::AllKill, "all-kill"),
    (Nemesis::Combined, "combined"),
];

const CUTS: [Nemesis; 9] = [
    Nemesis::FollowerCut,
    Nemesis::LeaderCut,
    Nemesis::Minority,
    Nemesis::LeaderDeaf,
    Nemesis::LeaderMute,
    Nemesis::FollowerDeaf,
    Nemesis::Triangle,
    Nemesis::ClientFromLeader,
    Nemesis::ClientCut,
];
const OTHERS: [Nemesis; 7] = [
    Nemesis::ClientStop,
    Nemesis::FollowerStop,
    Nemesis::LeaderStop,
    Nemesis::ClientKill,
    Nemesis::FollowerKill,
    Nemesis::LeaderKill,
    Nemesis::AllKill,
];

/// The targets of a nemesis, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    pub leader: usize,
    pub follower: usize,
    pub client: usize,
}

impl Nemesis {
    /// The bounds of its duration. A fault that must outlast a session lasts longer than 2 s.
    #[must_use]
    pub fn lasts(self) -> (Duration, Duration) {
        let millis = |from, to| (Duration::from_millis(from), Duration::from_millis(to));
        match self {
            Self::ClientCut | Self::ClientStop | Self::LeaderStop | Self::Minority => {
                millis(3000, 6000)
            }
            Self::ClientKill | Self::FollowerKill | Self::LeaderKill | Self::AllKill => {
                millis(100, 4000)
            }
            _ => millis(2000, 6000),
        }
    }

    /// Strikes; gives the name of the target.
    ///
    /// # Errors
    /// A tool or a process fails. Trouble of the cluster is no error.
    pub fn strike(self, stage: &mut Stage) -> Result<String, Failure> {
        match self {
            Self::Combined => {
                let cut = CUTS[stage.rng.below(CUTS.len() as u64) as usize];
                let other = OTHERS[stage.rng.below(OTHERS.len() as u64) as usize];
                let (first, second) = (cut.strike_once(stage)?, other.strike_once(stage)?);
                Ok(format!("{cut} of {first}, {other} of {second}"))
            }
            one => one.strike_once(stage),
        }
    }

    fn strike_once(self, stage: &mut Stage) -> Result<String, Failure> {
        let targets = stage.targets();
        let Targets { leader, follower, client } = targets;
        let node = |place: usize| format!("node {}", place + 1);
        match self {
            Self::ClientStop => stage.clients.stop(client),
            Self::FollowerStop => stage.nodes.stop(follower),
            Self::LeaderStop => stage.nodes.stop(leader),
            Self::ClientKill => stage.kill_client(client)?,
            Self::FollowerKill => stage.nodes.kill(follower)?,
            Self::LeaderKill => stage.nodes.kill(leader)?,
            Self::AllKill => (0..NODES).try_for_each(|place| stage.nodes.kill(place))?,
            cut => {
                let pairs = cut.pairs(targets, stage.clients.count());
                stage.network.cut(&pairs)?;
            }
        }
        Ok(match self {
            Self::ClientFromLeader | Self::ClientCut | Self::ClientStop | Self::ClientKill => {
                format!("client {}", client + 1)
            }
            Self::FollowerCut | Self::FollowerDeaf | Self::FollowerStop | Self::FollowerKill => {
                node(follower)
            }
            Self::AllKill => "all nodes".to_owned(),
            _ => node(leader),
        })
    }

    /// The directions that a cut drops, with `clients` clients.
    fn pairs(self, targets: Targets, clients: usize) -> Vec<(Machine, Machine)> {
        let Targets { leader, follower, client } = targets;
        let (lead, follow) = (Machine::Node(leader), Machine::Node(follower));
        let others =
            |place: usize| (0..NODES).filter(move |other| *other != place).map(Machine::Node);
        let one = Machine::Client(client);
        match self {
            Self::FollowerCut => others(follower).flat_map(|node| both(follow, node)).collect(),
            Self::LeaderCut => others(leader).flat_map(|node| both(lead, node)).collect(),
            Self::LeaderDeaf => others(leader).map(|node| (node, lead)).collect(),
            Self::LeaderMute => others(leader).map(|node| (lead, node)).collect(),
            Self::FollowerDeaf => others(follower).map(|node| (node, follow)).collect(),
            Self::Triangle => both(lead, follow).into(),
            Self::ClientFromLeader => both(one, lead).into(),
            Self::ClientCut => (0..NODES).flat_map(|node| both(one, Machine::Node(node))).collect(),
            Self::Minority => {
                let far = (0..clients).filter(|place| place % 2 == 0).map(Machine::Client);
                let near = (0..clients).filter(|place| place % 2 == 1).map(Machine::Client);
                let from_leader = others(leader).chain(far).flat_map(|there| both(lead, there));
                let from_others =
                    near.flat_map(|here| others(leader).flat_map(move |node| both(here, node)));
                from_leader.chain(from_others).collect()
            }
            // They cut nothing.
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Nemesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = ALL.iter().find(|(nemesis, _)| nemesis == self);
        f.write_str(named.map_or("?", |(_, name)| name))
    }
}

impl FromStr for Nemesis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = ALL.iter().find(|(_, name)| *name == text);
        named.map(|(nemesis, _)| *nemesis).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|(_, name)| *name).collect();
            format!("there is no nemesis \"{text}\"; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(nemesis: Nemesis) -> Vec<(Machine, Machine)> {
        nemesis.pairs(Targets { leader: 0, follower: 2, client: 0 }, 4)
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        for (nemesis, name) in ALL {
            assert_eq!((nemesis.to_string().as_str(), name.parse()), (name, Ok(nemesis)));
        }
        assert!("meteor".parse::<Nemesis>().unwrap_err().contains("there are follower-cut, "));
    }

    #[test]
    fn a_triangle_leaves_the_third_node_to_both() {
        let pairs = pairs(Nemesis::Triangle);
        assert_eq!(pairs, both(Machine::Node(0), Machine::Node(2)));
    }

    #[test]
    fn one_who_is_deaf_is_still_heard() {
        let pairs = pairs(Nemesis::LeaderDeaf);
        assert!(pairs.iter().all(|(_, to)| *to == Machine::Node(0)) && pairs.len() == 2);
    }

    #[test]
    fn each_side_of_a_minority_has_clients_of_its_own() {
        let pairs = pairs(Nemesis::Minority);
        assert!(pairs.contains(&(Machine::Client(0), Machine::Node(0))));
        assert!(!pairs.contains(&(Machine::Client(1), Machine::Node(0))));
        assert!(pairs.contains(&(Machine::Client(1), Machine::Node(2))));
        assert!(!pairs.contains(&(Machine::Client(0), Machine::Node(2))));
    }
}
