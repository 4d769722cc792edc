//! Text from outside, made fit for a line that a person reads.

/// `text` with all escaped that would be invisible, break the line, or move other letters, and cut off behind about
/// `bytes_max` bytes.
#[must_use]
pub fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for letter in text.chars() {
        if line.len() >= bytes_max {
            line.push('…');
            break;
        }
        if is_hidden(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Bytes that as a text would be shown replaced, as hexadecimal digits: `None` for a text.
#[must_use]
pub fn hex_unless_text(bytes: &[u8]) -> Option<String> {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    std::str::from_utf8(bytes).is_err().then(hex)
}

/// Control characters, separators of lines, what has no width, and what changes the direction of writing.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_and_the_rest_stays() {
        assert_eq!(one_line("jobs/ä \"1\" \\ 漢", 99), "jobs/ä \"1\" \\ 漢");
        assert_eq!(one_line("a\nb\t\x1b[2J\0", 99), "a\\nb\\t\\u{1b}[2J\\u{0}");
        assert_eq!(one_line("x\u{202e}y\u{200b}z\u{feff}", 99), "x\\u{202e}y\\u{200b}z\\u{feff}");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_whole() {
        assert_eq!(hex_unless_text("ä".as_bytes()), None);
        assert_eq!(hex_unless_text(b"a\xff\0"), Some("61ff00".to_owned()));
    }

    #[test]
    fn what_is_too_long_is_cut_off_between_letters() {
        assert_eq!(one_line("abcd", 4), "abcd");
        assert_eq!(one_line("abcde", 4), "abcd…");
        assert_eq!(one_line("äöü", 3), "äö…");
        assert_eq!(one_line(&"é".repeat(1 << 20), 100).len(), 103);
    }
}
