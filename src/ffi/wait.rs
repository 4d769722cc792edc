//! `wait_ms`: -1 for ever, 0 not at all, else milliseconds.

use crate::client::Wait;
use crate::{Error, Status};
use std::time::Duration;

/// `wait_ms` as a client's [`Wait`].
pub(super) fn wait(wait_ms: i64) -> Result<Wait, Error> {
    Ok(match duration(wait_ms)? {
        None => Wait::Forever,
        Some(Duration::ZERO) => Wait::Try,
        Some(duration) => Wait::For(duration),
    })
}

/// `wait_ms` as a node's timeout; `None`: for ever.
pub(super) fn duration(wait_ms: i64) -> Result<Option<Duration>, Error> {
    if wait_ms == FOREVER {
        return Ok(None);
    }
    u64::try_from(wait_ms).map(|wait_ms| Some(Duration::from_millis(wait_ms))).map_err(|_| {
        let message = format!("wait_ms is {wait_ms}: it must be TENURE_FOREVER, 0, or positive");
        Error::new(Status::Invalid, message)
    })
}

/// `TENURE_FOREVER`, which cbindgen.toml defines.
const FOREVER: i64 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_forever_and_other_negative_waits_are_refused() {
        assert_eq!(wait(-1), Ok(Wait::Forever));
        assert_eq!(wait(0), Ok(Wait::Try));
        assert_eq!(wait(1500), Ok(Wait::For(Duration::from_millis(1500))));
        assert!(wait(i64::MAX).is_ok());
        for wait_ms in [-2, i64::MIN] {
            assert_eq!(wait(wait_ms).unwrap_err().status, Status::Invalid);
        }
    }
}
