//! The resource that the locks protect: a store that remembers, for each lock, the highest token that it has seen, and
//! refuses lower ones. O7: so it accepts no write of an earlier holder behind one of a later holder, also where clocks
//! break ρ and beliefs overlap.

use crate::base::{Index, Token};
use crate::lock::Name;
use crate::sim::checkers::Violation;
use crate::sim::checkers::model::Model;
use crate::sim::marks::Mark;
use crate::sim::trace::Trace;
use std::collections::BTreeMap;

/// One store for all locks.
#[derive(Debug, Default)]
pub struct Resource {
    accepted: BTreeMap<Name, Accepted>,
}

/// A write as it arrives, perhaps long after it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The process that sent it, by its name.
    pub client: String,
    /// The lock that protects it.
    pub name: Name,
    /// Under which token.
    pub token: Token,
}

/// The last write that was accepted.
#[derive(Debug)]
struct Accepted {
    token: Token,
    client: String,
    /// By which entry its token was given.
    granted: Index,
}

impl Resource {
    /// A write arrives. `model` knows which token was given to whom, and in which order.
    ///
    /// # Errors
    /// O6: two processes write under one token. O7: the token was not given for this, or was given before that of an
    /// accepted write.
    pub fn write(
        &mut self,
        write: Write,
        model: &Model,
        trace: &mut Trace,
    ) -> Result<(), Violation> {
        let Write { client, name, token } = write;
        let before = self.accepted.get(&name);
        if before.is_some_and(|before| token < before.token) {
            trace.count("stale writes refused");
            trace.marks.hit(Mark::StaleWrite);
            return Ok(());
        }
        let given = model
            .grant(token)
            .filter(|grant| grant.names.contains(&name) && grant.client == client);
        let Some(grant) = given else {
            let what = format!("{client} writes {name} under {token}, which was not given for it");
            return Err(Violation::new("O7", what));
        };
        if let Some(before) = before {
            if token == before.token && client != before.client {
                let what = format!("{client} and {} write {name} under {token}", before.client);
                return Err(Violation::new("O6", what));
            }
            if grant.index < before.granted {
                let what = format!(
                    "{client} writes {name} under {token}, given at {}, behind {}, whose {} was given at {}",
                    grant.index, before.client, before.token, before.granted
                );
                return Err(Violation::new("O7", what));
            }
        }
        trace.count("writes accepted");
        let granted = grant.index;
        self.accepted.insert(name, Accepted { token, client, granted });
        Ok(())
    }
}
