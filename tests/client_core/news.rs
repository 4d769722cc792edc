//! Who leads is news: it ends a pause between dials, and what a node says of itself counts whatever failed before.

use super::*;

impl Rig {
    /// The spare link to `node` is closed again and again, until its next dial is more than `pause` away.
    fn wear_out(&mut self, node: u64, pause: u64) {
        for _ in 0..20 {
            self.close_link(node);
            let worn = self.link(node);
            if self.core.next_deadline() > self.now + pause {
                return;
            }
            self.pass_to_dial(node, worn);
        }
        panic!("it is dialed every {pause} ns");
    }

    fn pass_to_dial(&mut self, node: u64, worn: LinkId) {
        while self.link(node) == worn {
            self.pass(self.core.next_deadline());
        }
    }

    fn is_dialed_since(&self, node: u64, before: LinkId) -> bool {
        self.link(node) != before
    }
}

#[test]
fn a_named_leader_is_dialed_at_once_whatever_pause_its_address_had() {
    let mut rig = Rig::with_session();
    rig.wear_out(3, 300 * MS);
    let before = rig.link(3);
    rig.say(1, leader(2, Some(3)));
    assert!(rig.is_dialed_since(3, before));
    rig.acquire("a", Wait::Forever);
    rig.sent.clear();
    rig.welcome(3, hint(2, Some(3)));
    let home = rig.link(3);
    let sent = rig.take_sent();
    assert!(
        sent.iter()
            .any(|(link, request)| *link == home && matches!(request, Request::Submit { .. }))
    );
}

#[test]
fn a_leader_that_is_named_again_in_the_same_term_is_no_news() {
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, Some(3)));
    assert_eq!(rig.core.home(), Some(rig.link(3)));
    let mut dials = 0;
    // A node that welcomes us and hangs up is dialed with growing pauses, though others name it all the while.
    while rig.now < 2 * SECOND {
        let before = rig.link(3);
        rig.close_link(3);
        if rig.is_dialed_since(3, before) {
            dials += 1;
        }
        rig.pass_to_dial(3, before);
        rig.welcome(3, hint(2, Some(3)));
    }
    assert_eq!(dials, 0, "without a pause");
}

#[test]
fn the_others_are_dialed_at_once_when_home_says_that_it_leads_no_more() {
    let mut rig = Rig::with_session();
    rig.wear_out(3, 300 * MS);
    let before = rig.link(3);
    rig.say(2, leader(2, None));
    assert!(!rig.is_dialed_since(3, before));
    rig.say(1, leader(2, None));
    assert!(rig.is_dialed_since(3, before), "it may be the next leader");
}

#[test]
fn a_leader_at_an_address_of_its_own_that_fails_once_is_dialed_again_without_the_wait_of_distrust()
{
    let mut rig = Rig::with_session();
    rig.say(1, leader(2, Some(9)));
    let before = rig.link(9);
    rig.close_link(9);
    rig.pass(rig.now + 100 * MS);
    assert!(rig.is_dialed_since(9, before), "nobody else leads");
    rig.welcome(9, hint(2, Some(9)));
    assert_eq!(rig.core.home(), Some(rig.link(9)));
}

/// Behind a relay, say: the node is reached where the program says, and not where the nodes say.
#[test]
fn a_leader_that_is_home_stays_it_when_its_other_address_fails() {
    let mut rig = Rig::new();
    let at_nine =
        |node: u64| LeaderHint { term: Term(1), leader: Some((NodeId(node), "n9:1".to_owned())) };
    rig.welcome(2, at_nine(1));
    assert!(rig.links.contains_key("n9:1"));
    rig.welcome(1, at_nine(1));
    rig.compare();
    let number = rig.creation();
    rig.open(number);
    assert_eq!(rig.core.home(), Some(rig.link(1)));
    rig.core.handle_closed(&rig.now(), rig.links["n9:1"], "connection refused");
    rig.drain();
    assert_eq!(rig.core.home(), Some(rig.link(1)), "it said itself that it leads");
    rig.pass_renewed(2 * SECOND);
    assert_eq!(rig.core.session(&rig.now()).0, SessionState::Valid);
}

#[test]
fn a_node_that_denies_and_then_says_that_it_leads_is_home_at_once() {
    let mut rig = Rig::with_session();
    let (now, link) = (rig.now(), rig.link(1));
    // Both are read before anything is done.
    rig.core.handle_message(&now, link, leader(1, None));
    rig.core.handle_message(&now, link, leader(1, Some(1)));
    rig.drain();
    assert_eq!(rig.core.home(), Some(link));
}
