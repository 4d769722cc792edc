//! What the locks protect: a store that remembers, for each lock, the highest token that it has seen, and
//! refuses lower ones.

use super::checkers::Violation;
use super::trace::Trace;
use crate::base::Token;
use crate::lock::Name;
use std::collections::BTreeMap;

/// One store for all locks.
#[derive(Debug, Default)]
pub struct Resource {
    highest: BTreeMap<Name, (Token, usize, u64)>,
}

impl Resource {
    /// A write arrives, perhaps long after it was sent.
    ///
    /// # Errors
    /// O6: two processes write under one token.
    pub fn write(
        &mut self,
        client: usize,
        process: u64,
        name: &Name,
        token: Token,
        trace: &mut Trace,
    ) -> Result<(), Violation> {
        match self.highest.get(name) {
            Some((highest, ..)) if token < *highest => trace.count("stale writes refused"),
            Some((highest, other, of))
                if token == *highest && (*other, *of) != (client, process) =>
            {
                let what = format!(
                    "clients {client}/{process} and {other}/{of} write {name} under {token}"
                );
                return Err(Violation::new("O6", what));
            }
            _ => {
                trace.count("writes accepted");
                self.highest.insert(name.clone(), (token, client, process));
            }
        }
        Ok(())
    }
}
