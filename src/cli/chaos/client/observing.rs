//! Follows who leads, and logs each holder that it is told.

use super::{ELECTION, Post};
use crate::cli::verify::line::{Kind, Line};
use std::time::Duration;
use tenure::sys::clock;

/// Observes until the run is over.
pub(super) fn observe(post: &Post) {
    let mut newest = None;
    while !post.is_over() {
        if let Ok(holder) = post.client.holder_of(ELECTION) {
            let told = holder.map(|holder| (holder.token.0, holder.client));
            if newest.as_ref() != Some(&told) {
                let (token, holder) = told.clone().unzip();
                post.log.write(&Line {
                    client: Some(post.name.clone()),
                    lock: Some(ELECTION.to_owned()),
                    token,
                    holder,
                    ..Line::at(Kind::Saw, clock::boot_nanos())
                });
                newest = Some(told);
            }
        }
        post.pause(LOOK_EVERY);
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(20);
