//! `tenure member`: shows and changes the members of the cluster.

mod list;

use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::{order, output, typed};
use clap::{Args, Subcommand};
use tenure::base::NodeId;
use tenure::client::ClusterStatus;
use tenure::node::parse_cluster;
use tenure::raft::{Change, Seat};

/// Show the members of the cluster, and change them.
///
/// One change at a time, each in force for good when the command ends with 0. docs/operations.md has the steps of
/// adding, replacing, removing and moving a node.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(list::Options),
    /// Add a node, without a vote, under an id that was never used
    Add(Place),
    /// Give a node that has caught up a vote
    Promote(Member),
    /// Take a node's vote; it goes on copying the log
    Demote(Member),
    /// Remove a node for good: its id is never used again
    Remove(Member),
    /// Tell the others where a node is reached from now on
    Move(Place),
}

/// One member.
#[derive(Args, Debug)]
struct Member {
    /// Its id
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    #[command(flatten)]
    connection: Connection,
}

/// One member, and where it is reached.
#[derive(Args, Debug)]
struct Place {
    #[command(flatten)]
    member: Member,
    /// Where the other nodes and clients reach it
    #[arg(value_name = "HOST:PORT")]
    address: String,
}

pub fn run(options: Options) -> Result<(), Failure> {
    let said = match options.command {
        Command::List(options) => return list::run(&options),
        Command::Add(place) => add(place)?,
        Command::Promote(member) => promote(&member)?,
        Command::Demote(member) => demote(&member)?,
        Command::Remove(member) => remove(&member)?,
        Command::Move(place) => move_to(place)?,
    };
    output::conclude(&said)
}

fn add(place: Place) -> Result<String, Failure> {
    place.check()?;
    let Place { member: Member { id, connection }, address } = place;
    let node = NodeId(id);
    order::change(&connection, Change::AddLearner { node, address: address.clone() })?;
    let join = typed::word(&connection.endpoints);
    let secure = match &connection.secure.tls.ca {
        Some(ca) => {
            let ca = typed::word(&ca.display().to_string());
            format!(" --ca {ca} --cert node-{id}.crt --key node-{id}.key")
        }
        None => typed::insecure(&address).to_owned(),
    };
    let listen = typed::word(&address);
    let list = typed::command("member list", &connection, &[]);
    let promote = typed::command("member promote", &connection, &[&id.to_string()]);
    Ok(format!(
        "node {id} is a member now, without a vote; start it on {address} with an empty directory:\n  \
         tenure serve --id {id} --data DIR --listen {listen} --join {join}{secure}\n\
         and when `{list}` shows that it is not behind:\n  {promote}\n"
    ))
}

fn promote(member: &Member) -> Result<String, Failure> {
    let id = member.id;
    order::change_once_caught_up(&member.connection, Change::Promote { node: NodeId(id) })?;
    Ok(format!("node {id} votes now{}\n", parity(&member.connection)))
}

/// A warning about an even number of voters; empty for an odd number, and if no node says how many
/// there are.
fn parity(connection: &Connection) -> String {
    let Ok(whom) = connection.at() else { return String::new() };
    let cluster = ClusterStatus::ask(whom, connection.timeout);
    let members = cluster.leader().map_or(&[][..], |leader| &leader.members);
    match members.iter().filter(|member| member.seat == Seat::Voter).count() {
        voters if voters > 0 && voters.is_multiple_of(2) => {
            let fewer = voters - 1;
            format!(", one of {voters} voters: no more of them may fail than of {fewer}")
        }
        _ => String::new(),
    }
}

fn demote(member: &Member) -> Result<String, Failure> {
    let id = member.id;
    order::change(&member.connection, Change::Demote { node: NodeId(id) })?;
    let command = |what: &str| {
        typed::command(&format!("member {what}"), &member.connection, &[&id.to_string()])
    };
    let (remove, promote) = (command("remove"), command("promote"));
    Ok(format!(
        "node {id} has no vote any more; `{remove}` takes it out, `{promote}` gives the vote back\n"
    ))
}

fn remove(member: &Member) -> Result<String, Failure> {
    let id = member.id;
    order::change(&member.connection, Change::Remove { node: NodeId(id) })?;
    Ok(format!(
        "node {id} is no member any more; its process ends by itself, then its directory can be deleted: the id \
         {id} is never used again\n"
    ))
}

fn move_to(place: Place) -> Result<String, Failure> {
    place.check()?;
    let Place { member: Member { id, connection }, address } = place;
    order::change(&connection, Change::Readdress { node: NodeId(id), address: address.clone() })?;
    Ok(format!(
        "node {id} is reached at {address} from now on; start it there with its directory and --listen {}{}\n",
        typed::word(&address),
        typed::insecure(&address)
    ))
}

impl Place {
    /// The same sentences as for --cluster.
    fn check(&self) -> Result<(), Failure> {
        parse_cluster(&format!("{}={}", self.member.id, self.address))?;
        Ok(())
    }
}
