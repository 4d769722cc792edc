//! Names as words of a command line. An empty word is refused: it was probably a variable that is
//! not set.

use tenure::lock::Name;

/// The end of the sentence about an empty word.
pub const EMPTY: &str = "is empty: is a variable not set?";

/// The name of a lock or election.
///
/// # Errors
/// The end of a sentence that begins with the word.
pub fn parse(text: &str) -> Result<String, String> {
    let text = parse_client(text)?;
    Name::try_from(text.as_str()).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The name of a client. The cluster checks the rest.
///
/// # Errors
/// The name is empty.
pub fn parse_client(text: &str) -> Result<String, String> {
    if text.is_empty() { Err(format!("it {EMPTY}")) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_word_is_no_name() {
        assert_eq!(parse("").unwrap_err(), "it is empty: is a variable not set?");
        assert!(parse_client("").is_err());
        assert_eq!(parse("jobs/x").as_deref(), Ok("jobs/x"));
        assert!(parse(&"x".repeat(256)).unwrap_err().contains("255"));
    }
}
