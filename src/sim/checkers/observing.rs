//! O8 on what observers are told: first the present, then every change of the oldest holder in the order of the log,
//! none left out unless that is said, through reconnects and changes of leader.

use super::Violation;
use super::holding::Claimant;
use super::model::Model;
use crate::base::checksum::crc32c;
use crate::base::{Index, Token};
use crate::client::core::{ObserverId, Seen};
use crate::lock::Name;
use crate::wire::HolderSaid;
use std::collections::BTreeMap;

/// The last change that each observer was told.
#[derive(Debug, Default)]
pub struct Observing {
    told: BTreeMap<(Claimant, ObserverId), (Name, Seen)>,
    /// Changes that were told.
    pub changes: u64,
    /// Changes before which others were left out, as was said.
    pub gaps: u64,
}

/// Token, client and checksum of the value of a lock's oldest holder; none if it is vacant.
type Holder = Option<(Token, String, u32)>;

impl Observing {
    /// An observer of `name` is told `seen`.
    ///
    /// # Errors
    /// That is false, or a change since the last one is left out.
    pub fn observe(
        &mut self,
        model: &Model,
        (who, observer): (Claimant, ObserverId),
        name: &Name,
        seen: Seen,
    ) -> Result<(), Violation> {
        let wrong = |what: String| {
            Err(Violation::new("O8", format!("{who} is told {seen:?} of {name}, {what}")))
        };
        let holder = holder_at(model, name, seen.index);
        if seen.index > model.applied() || said(seen.holder.as_ref()) != holder {
            return wrong(format!("the log says {holder:?}"));
        }
        if let Some((_, before)) = self.told.get(&(who, observer)).filter(|_| seen.missed == 0) {
            if seen.index <= before.index {
                return wrong(format!("and was told of {} before", before.index));
            }
            let known = said(before.holder.as_ref());
            let mut between = model.changes(name, before.index, seen.index);
            let missed = between.find(|index| holder_at(model, name, *index) != known);
            if let Some(index) = missed {
                return wrong(format!("behind {before:?}, and not of the change at {index}"));
            }
        }
        self.changes += 1;
        self.gaps += u64::from(seen.missed > 0);
        self.told.insert((who, observer), (name.clone(), seen));
        Ok(())
    }

    /// The observer follows nothing any more.
    pub fn dismiss(&mut self, who: Claimant, observer: ObserverId) {
        self.told.remove(&(who, observer));
    }

    /// The process is gone, and its observers with it.
    pub fn dismiss_all(&mut self, who: Claimant) {
        self.told.retain(|(claimant, _), _| *claimant != who);
    }

    /// O15: what `who` does not know yet of what `observer` follows.
    #[must_use]
    pub fn missing(
        &self,
        model: &Model,
        (who, observer): (Claimant, ObserverId),
        name: &Name,
    ) -> Option<String> {
        let told = self.told.get(&(who, observer)).map(|(_, seen)| seen);
        let holder = holder_at(model, name, model.applied());
        let knows = told.is_some_and(|seen| said(seen.holder.as_ref()) == holder);
        let last = || format!("{who}, by {observer:?}, was told {told:?} of {name} last");
        (!knows).then(|| format!("{}, which {holder:?} holds", last()))
    }
}

fn holder_at(model: &Model, name: &Name, index: Index) -> Holder {
    let oldest = model.line_at(name, index)?.oldest()?;
    let client = model.session(oldest.session).map(|session| session.client.clone());
    Some((oldest.token, client.unwrap_or_default(), oldest.value))
}

fn said(holder: Option<&HolderSaid>) -> Holder {
    holder.map(|said| (said.token, said.client.clone(), crc32c(&said.value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Owner, RequestId, SessionId, SessionKey, Term};
    use crate::lock::{Acquire, Command, Mode, Operation};

    const WHO: Claimant = Claimant { client: 1, process: 1 };

    fn name() -> Name {
        Name::try_from("x").unwrap()
    }

    fn request(number: u64, operation: Operation) -> Command {
        let (session, request) = (SessionId(1), RequestId(number));
        Command::Request { session, request, floor: RequestId(1), operation }
    }

    fn acquire(number: u64) -> Command {
        let acquire = Acquire {
            name: name(),
            value: vec![1],
            mode: Mode::Exclusive,
            limit: 0,
            permits: 1,
            owner: Owner(0),
            delay_ms: 0,
            try_only: false,
        };
        request(number, Operation::Acquire(acquire))
    }

    /// Held under token 1 from entry 2 to 3, and under token 2 from 4 on.
    fn model() -> Model {
        let key = SessionKey([0; 16]);
        let open = Command::OpenSession { ttl_ms: 500, key, client: "c".into() };
        let release = request(2, Operation::Release { name: name(), token: Token(1) });
        let mut model = Model::default();
        for (index, command) in (1..).zip([open, acquire(1), release, acquire(3)]) {
            model.apply(Index(index), Term(1), Some(&command));
        }
        model
    }

    fn seen(index: u64, token: u64, missed: u64) -> Seen {
        let client = "c".to_owned();
        let said = HolderSaid { token: Token(token), client, value: vec![1], since_unix_ms: 0 };
        Seen { holder: (token > 0).then_some(said), index: Index(index), missed }
    }

    fn told(all: &[Seen]) -> Result<(), Violation> {
        let (model, mut observing) = (model(), Observing::default());
        let mut told = all.iter().cloned();
        told.try_for_each(|seen| observing.observe(&model, (WHO, ObserverId(1)), &name(), seen))
    }

    #[test]
    fn the_present_and_then_each_change_is_what_must_be_told() {
        assert_eq!(told(&[seen(1, 0, 0), seen(2, 1, 0), seen(3, 0, 0), seen(4, 2, 0)]), Ok(()));
        assert_eq!(told(&[seen(4, 2, 0)]), Ok(()));
    }

    #[test]
    fn a_change_that_is_left_out_is_found_unless_it_is_said() {
        assert_eq!(told(&[seen(2, 1, 0), seen(4, 2, 0)]).unwrap_err().checker, "O8");
        assert_eq!(told(&[seen(2, 1, 0), seen(4, 2, 1)]), Ok(()));
    }

    #[test]
    fn what_was_not_so_and_what_goes_back_is_found() {
        assert!(told(&[seen(3, 1, 0)]).is_err());
        assert!(told(&[seen(5, 2, 0)]).is_err());
        assert!(told(&[seen(4, 2, 0), seen(2, 1, 0)]).is_err());
    }
}
