//! `tenure config print`: the value of each option of `serve`, and where it comes from.

use super::check::{of_entries, read, tell, text_of};
use super::file::{self, Entries, Place};
use super::sample;
use super::settings::{self, Setting};
use crate::cli::environment::variable;
use crate::cli::failure::Failure;
use crate::cli::log::printable;
use crate::cli::{output, serve};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tenure::node::parse_cluster;

/// Show the value that each option of `serve` would have, and where it comes from: flag, variable, file or default.
///
/// Takes the flags, variables and file of `serve`. What it prints is a configuration file.
// No group of its own: `serve::Options` brings one of the same name.
#[derive(Args, Debug)]
#[group(skip)]
pub struct Options {
    /// A sample file instead: every option with its default
    #[arg(long)]
    defaults: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: serve::Options,
}

pub fn run(options: &Options, matches: &ArgMatches) -> Result<(), Failure> {
    if options.defaults {
        return output::conclude(&sample::text());
    }
    let config = options.flags.config().map(PathBuf::from);
    let entries = config.as_deref().map_or(Ok(Vec::new()), entries)?;
    let rows = rows(&entries, config, matches);
    output::conclude(&if options.json { to_json(&rows) } else { to_text(&rows) })
}

fn entries(path: &Path) -> Result<Entries, Failure> {
    let shown = path.display().to_string();
    let entries = file::parse(&read(path)?).map_err(|mistake| tell(&shown, &[mistake]))?;
    let mistakes = of_entries(&entries);
    if mistakes.is_empty() { Ok(entries) } else { Err(tell(&shown, &mistakes)) }
}

/// An option, its value if it has one, and the origin of the value.
struct Row {
    setting: Setting,
    value: Option<String>,
    origin: Origin,
}

enum Origin {
    Flag(String),
    Variable(String),
    File(PathBuf, Place),
    Default,
    /// Not given: derived from this.
    From(&'static str),
    Nobody,
}

fn rows(entries: &Entries, config: Option<PathBuf>, matches: &ArgMatches) -> Vec<Row> {
    let row = |setting: Setting| {
        let found = entries.iter().find(|entry| entry.key == setting.key);
        let (value, origin) = match (setting.said(matches), found) {
            (Some((text, ValueSource::EnvVariable)), _) => {
                (Some(text), Origin::Variable(variable(&setting.key)))
            }
            (Some((text, _)), _) => (Some(text), Origin::Flag(format!("--{}", setting.key))),
            (None, Some(entry)) => {
                let text = text_of(&setting, &entry.value).ok();
                (text, Origin::File(config.clone().unwrap_or_default(), entry.place))
            }
            (None, None) => match setting.default.clone() {
                Some(default) => (Some(default), Origin::Default),
                None => (None, Origin::Nobody),
            },
        };
        Row { setting, value, origin }
    };
    let mut rows: Vec<Row> = settings::all().into_iter().map(row).collect();
    if let Some(own) = own_address(&rows)
        && let Some(listen) = rows.iter_mut().find(|row| row.setting.key == "listen")
        && listen.value.is_none()
    {
        (listen.value, listen.origin) = (Some(own), Origin::From("cluster"));
    }
    rows
}

/// The address of this node in --cluster.
fn own_address(rows: &[Row]) -> Option<String> {
    let value = |key: &str| rows.iter().find(|row| row.setting.key == key)?.value.as_deref();
    let id: u64 = value("id")?.parse().ok()?;
    let members = parse_cluster(value("cluster")?).ok()?;
    members.into_iter().find(|(node, _)| node.0 == id).map(|(_, address)| address)
}

impl Origin {
    fn name(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Variable(_) => "variable",
            Self::File(..) => "file",
            Self::Default | Self::From(_) => "default",
            Self::Nobody => "none",
        }
    }

    /// The flag, the variable, or the file with line and column.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Flag(name) | Self::Variable(name) => Some(name.clone()),
            Self::File(path, place) => Some(format!("{}:{place}", path.display())),
            Self::From(key) => Some(format!("its address in {key}")),
            Self::Default | Self::Nobody => None,
        }
    }

    fn shown(&self) -> String {
        match (self, self.detail()) {
            (Self::Flag(_), Some(flag)) => format!("flag {flag}"),
            (Self::Variable(_), Some(name)) => format!("variable {name}"),
            (Self::File(..), Some(place)) => place,
            (_, Some(detail)) => format!("default: {detail}"),
            (Self::Nobody, None) => "not given, and no default".to_owned(),
            (_, None) => "default".to_owned(),
        }
    }
}

fn to_text(rows: &[Row]) -> String {
    let line = |row: &Row| match &row.value {
        Some(value) => row.setting.line(value),
        None => format!("#{} =", row.setting.key),
    };
    let lines: Vec<String> = rows.iter().map(|row| printable(&line(row))).collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let width = width.min(COLUMNS_MAX);
    let whole = |(line, row): (&String, &Row)| {
        format!("{line:width$}  # {}\n", printable(&row.origin.shown()))
    };
    lines.iter().zip(rows).map(whole).collect()
}

fn to_json(rows: &[Row]) -> String {
    let value = |row: &Row| {
        let origin =
            json!({"value": row.value, "origin": row.origin.name(), "from": row.origin.detail()});
        (row.setting.key.clone(), origin)
    };
    format!("{}\n", rows.iter().map(value).collect::<Value>())
}

/// A wider value pushes its origin out of the column of origins.
const COLUMNS_MAX: usize = 60;
