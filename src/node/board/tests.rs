//! Changes are given out once, and the descriptor is readable while there are some.

use super::*;
use crate::base::{NodeId, Token};
use crate::sys::poll::{Interest, Ready, wait};
use std::os::fd::{AsRawFd, RawFd};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn is_readable(fd: RawFd) -> bool {
    let mut set = [(fd, Interest::Read, Ready::default())];
    wait(&mut set, NOW).unwrap();
    set[0].2.readable
}

fn lease(start: Sample, length: Duration) -> Option<LeaderLease> {
    Some(LeaderLease { term: Term(2), start, length })
}

fn long_lease() -> Option<LeaderLease> {
    lease(clock::sample(), Duration::from_secs(3600))
}

fn post(board: &Board, lease: Option<LeaderLease>) {
    board.post(Token(2), Term(2), Some(NodeId(1)), lease, &clock::sample());
}

fn status(result: Result<Leadership, Error>) -> Status {
    result.expect_err("nothing to give").status
}

#[test]
fn next_gives_the_present_first_then_each_change_once_and_the_fd_follows() {
    let board = Board::default();
    let fd = board.descriptor().unwrap().as_raw_fd();
    assert!(is_readable(fd));
    assert!(!board.next(NOW).unwrap().is_leader);
    assert!(!is_readable(fd));
    assert_eq!(status(board.next(NOW)), Status::Again);

    post(&board, long_lease());
    assert!(is_readable(fd));
    let gained = board.next(NOW).unwrap();
    assert!(gained.is_leader && gained.remaining > Duration::from_secs(3000));
    assert_eq!((gained.token, gained.leader), (Some(Token(2)), Some(NodeId(1))));
    assert!(!is_readable(fd));

    post(&board, None);
    assert!(is_readable(fd));
    assert_eq!(board.next(NOW).unwrap().token, None);
    assert!(!is_readable(fd));
}

#[test]
fn an_extension_is_no_change() {
    let board = Board::default();
    let fd = board.descriptor().unwrap().as_raw_fd();
    post(&board, lease(clock::sample(), Duration::from_secs(1000)));
    assert!(board.next(NOW).unwrap().is_leader);
    post(&board, lease(clock::sample(), Duration::from_secs(2000)));
    assert!(board.leadership().remaining > Duration::from_secs(1000));
    assert_eq!(status(board.next(NOW)), Status::Again);
    assert!(!is_readable(fd));
}

/// Posts a claim of a millisecond, and has it given out at the instant of its posting: whatever
/// the machine does, the claim was seen while it held, and lapses without a further post.
fn post_and_give_a_short_claim(board: &Board) {
    let then = clock::sample();
    board.post(Token(2), Term(2), Some(NodeId(1)), lease(then, Duration::from_millis(1)), &then);
    let given = board.watchers.lock().take_change(&then).unwrap();
    assert!(given.is_leader);
}

#[test]
fn a_claim_that_lapses_alone_is_a_change_without_the_loop() {
    let board = Board::default();
    let fd = board.descriptor().unwrap().as_raw_fd();
    post_and_give_a_short_claim(&board);
    let mut set = [(fd, Interest::Read, Ready::default())];
    wait(&mut set, None).unwrap();
    assert!(!board.leadership().is_leader);
    assert!(!board.next(None).unwrap().is_leader);
    assert!(!is_readable(fd));
    // The loop wakes late and withdraws the lapsed claim: no change.
    post(&board, None);
    assert!(!is_readable(fd));
    assert_eq!(status(board.next(NOW)), Status::Again);
}

#[test]
fn a_waiting_next_sees_a_claim_lapse_alone() {
    let board = Board::default();
    post_and_give_a_short_claim(&board);
    assert!(!board.next(None).unwrap().is_leader);
}

#[test]
fn a_claim_that_was_lost_and_gained_again_unseen_is_a_change() {
    let board = Board::default();
    post(&board, long_lease());
    assert!(board.next(NOW).unwrap().is_leader);
    post(&board, None);
    post(&board, long_lease());
    assert!(board.next(NOW).unwrap().is_leader);
    assert_eq!(status(board.next(NOW)), Status::Again);
}

#[test]
fn after_a_failure_leadership_reads_nothing_and_the_fd_stays_readable() {
    let board = Board::default();
    let fd = board.descriptor().unwrap().as_raw_fd();
    post(&board, long_lease());
    board.post_end(End::Failed(Error::new(Status::Io, "the disk is gone")));
    board.post_end(End::Stopped);
    let seen = board.leadership();
    assert_eq!((seen.is_leader, seen.leader, seen.term), (false, None, Term(2)));
    for _ in 0..2 {
        assert_eq!(status(board.next(None)), Status::Io);
        assert!(is_readable(fd));
    }
    assert_eq!(board.failure().unwrap().message, "the disk is gone");
}

#[test]
fn a_stopped_node_wakes_who_waits_with_closed() {
    let board = Board::default();
    board.next(NOW).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| status(board.next(None)));
        board.post_end(End::Stopped);
        assert_eq!(waiter.join().unwrap(), Status::Closed);
    });
    assert_eq!(board.failure(), None);
}
