//! `tenure access on`: denies from now on whatever no rule allows; on a cluster without rules, sets
//! the first rule as well.

use super::change;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::{output, typed};
use clap::Args;
use std::time::{Duration, Instant};
use tenure::client::{ClusterStatus, rule};
use tenure::lock::{ACCESS_LEVEL, AccessChange};

/// From now on deny whatever no rule allows
///
/// Refused if nobody could change rights any more, and while a member takes connections without TLS.
#[derive(Args, Debug)]
pub struct Options {
    /// Allow everything to this principal first: admin and operate, and to acquire, read and break every name
    #[arg(long, value_name = "PRINCIPAL")]
    admin: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { admin, connection } = options;
    let first = match admin {
        Some(admin) => {
            vec![rule(admin, "admin,operate", None)?, rule(admin, "acquire,read,break", Some("*"))?]
        }
        None => Vec::new(),
    };
    await_level(connection)?;
    for rule in first {
        change(connection, AccessChange::Allow(rule))?;
    }
    let changed = change(connection, AccessChange::On)?;
    let list = typed::command("access list", connection, &[]);
    let owner = admin.as_ref().map(|admin| format!("{admin} is allowed everything; "));
    let owner = owner.unwrap_or_default();
    output::conclude(&match changed.is_changed {
        true => format!(
            "{owner}rights are on: whatever no rule allows is denied (`{list}` shows the rules)\n"
        ),
        false => format!("{owner}rights are on already\n"),
    })
}

/// Waits for the level of rights, which a new cluster reaches by itself within moments. On a
/// timeout the leader's refusal of the change names the reason.
fn await_level(connection: &Connection) -> Result<(), Failure> {
    let (whom, until) = (connection.at()?, Instant::now() + connection.timeout);
    while Instant::now() < until {
        let status = ClusterStatus::ask(whom.clone(), connection.timeout);
        let leader = status.leader();
        let is_there = leader.is_some_and(|leader| leader.level >= Some(ACCESS_LEVEL));
        // A member with an older program keeps the level down until it is replaced.
        if is_there || !status.behind().is_empty() {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

const PAUSE: Duration = Duration::from_millis(20);
