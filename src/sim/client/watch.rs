//! Watch of one client's process: messages to it, and the ends of belief that follow from them.

use crate::base::time::nanos;
use crate::base::{Sample, SessionId, Token};
use crate::client::core::{Core, Deadline, LinkId, SessionState};
use crate::lock::{Answer, Refusal};
use crate::sim::checkers::Violation;
use crate::wire::ServerMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Messages to one process.
#[derive(Debug)]
pub struct ClientWatch {
    /// Grants that it was asked to end, and when belief in them is over at the latest (L23).
    asked: BTreeMap<Token, Deadline>,
    /// While home lists what stands: what was held when it began, and was not named yet.
    listed: Option<(LinkId, BTreeSet<Token>)>,
    /// Tokens that such a list left out, and when belief in them is over at the latest (L23).
    left_out: BTreeMap<Token, Deadline>,
    /// The program must say at least so often that it moves.
    progress: Option<Duration>,
    /// When it did last, or a session began.
    moved_at: Option<Sample>,
    /// A session may have ended, since the program had not said so in time.
    has_stalled: bool,
    state: SessionState,
    /// When its state was looked at last.
    looked_at: Option<Sample>,
    /// A server has said that the session is not alive, or that it is of another cluster.
    is_told: bool,
}

/// The connection to which a core keeps.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The link.
    pub link: LinkId,
    /// The session in force.
    pub session: Option<SessionId>,
    /// The TTL of that session.
    pub ttl: Duration,
}

impl ClientWatch {
    /// For a process that has heard nothing yet.
    #[must_use]
    pub fn new(progress: Option<Duration>) -> Self {
        Self {
            asked: BTreeMap::new(),
            listed: None,
            left_out: BTreeMap::new(),
            progress,
            moved_at: None,
            has_stalled: false,
            state: SessionState::Ended,
            looked_at: None,
            is_told: false,
        }
    }

    /// Its core is about to be told.
    pub fn handle_message(&mut self, now: &Sample, message: &ServerMessage) {
        match message {
            ServerMessage::Asked { token, grace_ms, .. } => {
                let length = Duration::from_millis(u64::from(*grace_ms));
                let deadline = Deadline { start: *now, length };
                let before = self.asked.entry(*token).or_insert(deadline);
                if deadline.remaining(now) < before.remaining(now) {
                    *before = deadline;
                }
            }
            ServerMessage::SessionEnded { .. }
            | ServerMessage::AttachDenied { .. }
            | ServerMessage::Answered { answer: Answer::SessionExpired, .. } => self.is_told = true,
            _ => {}
        }
    }

    /// A node has said that it is of another cluster, and not that this one became it, as those of 0.1.0 cannot: a session whose cluster
    /// nobody confirms is given up, without a time in jeopardy.
    pub fn handle_contradiction(&mut self) {
        self.is_told = true;
    }

    /// Its core is about to be told by `home`, while the program has `held`.
    ///
    /// A core whose home is another since it asked for the list waits for the next one, which comes before any renewal
    /// from there: so belief in what is left out ends within a TTL, or with the session.
    pub fn handle_listed(
        &mut self,
        now: &Sample,
        home: &Home,
        held: impl Iterator<Item = Token>,
        message: &ServerMessage,
    ) {
        match message {
            ServerMessage::Attached { session } if home.session == Some(*session) => {
                self.listed = Some((home.link, held.collect()));
            }
            ServerMessage::Answered { answer: Answer::Granted { token }, .. } => {
                if let Some((_, missing)) = &mut self.listed {
                    missing.remove(token);
                }
            }
            ServerMessage::Standing { .. } => {
                let listed = self.listed.take().filter(|(link, _)| *link == home.link);
                let deadline = Deadline { start: *now, length: home.ttl };
                let missing = listed.into_iter().flat_map(|(_, missing)| missing);
                self.left_out.extend(missing.map(|token| (token, deadline)));
            }
            _ => {}
        }
    }

    /// A server answers a request, while locks are asked for as what they are: our own client says nothing that is
    /// refused as wrong, and holds back what would be (L14).
    ///
    /// # Errors
    /// It was.
    pub fn check_refusal(message: &ServerMessage) -> Result<(), Violation> {
        let invalid = Answer::Refused(Refusal::Invalid);
        match message {
            ServerMessage::Answered { request, answer, .. } if *answer == invalid => {
                let what = format!("request {request} of our own client is refused: {answer:?}");
                Err(Violation::new("O8", what))
            }
            _ => Ok(()),
        }
    }

    /// The program said that it moves.
    pub fn handle_moved(&mut self, now: &Sample) {
        self.has_stalled |= self.is_stalled(now);
        self.moved_at = Some(*now);
    }

    /// Whether the program has not said in time that it moves: then its session need not live.
    #[must_use]
    pub fn is_stalled(&self, now: &Sample) -> bool {
        let (Some(within), Some(moved_at)) = (self.progress, self.moved_at) else { return false };
        self.has_stalled || now.boot().saturating_sub(moved_at.boot()) >= nanos(within)
    }

    /// Whether the process was told, or would have been, of what it was asked.
    #[must_use]
    pub fn was_asked(&self, token: Token) -> bool {
        self.asked.contains_key(&token)
    }

    /// The core says that the session is in another state. One that runs out is in jeopardy first, if the process
    /// runs: from 2/3 of its TTL to 7/8, where its loss timer is armed.
    ///
    /// # Errors
    /// It was not.
    pub fn handle_state(
        &mut self,
        now: &Sample,
        ttl: Duration,
        state: SessionState,
    ) -> Result<(), Violation> {
        use SessionState::{Ended, Valid};
        let before = std::mem::replace(&mut self.state, state);
        let looked = self.looked_at.is_some_and(|at| now.elapsed_hi(&at) < ttl / 8);
        if (before, state) == (Valid, Ended) && looked && !self.is_told {
            let what = format!("a session of {ttl:?} goes from {before:?} to {state:?}");
            return Err(Violation::new("O12", what));
        }
        if before == Ended {
            (self.moved_at, self.has_stalled) = (Some(*now), false);
        }
        self.is_told = false;
        Ok(())
    }

    /// The core was asked for what it has to say.
    pub fn handle_looked(&mut self, now: &Sample) {
        self.looked_at = Some(*now);
    }

    /// The program reads that it may believe in `token` for `remaining`.
    ///
    /// # Errors
    /// It was asked to end before that is over, or was taken (L23), or its program has not moved for so long that no renewal can
    /// have left.
    pub fn check_belief(
        &self,
        now: &Sample,
        core: &Core,
        (token, remaining): (Token, Duration),
    ) -> Result<(), Violation> {
        let asked = self.asked.get(&token).map(|deadline| deadline.remaining(now));
        if let Some(left) = asked.filter(|left| remaining > *left) {
            let what =
                format!("{remaining:?} are left of {token}, its grace is over in {left:?} (L23)");
            return Err(Violation::new("O5", what));
        }
        if self.left_out.get(&token).is_some_and(|deadline| deadline.remaining(now).is_zero()) {
            let what = format!("{remaining:?} are left of {token}, which home did not name (L23)");
            return Err(Violation::new("O5", what));
        }
        let (Some(within), Some(moved_at)) = (self.progress, self.moved_at) else { return Ok(()) };
        let still = now.boot().saturating_sub(moved_at.boot());
        if still >= nanos(within) + nanos(core.ttl()) {
            let what = format!("{remaining:?} are left of {token}, nothing moved for {still} ns");
            return Err(Violation::new("O5", what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RequestId, SessionKey};
    use crate::client::core::CoreOptions;
    use crate::lock::Name;

    const MS: u64 = 1_000_000;
    const TTL: Duration = Duration::from_millis(800);
    const TOKEN: Token = Token(1);

    fn core() -> Core {
        let options = CoreOptions {
            endpoints: Vec::new(),
            pin: None,
            client: "c".into(),
            ttl: TTL,
            connect_timeout: TTL,
            request_timeout: TTL,
            progress: None,
            key: SessionKey([0; 16]),
            seed: 1,
        };
        Core::new(options, &Sample::at(0))
    }

    fn asked(grace_ms: u32) -> ServerMessage {
        let (name, reason) = (Name::try_from("x").unwrap(), String::new());
        ServerMessage::Asked { session: SessionId(1), name, token: TOKEN, grace_ms, reason }
    }

    #[test]
    fn belief_behind_the_shortest_grace_is_found() {
        let (mut watch, core) = (ClientWatch::new(None), core());
        watch.handle_message(&Sample::at(0), &asked(100));
        watch.handle_message(&Sample::at(0), &asked(200));
        let believes = |at, left| {
            watch.check_belief(&Sample::at(at), &core, (TOKEN, Duration::from_nanos(left)))
        };
        assert!(believes(60 * MS, 40 * MS).is_ok());
        assert_eq!(believes(60 * MS, 41 * MS).unwrap_err().checker, "O5");
    }

    #[test]
    fn belief_in_what_home_does_not_name_is_found() {
        let (core, session) = (core(), SessionId(1));
        let home = |link| Home { link: LinkId(link), session: Some(session), ttl: TTL };
        let (attached, standing) =
            (ServerMessage::Attached { session }, ServerMessage::Standing { session });
        let answer = Answer::Granted { token: TOKEN };
        let named = ServerMessage::Answered { session, request: RequestId(1), answer };
        let is_found = |told: &[(u64, &ServerMessage)]| {
            let mut watch = ClientWatch::new(None);
            for (link, message) in told {
                let held = [TOKEN].into_iter();
                watch.handle_listed(&Sample::at(0), &home(*link), held, message);
            }
            let held = (TOKEN, Duration::from_nanos(1));
            assert!(watch.check_belief(&Sample::at(799 * MS), &core, held).is_ok());
            watch.check_belief(&Sample::at(800 * MS), &core, held).is_err()
        };
        assert!(is_found(&[(1, &attached), (1, &standing)]));
        assert!(!is_found(&[(1, &attached), (1, &named), (1, &standing)]));
        assert!(!is_found(&[(1, &attached), (2, &standing)]), "another link's list");
        assert!(!is_found(&[(1, &standing)]), "it was granted since the list began");
    }

    #[test]
    fn belief_of_a_program_that_stands_still_is_found() {
        let (within, core) = (Duration::from_millis(100), core());
        let mut watch = ClientWatch::new(Some(within));
        watch.handle_moved(&Sample::at(0));
        let held = (TOKEN, Duration::from_nanos(1));
        assert!(!watch.is_stalled(&Sample::at(99 * MS)) && watch.is_stalled(&Sample::at(100 * MS)));
        assert!(watch.check_belief(&Sample::at(899 * MS), &core, held).is_ok());
        assert!(watch.check_belief(&Sample::at(900 * MS), &core, held).is_err());
    }

    #[test]
    fn a_lawful_request_that_is_refused_as_wrong_is_found() {
        let said = |refusal| {
            let (session, request) = (SessionId(1), RequestId(2));
            let answer = Answer::Refused(refusal);
            ClientWatch::check_refusal(&ServerMessage::Answered { session, request, answer })
        };
        assert_eq!(said(Refusal::Invalid).unwrap_err().checker, "O8");
        assert!(said(Refusal::Busy).is_ok());
    }

    #[test]
    fn a_session_that_runs_out_without_a_warning_is_found() {
        use SessionState::{Ended, Jeopardy, Valid};
        let state = |between, last, is_told: bool| {
            let mut watch = ClientWatch::new(None);
            for state in [Valid, between] {
                watch.handle_state(&Sample::at(0), TTL, state)?;
            }
            watch.handle_looked(&Sample::at(0));
            if is_told {
                let ended = ServerMessage::SessionEnded { session: SessionId(1) };
                watch.handle_message(&Sample::at(last), &ended);
            }
            watch.handle_state(&Sample::at(last), TTL, Ended)
        };
        assert!(state(Jeopardy, MS, false).is_ok());
        assert!(state(Valid, MS, true).is_ok());
        assert!(state(Valid, 700 * MS, false).is_ok(), "the process stood still");
        assert_eq!(state(Valid, MS, false).unwrap_err().checker, "O12");
    }
}
