//! Commands for people to type: each word is quoted so that a shell reads it as one word,
//! unchanged.

use crate::cli::connect::Connection;
use crate::cli::log::printable;
use std::net::IpAddr;

/// `text` as one word of a shell's command line.
#[must_use]
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if printable(text) == text {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    // Unprintable characters get escapes ($'…') that bash, zsh and ksh know.
    let escape = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if printable(&c.to_string()) == c.to_string() => c.to_string(),
        c => c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
    };
    format!("$'{}'", text.chars().map(escape).collect::<String>())
}

/// `tenure SUBCOMMAND WORDS…` for the cluster that `connection` reaches. The words are names and the like, or a command
/// behind a "--"; a name that begins with a "-" gets one.
#[must_use]
pub fn command(subcommand: &str, connection: &Connection, words: &[&str]) -> String {
    let mut all = vec!["tenure"];
    all.extend(subcommand.split(' '));
    let flags = connection.flags();
    all.extend(flags.iter().map(String::as_str));
    if words.first().is_some_and(|first| first.starts_with('-') && *first != "--") {
        all.push("--");
    }
    all.extend(words);
    all.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The flag --insecure, if a node needs it to listen at `address`; else nothing.
#[must_use]
pub fn insecure(address: &str) -> &'static str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.parse::<IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
    if is_loopback { "" } else { " --insecure" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_takes_each_word_as_it_is() {
        for text in [
            "jobs/x",
            "",
            "a b",
            "it's",
            "$HOME",
            "*",
            "~",
            "-n",
            "a\\b",
            "ä\"ö",
            "a\nb",
            "x\u{202e}y'\\",
        ] {
            let line = format!("printf %s {}", word(text));
            let output = Command::new("bash").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text, "{line}");
            assert_eq!(printable(&line), line);
        }
    }

    #[test]
    fn a_command_reaches_the_cluster_that_was_spoken_of() {
        let usual = Connection::to(crate::cli::connect::ENDPOINTS_DEFAULT);
        let other = Connection::to("[::1]:1,b:2");
        assert_eq!(command("show", &usual, &["jobs/x"]), "tenure show jobs/x");
        let line = "tenure member promote --endpoints '[::1]:1,b:2' 4";
        assert_eq!(command("member promote", &other, &["4"]), line);
        let line = "tenure show --endpoints '[::1]:1,b:2' -- '-a b'";
        assert_eq!(command("show", &other, &["-a b"]), line);
        assert_eq!(command("status", &usual, &[]), "tenure status");
    }

    #[test]
    fn only_a_node_on_loopback_needs_no_more() {
        for address in ["127.0.0.1:7401", "127.8.8.8:1", "[::1]:7401", "localhost:7401"] {
            assert_eq!(insecure(address), "", "{address}");
        }
        for address in ["10.0.0.1:7401", "[fe80::1]:7401", "db.example:7401", "0.0.0.0:7401"] {
            assert_eq!(insecure(address), " --insecure", "{address}");
        }
    }
}
