//! Who clients are: there are no certificates here, so each is known by the name that it says.

use crate::base::Subject;
use crate::base::checksum::crc32c;

/// On whose behalf a client of this name asks: the operator, or one of a few principals.
#[must_use]
pub fn subject_of(client: &str) -> Subject {
    let text = match client {
        "operator" => OPERATOR,
        "thief" => "client/thief",
        _ => SUBJECTS[crc32c(client.as_bytes()) as usize % SUBJECTS.len()],
    };
    text.parse().expect("a principal")
}

/// Name of an operator.
pub const OPERATOR: &str = "operator/alice";
/// Name of a client.
pub const SUBJECTS: [&str; 5] =
    ["client/red/a", "client/red/b", "client/blue", "local/1", "operator/alice"];
