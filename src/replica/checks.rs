//! Checks of operations before they are logged.

use crate::base::RequestId;
use crate::base::limits::{
    BREAK_REASON_BYTES_MAX, CLIENT_NAME_BYTES_MAX, REQUEST_SPAN_MAX, TTL_MS_MAX, VALUE_BYTES_MAX,
};
use crate::base::locks::Terms;
use crate::lock::{BreakWay, Operation, Refusal};

/// Checks the arguments of an operation. Names are checked by their type.
///
/// # Errors
/// [`Refusal::Invalid`]: an argument is out of range.
pub(super) fn check_operation(request: RequestId, operation: &Operation) -> Result<(), Refusal> {
    // A retry of a standing request may lie below the floor (L17): only the lock machine can tell.
    let is_valid = request.0 != 0
        && match operation {
            Operation::Acquire(acquire) => {
                return check_terms(request, Some(&Terms::from(acquire)));
            }
            Operation::AcquireAll { acquire, also } => {
                Terms::from(acquire).check_sizes(1 + also.len()).is_ok()
            }
            Operation::Withdraw { acquire } => acquire.0 != 0,
            Operation::Proclaim { value, .. } => value.len() <= VALUE_BYTES_MAX,
            Operation::Transfer { to, .. } => is_client_name(to.as_deref()),
            Operation::Break { way, to, reason, .. } => {
                is_client_name(to.as_deref())
                    && reason.len() <= BREAK_REASON_BYTES_MAX
                    && is_valid_way(*way)
            }
            Operation::Release { .. } | Operation::Close => true,
        };
    is_valid.then_some(()).ok_or(Refusal::Invalid)
}

/// The same of an acquire of one name, or of a release.
///
/// # Errors
/// As for [`check_operation`].
pub(super) fn check_terms(request: RequestId, terms: Option<&Terms>) -> Result<(), Refusal> {
    let is_valid = request.0 != 0 && terms.is_none_or(|terms| terms.check_sizes(1).is_ok());
    is_valid.then_some(()).ok_or(Refusal::Invalid)
}

/// Checks that the ids of a request are plausible for its session, which has used ids up to
/// `reach`. A floor or an id near the maximum would leave the session none for its own releases.
///
/// # Errors
/// [`Refusal::Invalid`]: an id is beyond what a lawful client can have reached.
pub(super) fn check_reach(reach: RequestId, ids: [RequestId; 3]) -> Result<(), Refusal> {
    let most = reach.0.saturating_add(REQUEST_SPAN_MAX);
    let is_near = ids.iter().all(|id| id.0 <= most);
    is_near.then_some(()).ok_or(Refusal::Invalid)
}

fn is_client_name(name: Option<&str>) -> bool {
    name.is_none_or(|name| name.len() <= CLIENT_NAME_BYTES_MAX)
}

fn is_valid_way(way: BreakWay) -> bool {
    match way {
        BreakWay::Ask { grace_ms } => grace_ms.is_none_or(|grace_ms| grace_ms <= TTL_MS_MAX),
        BreakWay::Now => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{LOCK_DELAY_MS_MAX, NAMES_PER_ACQUIRE_MAX};
    use crate::base::{Owner, Token};
    use crate::lock::{Acquire, Mode, Name};

    fn name() -> Name {
        Name::try_from("a").unwrap()
    }

    fn acquire() -> Acquire {
        Acquire {
            name: name(),
            value: Vec::new(),
            mode: Mode::Exclusive,
            limit: 0,
            permits: 1,
            owner: Owner(0),
            delay_ms: 0,
            try_only: false,
        }
    }

    fn break_with(way: BreakWay, to: usize, reason: usize) -> Operation {
        let (to, reason) = (Some("t".repeat(to)), "r".repeat(reason));
        Operation::Break { name: name(), token: Token(1), way, to, reason }
    }

    #[track_caller]
    fn check(accepted: Operation, refused: Operation) {
        assert_eq!(check_operation(RequestId(1), &accepted), Ok(()), "{accepted:?}");
        let invalid = Err(Refusal::Invalid);
        assert_eq!(check_operation(RequestId(1), &refused), invalid, "{refused:?}");
        assert_eq!(check_operation(RequestId(0), &accepted), invalid, "no request has id 0");
    }

    #[test]
    fn a_value_has_at_most_so_many_bytes() {
        let acquire =
            |bytes: usize| Operation::Acquire(Acquire { value: vec![0; bytes], ..acquire() });
        let proclaim = |bytes: usize| Operation::Proclaim {
            name: name(),
            token: Token(1),
            value: vec![0; bytes],
        };
        check(acquire(VALUE_BYTES_MAX), acquire(VALUE_BYTES_MAX + 1));
        check(proclaim(VALUE_BYTES_MAX), proclaim(VALUE_BYTES_MAX + 1));
    }

    #[test]
    fn a_lock_delay_is_bounded_also_for_several_names() {
        let one = |delay_ms: u32| Operation::Acquire(Acquire { delay_ms, ..acquire() });
        let several = |delay_ms: u32| Operation::AcquireAll {
            acquire: Acquire { delay_ms, ..acquire() },
            also: Vec::new(),
        };
        check(one(LOCK_DELAY_MS_MAX), one(LOCK_DELAY_MS_MAX + 1));
        check(several(LOCK_DELAY_MS_MAX), several(LOCK_DELAY_MS_MAX + 1));
    }

    #[test]
    fn an_acquire_is_for_at_most_so_many_names() {
        let several = |count: usize| Operation::AcquireAll {
            acquire: acquire(),
            also: vec![name(); count - 1],
        };
        check(several(NAMES_PER_ACQUIRE_MAX), several(NAMES_PER_ACQUIRE_MAX + 1));
    }

    #[test]
    fn a_withdrawal_names_a_request() {
        let withdraw = |acquire: u64| Operation::Withdraw { acquire: RequestId(acquire) };
        check(withdraw(1), withdraw(0));
    }

    #[test]
    fn a_break_is_bounded_in_its_grace_its_reason_and_its_receiver() {
        let ask = |grace_ms: u32| BreakWay::Ask { grace_ms: Some(grace_ms) };
        check(break_with(ask(TTL_MS_MAX), 1, 1), break_with(ask(TTL_MS_MAX + 1), 1, 1));
        let now = BreakWay::Now;
        check(break_with(now, 1, 255), break_with(now, 1, 256));
        check(break_with(now, 255, 1), break_with(now, 256, 1));
    }

    #[test]
    fn a_transfer_names_a_client() {
        let transfer = |bytes: usize| Operation::Transfer {
            name: name(),
            token: Token(1),
            to: Some("t".repeat(bytes)),
        };
        check(transfer(CLIENT_NAME_BYTES_MAX), transfer(CLIENT_NAME_BYTES_MAX + 1));
    }
}
