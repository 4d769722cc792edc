//! Views of a lock: the lock machine's against the model's.

use super::model::{Line, Place};
use crate::base::checksum::crc32c;
use crate::base::limits::{HOLDERS_SHOWN_MAX, WAITERS_SHOWN_MAX};
use crate::lock::LockView;

/// Whether `view` is what `line` means, all but wall clocks and texts.
#[must_use]
pub fn is_view_of(view: &LockView, line: &Line) -> bool {
    let holders = line.holders();
    let waiters: Vec<&Place> = line.waiters().collect();
    let oldest = holders.first().map_or((0, 0), |place| (place.token.0, place.session.0));
    let others = holders.iter().skip(1).take(HOLDERS_SHOWN_MAX);
    let shown = waiters.iter().take(WAITERS_SHOWN_MAX).map(|place| place.session);
    line.limit() == Some(view.limit)
        && (view.token.0, view.session.0) == oldest
        && view.holding as usize == holders.len()
        && view.waiting as usize == waiters.len()
        && view.is_delayed != line.delays.is_empty()
        && holders.first().is_none_or(|oldest| {
            view.is_asked == oldest.asked.is_some() && crc32c(&view.value) == oldest.value
        })
        && others
            .map(|place| (place.token, place.session, place.wish.share.permits))
            .eq(view.others.iter().map(|other| (other.token, other.session, other.permits)))
        && shown.eq(view.waiters.iter().map(|waiter| waiter.session))
}
