//! The exit code of a node that has ended: it tells a supervisor what to do.

use crate::cli::failure::{Failure, UNAVAILABLE, USAGE};
use tenure::{Error, Status};

/// 2: a person must mend the options or the directory; a restart does not help. 3: restart.
pub fn ended(error: Error) -> Failure {
    let code = match error.status {
        Status::Invalid | Status::Unsupported | Status::TooSmall => USAGE,
        // Not permitted, removed from the cluster, emptied; damaged, an older copy, written by a newer version.
        Status::Denied | Status::Corrupt => USAGE,
        _ => UNAVAILABLE,
    };
    Failure::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_must_mend_is_not_started_again_and_all_else_is() {
        let by_hand = [
            Status::Invalid,
            Status::Denied,
            Status::Unsupported,
            Status::TooSmall,
            Status::Corrupt,
        ];
        for status in Status::ALL {
            let expected = if by_hand.contains(status) { 2 } else { 3 };
            assert_eq!(ended(Error::from(*status)).code, expected, "{status:?}");
        }
    }
}
