//! `tenure handover`: a lock goes from its holder directly to one of its waiters.

use crate::cli::connect::{Connection, TIMEOUT_DEFAULT};
use crate::cli::duration;
use crate::cli::failure::{Failure, NO};
use crate::cli::log::printable;
use crate::cli::{name, output, typed};
use clap::Args;
use std::time::Duration;
use tenure::Error;
use tenure::client::{Client, HandoverOptions, NotHandedOver};

/// Ask the holder of a lock to end, and hand the lock to one who waits for it.
///
/// The lock goes over in one step when the holder has ended: nobody else gets it between. A client's name is in
/// `tenure show`. Waits until it has happened.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 handed over; 1 nobody holds it, the one named does not wait, or not yet handed over; \
                        2 usage; 3 cluster unavailable, or it may have been done."
)]
pub struct Options {
    /// The lock or election
    #[arg(value_parser = name::parse)]
    name: String,
    /// To the first waiter of this client name; without it, to the next in the queue
    #[arg(long, value_name = "CLIENT", value_parser = name::parse_client)]
    to: Option<String>,
    /// How long the holder may go on, from when it hears of it [default: its session's TTL]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// How long to wait until it has happened [default: the grace or the holder's TTL, and --timeout; a --timeout other
    /// than its default alone]
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
    /// Why, for the holder and for people
    #[arg(long, value_name = "TEXT", default_value = "tenure handover")]
    reason: String,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let client = options.connection.open()?;
    let result = options.hand_over(&client);
    options.connection.close(&client);
    output::conclude(&result?)
}

impl Options {
    fn hand_over(&self, client: &Client) -> Result<String, Failure> {
        let mut order = HandoverOptions::new().reason(self.reason.clone());
        (order.to, order.grace) = (self.to.clone(), self.grace);
        // A --timeout that the operator gave bounds the whole wait.
        let timeout = self.connection.timeout;
        order.wait = self.wait.or((timeout != TIMEOUT_DEFAULT).then_some(timeout));
        let handed = client.hand_over_lock(&self.name, order).map_err(|why| self.failure(why))?;
        let (who, name, token) = (printable(&handed.client), printable(&self.name), handed.token);
        Ok(match handed.has_ended {
            false => format!("{who} holds {name} under token {token}\n"),
            true => format!("{who} held {name} under token {token}, and has ended\n"),
        })
    }

    fn failure(&self, why: NotHandedOver) -> Failure {
        let name = printable(&self.name);
        let command =
            |subcommand: &str| typed::command(subcommand, &self.connection, &[&self.name]);
        let text = match why {
            NotHandedOver::NobodyHolds { .. } => format!("nobody holds {name}"),
            NotHandedOver::NobodyWaits { to: Some(client), .. } => format!(
                "{} does not wait for {name}, or too far behind; see who does with `{}`",
                printable(&client),
                command("show")
            ),
            NotHandedOver::NobodyWaits { to: None, .. } => {
                format!("nobody waits for {name}; `{}` only frees it", command("break"))
            }
            NotHandedOver::Gone { .. } => {
                format!("nobody holds {name} any more, or who should get it waits no more")
            }
            NotHandedOver::NotYet { holder, .. } => format!(
                "{} is asked to hand {name} over and has not done so yet; it will by the end of its grace, or of its session",
                printable(&holder)
            ),
            NotHandedOver::Failed(error) => return error.into(),
            other => return Error::from(other).into(),
        };
        Failure::new(NO, text)
    }
}
