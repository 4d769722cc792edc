//! `tenure access credential`: secrets for programs that cannot be given a certificate.

use super::{failure, of};
use crate::cli::connect::Connection;
use crate::cli::failure::{Failure, NO};
use crate::cli::{output, typed};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tenure::Status;

/// Have clients be somebody by a secret, where certificates cannot be handed out
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Print a new credential, once: a client that shows it is client/NAME. An earlier one of that name
/// is void
///
/// The cluster keeps a hash of its secret, and nobody can print it again. It is the one line of a file that only its user reads:
/// clients take it by --credential-file, or TENURE_CREDENTIAL_FILE, with --ca in the place of --cert and --key.
#[derive(Args, Debug)]
struct Create {
    /// The principal: NAME for client/NAME, or operator/NAME
    name: String,
    /// Write it to a new file for its owner alone (0600), in the place of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Show who has a credential
#[derive(Args, Debug)]
struct List {
    /// Print a JSON array of principals
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Make the credential of client/NAME void: connections that have shown it are closed
#[derive(Args, Debug)]
struct Revoke {
    /// The principal: NAME for client/NAME, or operator/NAME
    name: String,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Create(create) => run_create(create),
        Command::List(list) => run_list(list),
        Command::Revoke(revoke) => run_revoke(revoke),
    }
}

fn run_create(create: &Create) -> Result<(), Failure> {
    let Create { name, out, connection } = create;
    let who = principal(name);
    // The file comes first: a secret that cannot be written would be lost.
    let file = out.as_deref().map(new_file).transpose()?;
    let created = of(connection)?.create_credential(&who);
    let line = created.map_err(|error| {
        if let Some(out) = out {
            // The file is empty, and was created above.
            let _ = std::fs::remove_file(out);
        }
        failed(connection, &who, error)
    })?;
    match (out, file) {
        (Some(out), Some(mut file)) => {
            let written = writeln!(file, "{line}").and_then(|()| file.sync_all());
            written
                .map_err(|error| lost(connection, &who, &format!("{}: {error}", out.display())))?;
            let out = out.display().to_string();
            let words = ["--ca", "FILE", "--credential-file", out.as_str(), "…"];
            let used: Vec<String> = words.iter().map(|word| typed::word(word)).collect();
            output::conclude(&format!(
                "{who} has a credential, in {out} and nowhere else: `tenure lock {}`\n",
                used.join(" ")
            ))
        }
        _ => output::conclude(&format!("{line}\n"))
            .map_err(|failure| lost(connection, &who, &failure.message)),
    }
}

fn run_list(list: &List) -> Result<(), Failure> {
    let List { json, connection } = list;
    let rules = of(connection)?.list().map_err(|error| failure(connection, error))?;
    let all: Vec<String> = rules.credentials.iter().map(ToString::to_string).collect();
    output::conclude(&match (json, all.is_empty()) {
        (true, _) => format!("{:#}\n", json!(all)),
        (false, true) => "nobody has a credential\n".to_owned(),
        (false, false) => all.iter().map(|who| format!("{who}\n")).collect(),
    })
}

fn run_revoke(revoke: &Revoke) -> Result<(), Failure> {
    let Revoke { name, connection } = revoke;
    let who = principal(name);
    let revoked = of(connection)?.revoke_credential(&who);
    revoked.map_err(|error| match error.status {
        Status::Invalid => Failure::usage(error.message),
        _ => failure(connection, error),
    })?;
    output::conclude(&format!(
        "the credential of {who} is void; what {who} holds stays until its session ends (`{}` shows it, and `tenure break` takes it)\n",
        typed::command("show", connection, &[])
    ))
}

/// `client/NAME` for a plain `NAME`; a text that names another kind of principal stays as it is.
fn principal(name: &str) -> String {
    let names_kind =
        ["client/", "operator/", "node/", "local/"].iter().any(|kind| name.starts_with(kind));
    if names_kind { name.to_owned() } else { format!("client/{name}") }
}

fn new_file(path: &Path) -> Result<std::fs::File, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| {
        let path = path.display();
        Failure::new(NO, format!("--out {path}: {error}; nothing was changed"))
    })
}

/// The credential is in force, and nobody has its secret.
fn lost(connection: &Connection, who: &str, why: &str) -> Failure {
    let create = typed::command("access credential create", connection, &[who]);
    Failure::new(
        NO,
        format!(
            "the credential of {who} was created and is lost ({why}): `{create}` makes another"
        ),
    )
}

/// Why no credential was created.
fn failed(connection: &Connection, who: &str, error: tenure::Error) -> Failure {
    match error.status {
        Status::Invalid => Failure::usage(error.message),
        Status::Unknown => {
            let create = typed::command("access credential create", connection, &[who]);
            Failure::unavailable(format!(
                "{error}: an earlier credential of {who} may be void; `{create}` makes one that is not"
            ))
        }
        _ => failure(connection, error),
    }
}
