//! `tenure config check`: each mistake in a configuration file, with its place, before a node is started with it.

use super::doubts::{self, Doubt};
use super::file::{self, Entries, Entry, Mistake, Place};
use super::settings::{self, Kind, Setting, quoted};
use crate::cli::failure::{Failure, USAGE};
use crate::cli::log::printable;
use crate::cli::{outlet, output, serve};
use clap::{ArgMatches, Args};
use std::path::{Path, PathBuf};
use tenure::node::NodeOptions;
use toml::Value;

/// Check a configuration file of `serve`, and tell each mistake with line and column.
///
/// What the node is told besides, by flags or variables, can be said as `serve` is told it. Of files those of certificates are
/// read, and no name is looked up. Exits 2 if there is a mistake. A note is of what may be meant and mostly is not.
// The group is that of `serve`.
#[derive(Args, Debug)]
#[group(skip)]
pub struct Options {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    flags: serve::Options,
}

pub fn run(options: Options, matches: &ArgMatches) -> Result<(), Failure> {
    let text = read(&options.file)?;
    let shown = options.file.display().to_string();
    let checked =
        check(&text, matches, || serve::check(options.flags.clone().with_config(&options.file)));
    match checked {
        Ok(notes) => {
            output::conclude(&format!("{}{shown}: no mistake\n", as_lines(&shown, &notes)))
        }
        Err(mistakes) => Err(tell(&shown, &mistakes)),
    }
}

fn as_lines(shown: &str, notes: &[Mistake]) -> String {
    notes.iter().map(|note| format!("{}\n", line(shown, note))).collect()
}

/// `FILE:LINE:COLUMN: WHAT`, as compilers write it.
fn line(shown: &str, Mistake { place, what }: &Mistake) -> String {
    let place = place.map_or(String::new(), |place| format!("{place}:"));
    printable(&format!("{shown}:{place} {what}"))
}

/// The text of the file.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the configuration {}: {error}", path.display()))
    })
}

/// A line for each mistake on stderr; the failure that follows says no more.
pub fn tell(shown: &str, mistakes: &[Mistake]) -> Failure {
    for mistake in mistakes {
        outlet::STDERR.say(&line(shown, mistake));
    }
    Failure::new(USAGE, "")
}

/// The mistakes in the file `text`, read with the flags and variables of `matches`; `together`
/// finds values that contradict each other. Without mistakes, the notes.
fn check(
    text: &str,
    matches: &ArgMatches,
    together: impl FnOnce() -> Result<NodeOptions, Failure>,
) -> Result<Vec<Mistake>, Vec<Mistake>> {
    let entries = file::parse(text).map_err(|mistake| vec![mistake])?;
    let mut mistakes = of_entries(&entries);
    mistakes.extend(missing(&entries, matches));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let options = together().map_err(|Failure { message, .. }| {
        vec![Mistake { place: place_of(&message, &entries), what: message }]
    })?;
    let at = |Doubt { key, what }: Doubt, before: &str| {
        let entry = entries.iter().find(|entry| entry.key == key);
        Mistake { place: entry.map(|entry| entry.value_place), what: format!("{before}{what}") }
    };
    let wrong = doubts::mistakes(&options);
    if !wrong.is_empty() {
        return Err(wrong.into_iter().map(|doubt| at(doubt, "")).collect());
    }
    Ok(doubts::doubts(&options).into_iter().map(|doubt| at(doubt, "note: ")).collect())
}

/// Mistakes of single entries.
pub fn of_entries(entries: &Entries) -> Vec<Mistake> {
    let settings = settings::all();
    let wrong = |entry: &Entry| {
        let setting = settings.iter().find(|setting| setting.key == entry.key);
        let Some(setting) = setting else { return Some(unknown(entry)) };
        let what = match text_of(setting, &entry.value) {
            Ok(text) => settings::check_value(&entry.key, &text)
                .and_then(|()| check_path(&entry.key, &text))
                .err()
                .map(|why| format!("{}: {why}", entry.key)),
            Err(what) => Some(what),
        }?;
        Some(Mistake { place: Some(entry.value_place), what })
    };
    entries.iter().filter_map(wrong).collect()
}

/// The value as a flag would have it.
///
/// # Errors
/// The value has another type; the sentence says what to write.
pub fn text_of(setting: &Setting, value: &Value) -> Result<String, String> {
    let key = &setting.key;
    let instead = |what: &str, text: &str| format!("{key} {what}: {}", setting.line(text));
    match (setting.kind, value) {
        (Kind::Number, Value::Integer(number)) => Ok(number.to_string()),
        (Kind::Truth, Value::Boolean(truth)) => Ok(truth.to_string()),
        (Kind::Number, Value::String(text)) if text.parse::<u64>().is_ok() => {
            Err(instead("is a number, without quotes", text))
        }
        (Kind::Number, _) => Err(instead("is a whole number", "1")),
        (Kind::Truth, Value::String(text)) if ["true", "false"].contains(&text.as_str()) => {
            Err(instead("is true or false, without quotes", text))
        }
        (Kind::Truth, _) => Err(instead("is true or false", "true")),
        (_, Value::String(text)) => Ok(text.clone()),
        (Kind::Duration | Kind::Size, Value::Integer(_) | Value::Float(_)) => {
            let unit = if setting.kind == Kind::Size { "MiB" } else { "ms" };
            Err(instead("needs a unit, and quotes", &format!("{}{unit}", plain(value))))
        }
        (_, Value::Array(parts)) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            Err(instead("is one text, parted by commas", &parts.join(",")))
        }
        (_, Value::Integer(_) | Value::Float(_) | Value::Boolean(_)) => {
            Err(instead("is text, in quotes", &plain(value)))
        }
        _ => Err(format!("{key} is text, in quotes")),
    }
}

/// Refuses a path that begins with something a shell would have replaced: nothing replaces it here.
fn check_path(key: &str, text: &str) -> Result<(), String> {
    let is_path = ["data", "ca", "cert", "key", "client-ca", "crl", "audit"].contains(&key);
    let of_shells = ["~/", "$"].into_iter().find(|begin| text.starts_with(begin));
    match of_shells.or((text == "~").then_some("~")) {
        Some(begin) if is_path => Err(format!(
            "{begin:?} at its begin means something to a shell, and nothing here: write the whole path"
        )),
        _ => Ok(()),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        _ => String::new(),
    }
}

fn unknown(entry: &Entry) -> Mistake {
    let key = &entry.key;
    let what = match (&entry.value, settings::nearest(key)) {
        (Value::Table(_), None) => {
            format!(
                "[{key}] begins a table, and there is none: all keys stand at the top level, above any ["
            )
        }
        (_, Some(meant)) => format!("unknown key {}: did you mean \"{meant}\"?", quoted(key)),
        (_, None) => {
            let known: Vec<String> = settings::all().into_iter().map(|one| one.key).collect();
            format!("unknown key {}: there are {}", quoted(key), known.join(", "))
        }
    };
    Mistake { place: Some(entry.place), what }
}

/// Keys that no node starts without, and keys that exclude each other.
fn missing(entries: &Entries, matches: &ArgMatches) -> Vec<Mistake> {
    let find = |key: &str| entries.iter().find(|entry| entry.key == key);
    let settings = settings::all();
    let setting = |key: &str| settings.iter().find(|setting| setting.key == key);
    let is_said = |key: &str| setting(key).is_some_and(|one| one.said(matches).is_some());
    let is_given = |key: &str| find(key).is_some() || is_said(key);
    let mut mistakes = Vec::new();
    for (key, example) in [("id", "id = 1"), ("data", "data = \"/var/lib/tenure\"")] {
        if !is_given(key) {
            let what = format!("{key} is missing, and no node starts without: {example}");
            mistakes.push(Mistake { place: TOP, what });
        }
    }
    if !is_given("cluster") && !is_given("join") {
        let what = "cluster is missing: name all nodes, as in cluster = \"1=10.0.0.1:7401,2=10.0.0.2:7401,3=10.0.0.3:7401\"; \
                    or join, for a node that was added to an existing cluster";
        mistakes.push(Mistake { place: TOP, what: what.to_owned() });
    }
    if is_given("cluster")
        && let Some(join) = find("join")
    {
        let what = "cluster and join are both given: cluster is for the nodes that found it, join for a node that was added \
                    to it (tenure member add). Leave one away";
        mistakes.push(Mistake { place: Some(join.place), what: what.to_owned() });
    }
    mistakes
}

/// The place of the value that an error of `serve` is about: found by words of the sentence.
fn place_of(sentence: &str, entries: &Entries) -> Option<Place> {
    let find = |key: &str| entries.iter().find(|entry| entry.key == key);
    let by_words = ABOUT.iter().filter(|(words, _)| sentence.contains(words));
    let named = entries.iter().filter(|entry| sentence.contains(&format!("--{}", entry.key)));
    let named = named.map(|entry| entry.key.as_str());
    let mut keys = by_words.map(|(_, key)| *key).chain(named);
    keys.find_map(|key| Some(find(key)?.value_place))
}

/// The place of a missing key.
const TOP: Option<Place> = Some(Place { line: 1, column: 1 });
/// Words in the errors of `serve` about values that do not fit each other, and the key to look at.
const ABOUT: [(&str, &str); 8] = [
    ("a node's id", "id"),
    ("the admin endpoint", "admin"),
    ("is not in the cluster", "id"),
    ("election timeout", "election"),
    ("election timeout", "heartbeat"),
    ("leader lease", "lease-duration"),
    ("is open to the network", "listen"),
    ("is open to the network", "cluster"),
];
