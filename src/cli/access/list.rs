//! `tenure access list`: the rules, and whether they are in force.

use super::failure;
use crate::cli::connect::Connection;
use crate::cli::failure::Failure;
use crate::cli::output;
use clap::Args;
use tenure::client::Rules;

/// Show all rules, and whether rights are on
#[derive(Args, Debug)]
pub struct Options {
    /// Print JSON: rights are strings, the names of a rule of the cluster null
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let connection = &options.connection;
    let rules = super::of(connection)?.list().map_err(|error| failure(connection, error))?;
    output::conclude(&match options.json {
        true => format!("{:#}\n", rules.to_json()),
        false => to_text(&rules),
    })
}

fn to_text(rules: &Rules) -> String {
    let mut text = match rules.is_on {
        true => "rights are on: whatever no rule allows is denied\n".to_owned(),
        false => "rights are off: the kind of identity alone decides; these rules are in force once `tenure access on` is\n".to_owned(),
    };
    let head = ["PRINCIPAL", "RIGHTS", "NAMES"].map(str::to_owned).to_vec();
    let rows = rules.rules.iter().map(|rule| {
        let names = if rule.names.is_of_cluster() { "(cluster)" } else { rule.names.as_str() };
        vec![rule.who.to_string(), rule.rights.to_string(), crate::cli::log::printable(names)]
    });
    match rules.rules.is_empty() {
        true => text.push_str("there are no rules\n"),
        false => {
            text.push_str(&output::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))
        }
    }
    for principal in &rules.credentials {
        text.push_str(&format!("credential of {principal}\n"));
    }
    text
}
