//! Observes the election, and logs each holder, and how many changes were missed.

use super::{ELECTION, Post};
use crate::lab::verify::line::{Kind, Line};
use std::time::Duration;
use tenure::Status;
use tenure::client::{Observed, Observer, Wait};
use tenure::sys::clock;

/// Observes until the run is over.
pub(super) fn observe(post: &Post) {
    while !post.is_over() {
        // Logged before the observation begins: all that is observed comes after this instant.
        let principal = post.principal.clone();
        post.log.write(&Line { principal, ..of(post, Kind::Observing) });
        if let Ok(observer) = post.client.observe(ELECTION) {
            follow(post, &observer);
        }
        post.pause(AFTER_ERROR);
    }
}

/// Logs until this observer ends.
fn follow(post: &Post, observer: &Observer) {
    while !post.is_over() {
        match observer.next(Wait::For(LOOK_EVERY)) {
            Ok(Observed { holder, missed, .. }) => {
                let (token, holder) = holder.map(|holder| (holder.token.0, holder.client)).unzip();
                let missed = Some(missed);
                post.log.write(&Line { token, holder, missed, ..of(post, Kind::Saw) });
            }
            Err(error) if error.status == Status::Again => {}
            Err(error) => return log::debug!("{} observes anew: {error}", post.name),
        }
    }
}

fn of(post: &Post, event: Kind) -> Line {
    let (client, lock) = (Some(post.name.clone()), Some(ELECTION.to_owned()));
    Line { client, lock, ..Line::at(event, clock::boot_nanos()) }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
const AFTER_ERROR: Duration = Duration::from_millis(50);
