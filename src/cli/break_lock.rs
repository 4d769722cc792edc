//! `tenure break`: takes a lock from its holder.

use crate::cli::connect::Connection;
use crate::cli::duration;
use crate::cli::failure::{Failure, NO};
use crate::cli::log::printable;
use crate::cli::outlet::STDERR;
use crate::cli::{name, output, typed};
use clap::Args;
use std::time::Duration;
use tenure::base::Token;
use tenure::client::{BreakOptions, Grace};
use tenure::{Error, Status};

/// Take a lock from its holder: ask it to end, or free the lock at once.
///
/// Without --now the holder is asked: its program is told, has the grace to finish, and then its own belief in the lease
/// ends before the lock is free. A holder that cannot be reached keeps the lock until its session ends. With --now the
/// lock is free at once, while its holder may still believe that it has it: only tokens protect from then on.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 done; 1 nobody holds it, or not under that token; 2 usage; 3 cluster unavailable, or it may have been done."
)]
pub struct Options {
    /// The lock or election
    #[arg(value_parser = name::parse)]
    name: String,
    /// Free it at once; only tokens protect from then on (no variable stands for this flag)
    #[arg(long, conflicts_with = "grace")]
    now: bool,
    /// How long the holder may go on, from when it hears of it [default: its session's TTL]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// Only if it is held under this token (no variable stands for this flag)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    token: Option<u64>,
    /// Why, for the holder and for people
    #[arg(long, value_name = "TEXT", default_value = "tenure break")]
    reason: String,
    #[command(flatten)]
    connection: Connection,
}

impl Options {
    fn order(&self) -> BreakOptions {
        let grace = match (self.now, self.grace) {
            (true, _) => Grace::Now,
            (false, Some(grace)) => Grace::For(grace),
            (false, None) => Grace::Ttl,
        };
        let mut order = BreakOptions::new().grace(grace).reason(self.reason.clone());
        order.token = self.token.map(Token);
        order
    }
}

impl Options {
    fn refusal(&self, error: Error) -> Failure {
        let name = printable(&self.name);
        match (error.status, self.token) {
            (Status::NotFound, None) => Failure::new(NO, format!("nobody holds {name}")),
            (Status::NotFound, Some(token)) => {
                let show = typed::command("show", &self.connection, &[&self.name]);
                let text =
                    format!("token {token} does not hold {name}; see who does with `{show}`");
                Failure::new(NO, text)
            }
            _ => error.into(),
        }
    }
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let client = options.connection.open()?;
    let order = options.order();
    let (name, grace) = (printable(&options.name), order.grace);
    let broken = client.break_lock(&options.name, order);
    options.connection.close(&client);
    broken.map_err(|error| options.refusal(error))?;
    output::conclude(&match grace {
        Grace::Now => {
            // On both streams, for a reader of only one.
            STDERR.say(&format!(
                "tenure: ONLY TOKENS PROTECT {name} NOW: its former holder may believe in its lease for as long \
                 as its TTL; refuse its token where it writes"
            ));
            format!("{name} is free\n")
        }
        Grace::For(grace) => {
            format!("the holder of {name} is asked to end within {}\n", duration::show(grace))
        }
        _ => {
            format!("the holder of {name} is asked to end within the TTL of its session\n")
        }
    })
}
