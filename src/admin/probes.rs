//! The health of a node for probes: a word for programs, and a sentence for people.

use super::mailbox::Told;
use crate::base::meters::Doing;
use crate::base::text::span;
use crate::wire::{Complaint, Condition, NodeStatus, ServiceState};
use std::time::Duration;

/// The admin thread's knowledge of the loop.
#[derive(Clone, Debug)]
pub(super) struct News<'a> {
    /// The loop's last status, if any.
    pub(super) told: Option<&'a Told>,
    /// Whether the status is from after the question.
    pub(super) is_fresh: bool,
    /// The loop's present step.
    pub(super) doing: Doing,
    /// Why the loop ended, if it did.
    pub(super) end: Option<&'a str>,
}

/// Liveness: the loop turns.
///
/// # Errors
/// Why not.
pub(super) fn live(news: &News<'_>) -> Result<(), Complaint> {
    // A node that reads its directory is alive; a restart would only make it begin again.
    if news.doing == Doing::Starting || (news.is_fresh && news.doing != Doing::Ended) {
        return Ok(());
    }
    let stalled = silence(news.doing);
    Err(match news.doing {
        Doing::Ended => {
            let why = news.end.unwrap_or("it was stopped");
            Complaint::new("ended", format!("this node has ended: {why}"))
        }
        _ => Complaint::of(&stalled),
    })
}

/// Readiness: the node leads, or follows a leader.
///
/// # Errors
/// Why not.
pub(super) fn ready(news: &News<'_>) -> Result<(), Complaint> {
    live(news)?;
    if news.doing == Doing::Starting {
        return Err(Complaint::new("starting", STARTING));
    }
    news.told.map_or(Ok(()), |told| told.status.ready())
}

/// The node's condition, by its own status, or by its silence.
pub(super) fn condition(news: &News<'_>) -> Condition {
    let said = news.told.and_then(|told| told.status.condition.clone());
    match live(news) {
        Ok(()) if news.doing == Doing::Starting => Condition::new(ServiceState::Unknown, STARTING),
        Ok(()) => said.unwrap_or_else(Condition::serving),
        Err(Complaint { sentence, .. }) => Condition::new(silence(news.doing).state, sentence),
    }
}

/// The last known status, with the present condition.
pub(super) fn row<'a>(news: &News<'a>) -> Option<(&'a Told, NodeStatus)> {
    let told = news.told?;
    let condition = Some(condition(news));
    Some((told, NodeStatus { condition, ..told.status.clone() }))
}

/// The condition of a node whose loop does not answer.
fn silence(doing: Doing) -> Condition {
    let shown = |nanos: u64| span(Duration::from_nanos(nanos));
    match doing {
        Doing::Syncing(nanos) => Condition::new(
            ServiceState::DiskStalled,
            format!(
                "the disk of this node has not answered for {}: nothing is read, answered or granted here meanwhile; look \
                 at that disk, and at what else writes to it",
                shown(nanos)
            ),
        ),
        Doing::Turning(nanos) => Condition::new(
            ServiceState::Unknown,
            format!(
                "the loop of this node has not turned for {}: it is stopped, starved of processors, or has met a bug; a \
                 stack of its thread tenure-node tells which",
                shown(nanos)
            ),
        ),
        Doing::Starting | Doing::Waiting | Doing::Ended => Condition::new(
            ServiceState::Unknown,
            "the loop of this node did not turn when it was woken: it is stopped, or starved of processors",
        ),
    }
}

const STARTING: &str = "this node starts: it reads its directory";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::wire::MemberStatus;

    fn told(status: NodeStatus) -> Told {
        let member = MemberStatus::voter(NodeId(1), "a:1".into());
        let (node, leader) = (NodeId(1), Some(NodeId(2)));
        Told { at: 5, status: NodeStatus { node, leader, members: vec![member], ..status } }
    }

    fn fresh(told: &Told) -> News<'_> {
        News { told: Some(told), is_fresh: true, doing: Doing::Waiting, end: None }
    }

    #[test]
    fn a_node_that_says_nothing_against_itself_is_live_and_ready() {
        let condition = Some(Condition::serving());
        let well = told(NodeStatus { condition, ..NodeStatus::default() });
        assert_eq!((live(&fresh(&well)), ready(&fresh(&well))), (Ok(()), Ok(())));
    }

    #[test]
    fn who_is_live_may_still_not_be_ready_and_says_why() {
        let condition = Some(Condition::new(ServiceState::NotFounded, "not yet"));
        let told = told(NodeStatus { condition, ..NodeStatus::default() });
        assert_eq!(live(&fresh(&told)), Ok(()));
        assert_eq!(ready(&fresh(&told)), Err(Complaint::new("not_founded", "not yet")));
    }

    #[test]
    fn a_node_that_reads_its_directory_is_live_and_not_ready() {
        let news = News { told: None, is_fresh: false, doing: Doing::Starting, end: None };
        assert_eq!(live(&news), Ok(()));
        assert_eq!(ready(&news).unwrap_err().word, "starting");
        assert_eq!(condition(&news).text, STARTING);
    }

    #[test]
    fn a_loop_that_does_not_answer_is_not_live_and_its_row_says_so() {
        let told = told(NodeStatus { condition: Some(Condition::serving()), ..Default::default() });
        let second = 1_000_000_000;
        for (doing, word, sentence) in [
            (
                Doing::Syncing(3 * second),
                "disk_stalled",
                "the disk of this node has not answered for 3",
            ),
            (Doing::Turning(4 * second), "unknown", "the loop of this node has not turned for 4"),
            (Doing::Waiting, "unknown", "the loop of this node did not turn"),
            (Doing::Ended, "ended", "this node has ended: the disk broke"),
        ] {
            let news =
                News { told: Some(&told), is_fresh: false, doing, end: Some("the disk broke") };
            let complaint = live(&news).expect_err(word);
            assert_eq!(complaint.word, word);
            assert!(complaint.sentence.starts_with(sentence), "{complaint:?}");
            assert_eq!(ready(&news), Err(complaint.clone()));
            let (_, row) = row(&news).unwrap();
            assert_eq!(row.condition.unwrap().text, complaint.sentence);
        }
    }
}
