//! The options of `serve` as keys of a configuration file, taken from its command line so that none
//! can be forgotten.

use crate::cli::serve;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use std::error::Error;

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in the file: the flag without its dashes.
    pub key: String,
    /// The purpose, in one line.
    pub about: String,
    /// The default as text; `None`: the option has none.
    pub default: Option<String>,
    /// The type of the value.
    pub kind: Kind,
}

/// The type of a value, each with an example as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 1
    Number,
    /// true
    Truth,
    /// "30ms"
    Duration,
    /// "64MiB"
    Size,
    /// "10.0.0.1:7401,10.0.0.2:7401"
    List,
    /// Any other text.
    Text,
}

/// All settings, in the order of `serve --help`.
pub fn all() -> Vec<Setting> {
    let command = command();
    let settings = command.get_arguments().filter_map(|arg| {
        let key = arg.get_long().filter(|long| !NO_KEYS.contains(long))?.to_owned();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let (about, default) = match help.split_once(" [default: ") {
            Some((about, rest)) => (about.to_owned(), Some(rest.trim_end_matches(']').to_owned())),
            None => (help, None),
        };
        let named = arg.get_value_names().and_then(|names| names.first());
        let kind = kind(named.map(|name| name.as_str()).unwrap_or_default());
        let default = default.or((kind == Kind::Truth).then(|| "false".to_owned()));
        Some(Setting { key, about, default, kind })
    });
    settings.collect()
}

/// The command line of `serve` alone, without variables.
pub fn command() -> Command {
    serve::Options::augment_args(Command::new("serve").disable_help_flag(true))
}

/// Whether `serve` takes `text` as the value of `key`.
///
/// # Errors
/// The sentence that says why not.
pub fn check_value(key: &str, text: &str) -> Result<(), String> {
    if key == "listen" {
        return serve::check_listen(text);
    }
    let words = ["serve".to_owned(), format!("--{key}={text}")];
    let Err(error) = command().try_get_matches_from(words) else { return Ok(()) };
    let why = error.source().map(ToString::to_string);
    Err(why.unwrap_or_else(|| match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => format!("it is one of {}", valid.join(", ")),
        _ => "it is empty, or this option has no such value".to_owned(),
    }))
}

/// The key that was probably meant by an unknown `key`, as clap suggests flags.
pub fn nearest(key: &str) -> Option<String> {
    let key = key.replace('_', "-").to_ascii_lowercase();
    let words = ["serve".to_owned(), format!("--{key}")];
    let is_known = |key: &String| all().iter().any(|setting| setting.key == *key);
    let found = match command().try_get_matches_from(words) {
        Ok(_) => Some(key),
        Err(error) => match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(flag)) => {
                let flag = flag.trim_start_matches('-');
                flag.split([' ', '=', '[']).next().map(str::to_owned)
            }
            // Spelled this way the flag exists; only its value is missing here.
            _ => Some(key),
        },
    };
    found.filter(is_known)
}

impl Setting {
    /// The value that a flag or a variable gives, and which of them.
    pub fn said(&self, matches: &ArgMatches) -> Option<(String, ValueSource)> {
        let id = self.key.replace('-', "_");
        let source = matches.value_source(&id)?;
        let mut raw = matches.get_raw(&id)?;
        let text = raw.next().map_or_else(|| "true".to_owned(), |raw| raw.to_string_lossy().into());
        Some((text, source))
    }

    /// `key = value`, as the file has it.
    pub fn line(&self, text: &str) -> String {
        match self.kind {
            Kind::Number | Kind::Truth => format!("{} = {text}", self.key),
            _ => format!("{} = {}", self.key, quoted(text)),
        }
    }
}

/// `text` in quotes. A string of JSON is one of TOML.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn kind(value_name: &str) -> Kind {
    match value_name {
        "ID" => Kind::Number,
        "BOOL" => Kind::Truth,
        "DURATION" => Kind::Duration,
        "SIZE" => Kind::Size,
        name if name.ends_with(",…") => Kind::List,
        _ => Kind::Text,
    }
}

/// Flags that are no keys: one names the file itself.
const NO_KEYS: [&str; 2] = ["config", "version"];

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(key: &str) -> Setting {
        all().into_iter().find(|setting| setting.key == key).expect(key)
    }

    #[test]
    fn settings_are_those_of_the_command_line() {
        assert_eq!((setting("id").kind, setting("id").default), (Kind::Number, None));
        let heartbeat = setting("heartbeat");
        assert_eq!(heartbeat.about, "Time between two heartbeats of a leader");
        assert_eq!((heartbeat.kind, heartbeat.default.as_deref()), (Kind::Duration, Some("30ms")));
        assert_eq!(setting("insecure").default.as_deref(), Some("false"));
        assert_eq!(setting("cluster").kind, Kind::List);
        assert!(all().iter().all(|setting| setting.key != "config"));
    }

    #[test]
    fn the_key_that_was_meant_is_found() {
        for (key, meant) in [
            ("hartbeat", Some("heartbeat")),
            ("heart_beat", Some("heartbeat")),
            ("ttl_max", Some("ttl-max")),
            ("ID", Some("id")),
            ("snapshot-evry", Some("snapshot-every")),
            ("zzz", None),
            ("config", None),
        ] {
            assert_eq!(nearest(key).as_deref(), meant, "{key}");
        }
    }

    #[test]
    fn a_value_is_checked_as_that_of_the_flag_is() {
        assert_eq!(check_value("heartbeat", "30ms"), Ok(()));
        let why = check_value("heartbeat", "30").unwrap_err();
        assert_eq!(why, "a duration needs a unit: 30s, 30ms or 30m");
        assert!(check_value("cluster", "1=a").unwrap_err().contains("\"a\" has no port"));
        assert!(check_value("data", "").is_err());
    }
}
