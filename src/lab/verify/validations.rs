//! Checks that while a grant is believed in, the server says of each of its locks that the token
//! holds it: locks that were acquired in one step are held all or not at all.

use super::breaks::Taken;
use super::grants::Grants;
use super::history::History;
use super::violation::{Rule, Violations};

/// Checks each answer that a token does not hold.
pub fn check(history: &History, grants: &Grants<'_>, taken: &Taken<'_>, found: &mut Violations) {
    for said in &history.orders.refutations {
        let Some(belief) = grants.find(said.lock, said.token) else { continue };
        // The belief stood when the answer came, and so when the server looked.
        let stood = belief.boot == said.boot && (belief.from..=belief.until).contains(&said.at);
        if stood && !taken.contain(said.lock, said.token) {
            found.add(Rule::HeldInPart, || {
                format!(
                    "\"{}\" was believed to be held by {} {}, and a server said that it was not at {} ({})",
                    history.locks.name(belief.lock),
                    history.beginning(belief),
                    history.end(belief),
                    said.at,
                    history.place(said.source),
                )
            });
        }
    }
}
