//! Work under two locks that are acquired in one step, beside clients that take one of them.

use super::holding::Holding;
use super::work::{PAUSE, of, work_time};
use super::{PAIR, Post};
use crate::lab::verify::line::Line;
use tenure::base::rng::Rng;
use tenure::client::{AcquireOptions, Wait};

/// Half of the time both, named in either order, else one of them.
pub(super) fn pair(post: &Post, mut rng: Rng) {
    while !post.is_over() {
        let [mut first, mut second] = PAIR;
        if rng.chance(1, 2) {
            std::mem::swap(&mut first, &mut second);
        }
        let holding = if rng.chance(1, 2) {
            acquire(post, &[first, second])
        } else {
            acquire(post, &[first])
        };
        let Some(mut holding) = holding else { continue };
        holding.work(work_time(&mut rng));
        if rng.chance(1, 4) {
            holding.validate();
        }
        holding.release();
        post.pause(rng.duration(PAUSE.0, PAUSE.1));
    }
}

fn acquire<'a>(post: &'a Post, names: &[&str]) -> Option<Holding<'a>> {
    let also = names[1..].iter().map(|name| (*name).to_owned()).collect();
    let line = Line { also, ..of(names[0]) };
    let options = AcquireOptions::default();
    post.wait_for(line, || post.client.acquire_all_start(names, Wait::Forever, options))
}
