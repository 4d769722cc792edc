//! Checks that each token of a lock belongs to one grant, whichever machine and boot logged it.

use super::history::{Belief, History};
use super::violation::{Rule, Violations};

/// Checks all grants.
pub fn check(history: &History, found: &mut Violations) {
    let mut order: Vec<&Belief> = history.beliefs.iter().collect();
    order.sort_unstable_by_key(|belief| (belief.lock, belief.token, belief.granted.file));
    for pair in order.windows(2) {
        let [first, second] = pair else { continue };
        if (first.lock, first.token) == (second.lock, second.token) {
            found.add(Rule::TokenReused, || {
                format!(
                    "token {} of \"{}\" was granted to {} ({}) and to {} ({})",
                    first.token,
                    history.locks.name(first.lock),
                    history.clients.name(first.client),
                    history.place(first.granted),
                    history.clients.name(second.client),
                    history.place(second.granted),
                )
            });
        }
    }
}
