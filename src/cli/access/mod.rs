//! `tenure access`: shows and changes access rules.

mod credential;
mod list;
mod on;

use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::{output, typed};
use clap::{Args, Subcommand};
use tenure::client::{Access, AccessChanged, NotDone, rule};
use tenure::lock::{AccessChange, Rule};
use tenure::{Error, Status};

/// Show who may what, and change it.
///
/// While rights are off the kind of identity decides. Once they are on, whatever no rule allows is denied. A rule allows rights
/// (acquire, read, break) to those whom a pattern covers (client/billing, client/team-a/*, *) for names (jobs/nightly; jobs/ is jobs and all
/// below it; '*' is every name), or rights of the cluster (operate: members, leadership, snapshots; admin: these rules).
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 done, or yes; 1 no, or refused for a reason that is said; 2 usage, or denied; 3 cluster unavailable, or it may have been done."
)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    On(on::Options),
    /// From now on let the kind of identity alone decide; rules stay
    Off(Whole),
    List(list::Options),
    Credential(credential::Options),
    /// Add rights to the rule of a principal and names
    Allow(Change),
    /// Take rights away from the rule of a principal and names: those who wait are refused, what is held stays
    Deny(Change),
    /// Say whether the rules allow something, on or off
    Test(Test),
}

#[derive(Args, Debug)]
struct Whole {
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args, Debug)]
struct Change {
    /// Who: client/NAME, operator/NAME, local/N, anonymous, or the begin of one and a *
    principal: String,
    /// Which rights: of names acquire, read, break; of the cluster operate, admin
    #[arg(value_name = "RIGHT[,RIGHT…]")]
    rights: String,
    /// A name, a prefix that ends in / (it covers its own name and all below it), or '*'; none of the cluster
    #[arg(value_name = "NAME|PREFIX/|'*'")]
    names: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args, Debug)]
struct Test {
    /// Who, as a certificate says it: client/NAME, operator/NAME; or local/N, anonymous
    principal: String,
    /// Which right
    right: String,
    /// The lock; none for operate and admin
    name: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: Options) -> Result<(), Failure> {
    match options.command {
        Command::On(options) => on::run(&options),
        Command::Off(whole) => turn_off(&whole.connection),
        Command::List(options) => list::run(&options),
        Command::Credential(options) => credential::run(&options),
        Command::Allow(change) => allow(&change),
        Command::Deny(change) => deny(&change),
        Command::Test(test) => run_test(&test),
    }
}

fn turn_off(connection: &Connection) -> Result<(), Failure> {
    let changed = change(connection, AccessChange::Off)?;
    output::conclude(match changed.is_changed {
        true => "rights are off: the kind of identity alone decides; the rules stay\n",
        false => "rights are off already\n",
    })
}

fn allow(wanted: &Change) -> Result<(), Failure> {
    let Change { principal, rights, names, connection } = wanted;
    let rule = rule(principal, rights, names.as_deref())?;
    let changed = change(connection, AccessChange::Allow(rule))?;
    let what = what(principal, rights, names.as_deref());
    output::conclude(&match changed.is_changed {
        true => format!("{what} is allowed\n"),
        false => format!("{what} is allowed already\n"),
    })
}

fn deny(wanted: &Change) -> Result<(), Failure> {
    let Change { principal, rights, names, connection } = wanted;
    let rule = rule(principal, rights, names.as_deref())?;
    let AccessChanged { is_changed, absent, still, .. } =
        change(connection, AccessChange::Deny(rule))?;
    let what = what(principal, rights, names.as_deref());
    let still = still.as_ref().map_or_else(String::new, |rule| {
        let words = words(rule);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let deny = typed::command("access deny", connection, &words);
        format!(
            "; another rule still allows some of it: {} (take it away with `{deny}`)",
            words.join(" ")
        )
    });
    if !is_changed {
        let text = format!("there was no rule for {what}: nothing was taken away{still}");
        return Err(Failure::new(NO, text));
    }
    let absent = match absent.is_empty() {
        true => String::new(),
        false => format!("; there was no rule for {absent}"),
    };
    output::conclude(&format!("{what} is allowed no more by that rule{absent}{still}\n"))
}

fn run_test(test: &Test) -> Result<(), Failure> {
    let Test { principal, right, name, connection } = test;
    let asked = of(connection)?.test(principal, right, name.as_deref());
    match asked.map_err(|error| failure(connection, error))? {
        true => output::conclude("yes\n"),
        false => {
            output::offer("no\n")?;
            Err(Failure::no())
        }
    }
}

fn change(connection: &Connection, change: AccessChange) -> Result<AccessChanged, Failure> {
    of(connection)?.change(change).map_err(|why| match why {
        NotDone::Refused(error) => Failure::new(NO, error.message),
        NotDone::Failed(error) => failure(connection, error),
    })
}

fn of(connection: &Connection) -> Result<Access, Failure> {
    Ok(Access::of(connection.at()?, connection.timeout))
}

fn what(principal: &str, rights: &str, names: Option<&str>) -> String {
    names.map_or_else(
        || format!("{principal} {rights}"),
        |names| format!("{principal} {rights} {names}"),
    )
}

/// A rule as the words of a command line.
fn words(rule: &Rule) -> Vec<String> {
    let names = (!rule.names.is_of_cluster()).then(|| rule.names.to_string());
    [rule.who.to_string(), rule.rights.to_string()].into_iter().chain(names).collect()
}

/// A refusal exits with 1; if the change may have been made, the sentence says where to look.
fn failure(connection: &Connection, error: Error) -> Failure {
    match error.status {
        Status::Unknown => {
            let list = typed::command("access list", connection, &[]);
            Failure::unavailable(format!("{error} (`{list}` shows what there is)"))
        }
        Status::NotFound => Failure::new(NO, error.message),
        _ => error.into(),
    }
}
