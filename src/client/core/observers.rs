//! Observers of locks: first the present holder, then each change, through reconnects and changes
//! of leader.
//!
//! A leader pushes changes on the connection that asked. Each new home is asked again, with the
//! last index heard, and replays the missed changes; if it cannot, it sends the present holder with
//! a gap. Each asking has a number of its own: a link that is home for the second time may still
//! push changes of its first asking, some of which were ignored in between.

use super::Core;
use super::links::Home;
use super::refusal::{denied, refusal_error};
use super::repeats::Repeats;
use super::types::{CoreAction, LinkId, ObserverId, Seen};
use crate::base::locks::{Name, Refusal};
use crate::base::{Index, Sample};
use crate::wire::{HolderSaid, Request};
use crate::{Error, Status};
use std::collections::{BTreeMap, BTreeSet};

/// All observers. Numbers of askings are those of calls, shared with reads.
#[derive(Clone, Debug)]
pub(super) struct Observers {
    following: BTreeMap<ObserverId, Following>,
    /// The newest asking of each observer.
    asked: BTreeMap<u64, ObserverId>,
    /// The link of these askings.
    asked_on: Option<LinkId>,
    /// Observers to ask for, now or after a pause.
    repeats: Repeats<ObserverId>,
    /// Askings to which `asked_on` may still push, to be withdrawn.
    dismissed: BTreeSet<u64>,
}

#[derive(Clone, Debug)]
struct Following {
    name: Name,
    /// The newest asking.
    number: Option<u64>,
    /// The last change heard.
    heard: Option<Heard>,
}

#[derive(Clone, Debug)]
struct Heard {
    index: Index,
    holder: Option<HolderSaid>,
    /// Missed changes after it: the lock was vacant before a gap, and after it.
    missed: u64,
}

/// A change from a server.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) index: Index,
    pub(super) holder: Option<HolderSaid>,
    pub(super) gap: bool,
}

impl Observers {
    pub(super) fn new() -> Self {
        Self {
            following: BTreeMap::new(),
            asked: BTreeMap::new(),
            asked_on: None,
            repeats: Repeats::new(),
            dismissed: BTreeSet::new(),
        }
    }

    /// Removes an observer; true if there was one.
    fn remove(&mut self, observer: ObserverId) -> bool {
        self.repeats.remove(observer);
        let Some(following) = self.following.remove(&observer) else { return false };
        if let Some(number) = following.number {
            self.asked.remove(&number);
            self.dismissed.insert(number);
        }
        true
    }

    fn handle_changed(&mut self, number: u64, changed: Changed) -> Option<(ObserverId, Seen)> {
        let observer = *self.asked.get(&number)?;
        let seen = self.following.get_mut(&observer)?.handle_changed(changed)?;
        Some((observer, seen))
    }

    /// Ends a refused asking; gives its observer.
    fn handle_refused(&mut self, number: u64) -> Option<ObserverId> {
        let observer = self.asked.remove(&number)?;
        self.following.get_mut(&observer)?.number = None;
        Some(observer)
    }

    pub(super) fn handle_deadline(&mut self, now: &Sample) {
        self.repeats.handle_deadline(now);
    }

    pub(super) fn next_deadline(&self) -> u64 {
        self.repeats.next_deadline()
    }

    /// Asks for everything again, at another leader, or one that may have dropped requests.
    pub(super) fn send_all_again(&mut self) {
        self.dismissed.extend(std::mem::take(&mut self.asked).into_keys());
        self.following.values_mut().for_each(|following| following.number = None);
        self.repeats.begin_anew(self.following.keys().copied().collect());
    }

    /// Starts over in another cluster, whose indexes are its own. The last holder is known; holders
    /// in between, in either cluster, are not.
    pub(super) fn begin_anew(&mut self) {
        let heard = self.following.values_mut().filter_map(|following| following.heard.as_mut());
        heard.for_each(|heard| {
            heard.index = Index(0);
            heard.missed += 1;
        });
    }

    /// Takes the askings to withdraw from `asked_on`.
    fn take_dismissed(&mut self) -> Option<(LinkId, BTreeSet<u64>)> {
        let dismissed = std::mem::take(&mut self.dismissed);
        self.asked_on.map(|link| (link, dismissed))
    }

    fn has_unsent(&self) -> bool {
        self.repeats.first().is_some()
    }

    /// The request for the next observer under `number`; there must be one.
    fn take_unsent(&mut self, link: LinkId, number: u64) -> Request {
        let observer = self.repeats.pop_first().expect("one is to be asked for");
        let following = self.following.get_mut(&observer);
        let following = following.unwrap_or_else(|| panic!("{observer:?} to ask is unknown"));
        following.number = Some(number);
        self.asked.insert(number, observer);
        self.asked_on = Some(link);
        let since = following.heard.as_ref().map(|heard| heard.index).filter(|at| *at > Index(0));
        Request::Observe { read: number, name: following.name.clone(), since }
    }
}

impl Following {
    /// The observation for the program; `None`: it is known already.
    ///
    /// Indexes only rise, after a gap, too: that is the present, confirmed by a round. In a
    /// restored cluster they start over (L25). A change that is not newer is a repetition.
    fn handle_changed(&mut self, Changed { index, holder, gap }: Changed) -> Option<Seen> {
        let missed = match &mut self.heard {
            None => 0,
            Some(heard) if index <= heard.index => return None,
            Some(heard) if is_same(heard.holder.as_ref(), holder.as_ref()) => {
                heard.index = index;
                // A token holds once; but a lock is vacant many times.
                heard.missed += u64::from(gap && holder.is_none());
                return None;
            }
            Some(heard) => heard.missed + u64::from(gap),
        };
        self.heard = Some(Heard { index, holder: holder.clone(), missed: 0 });
        Some(Seen { holder, index, missed })
    }
}

/// A token is one ownership; its value may be replaced.
fn is_same(one: Option<&HolderSaid>, other: Option<&HolderSaid>) -> bool {
    let what = |said: &HolderSaid| (said.token, said.value.clone());
    one.map(what) == other.map(what)
}

impl Core {
    /// Follows the holders of `name`: `CoreAction::Observed` gives first the present holder, then each
    /// change, through reconnects and changes of leader, until `unobserve`, or
    /// `CoreAction::ObserverFailed`.
    pub fn observe(&mut self, now: &Sample, name: Name) -> ObserverId {
        self.check_belief(now);
        let observer = ObserverId(self.new_call().0);
        if self.is_closed() {
            self.fail_observer(observer, Status::Closed.into());
        } else if self.observers.following.len() >= OBSERVERS_MAX {
            let text = format!("a client has at most {OBSERVERS_MAX} observers");
            self.fail_observer(observer, Error::new(Status::Limit, text));
        } else {
            let following = Following { name, number: None, heard: None };
            self.observers.following.insert(observer, following);
            self.observers.repeats.insert(observer);
        }
        observer
    }

    /// Ends an observation.
    pub fn unobserve(&mut self, now: &Sample, observer: ObserverId) {
        self.check_belief(now);
        self.observers.remove(observer);
    }

    /// Handles a change for the asking `read`. Only home's counts: another link was asked before,
    /// and home sends its changes, too.
    pub(super) fn handle_changed(&mut self, link: LinkId, read: u64, changed: Changed) {
        if !self.is_home(link) {
            return;
        }
        if let Some((observer, seen)) = self.observers.handle_changed(read, changed) {
            self.observers.repeats.reset();
            self.actions.push(CoreAction::Observed { observer, seen });
        }
    }

    /// Whether the refused read `read` is of an observer.
    pub(super) fn is_observer(&self, read: u64) -> bool {
        self.observers.asked.contains_key(&read)
    }

    pub(super) fn handle_observer_refused(
        &mut self,
        now: &Sample,
        link: LinkId,
        (read, refusal): (u64, Refusal),
    ) {
        if !self.is_home(link) {
            return;
        }
        let Some(observer) = self.observers.handle_refused(read) else { return };
        if refusal == Refusal::Busy {
            return self.observers.repeats.pause(observer, now, &mut self.rng);
        }
        self.observers.remove(observer);
        self.fail_observer(observer, refusal_error(refusal));
    }

    /// Ends an observer that lacks, or has lost, the right to read.
    pub(super) fn handle_observer_denied(&mut self, link: LinkId, read: u64, text: &str) {
        if self.is_home(link)
            && let Some(observer) = self.observers.handle_refused(read)
        {
            self.observers.remove(observer);
            self.fail_observer(observer, denied(text));
        }
    }

    pub(super) fn fail_observers(&mut self, error: &Error) {
        let observers = std::mem::replace(&mut self.observers, Observers::new());
        for observer in observers.following.into_keys() {
            self.fail_observer(observer, error.clone());
        }
    }

    fn fail_observer(&mut self, observer: ObserverId, error: Error) {
        self.actions.push(CoreAction::ObserverFailed { observer, error });
    }

    pub(super) fn send_observers(&mut self, now: &Sample, home: Home) {
        if let Some((link, dismissed)) = self.observers.take_dismissed()
            && self.links.is_open(link)
        {
            dismissed.into_iter().for_each(|read| {
                self.send_unanswered(link, Request::Unobserve { read });
            });
        }
        while self.observers.has_unsent() {
            let number = self.new_call().0;
            match self.observers.take_unsent(home.link, number) {
                // There may be no change to send.
                request @ Request::Observe { since: Some(_), .. } => {
                    self.send_unanswered(home.link, request);
                }
                request => self.send(now, home, request),
            }
        }
    }
}

/// The most observers of one client.
const OBSERVERS_MAX: usize = 1024;
