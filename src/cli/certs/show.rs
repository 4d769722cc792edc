//! `tenure certs show`: what a certificate says.

use super::issue;
use crate::cli::failure::Failure;
use crate::cli::output;
use clap::Args;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tenure::base::text::{date, one_line};
use tenure::certs::{self, Shown};

/// Show what the certificates in a file say
#[derive(Args, Debug)]
pub struct Options {
    /// A PEM file
    file: PathBuf,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let shown = certs::read(&options.file).map_err(issue::failed)?;
    let texts: Vec<String> = shown.iter().map(|shown| text(shown, now)).collect();
    output::conclude(&texts.join("\n"))
}

fn text(shown: &Shown, now: u64) -> String {
    let list =
        |words: &[String]| words.iter().map(|word| line(word)).collect::<Vec<_>>().join(", ");
    let mut rows = vec![
        ("identity", identity(shown)),
        ("hosts", list(&shown.hosts)),
        ("uris", list(&shown.uris)),
        ("may be used as", list(&shown.usages)),
        ("valid from", date(shown.from)),
        ("valid until", format!("{} ({})", date(shown.until), remaining(shown, now))),
        ("subject", line(&shown.subject)),
        ("signed by", line(&shown.issuer)),
        ("serial", shown.serial.clone()),
        ("sha256", shown.fingerprint.clone()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    let row = |(name, value): (&str, String)| vec![name.to_owned(), value];
    output::table(&rows.into_iter().map(row).collect::<Vec<_>>())
}

fn identity(shown: &Shown) -> String {
    match &shown.principal {
        Ok(principal) if shown.is_authority => {
            format!("none: an authority is not {principal}, but may certify it")
        }
        Ok(principal) => principal.to_string(),
        Err(_) if shown.is_authority => "an authority, which may certify others".to_owned(),
        Err(why) => format!("none: it {}", line(why)),
    }
}

fn remaining(shown: &Shown, now: u64) -> String {
    match now {
        now if now >= shown.until => "it has expired".to_owned(),
        now if now < shown.from => "it is not valid yet".to_owned(),
        now => match shown.until - now {
            0..DAY_SECONDS => "less than a day is left".to_owned(),
            // To the nearest day: a new certificate of 365 days shows 365.
            seconds => match (seconds + DAY_SECONDS / 2) / DAY_SECONDS {
                1 => "1 day is left".to_owned(),
                days => format!("{days} days are left"),
            },
        },
    }
}

/// One printable line: a certificate's texts are its maker's, and may hold anything.
fn line(text: &str) -> String {
    one_line(text, LINE_BYTES_MAX)
}

const LINE_BYTES_MAX: usize = 400;
const DAY_SECONDS: u64 = 86_400;
