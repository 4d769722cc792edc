//! When files are read again, and that unusable ones change nothing.

use super::*;
use crate::net::{Papers, Poller};
use crossbeam_channel::Receiver;
use std::fs;
use std::path::PathBuf;

/// A node without a loop: files that are read are taken at once.
struct Files {
    papers: Papers,
    renewal: Arc<Renewal>,
    taken: Receiver<Option<u64>>,
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let mut papers = Papers::new();
        let files = papers.node_files("tenure:node/3");
        let (cert, key) = files.own.unwrap();
        let tls = NodeTls::new(files.ca, &cert, &key);
        let secured = Secured::read(&tls, NodeId(3)).unwrap();
        let (commands, received) = crossbeam_channel::unbounded();
        let (take, taken) = crossbeam_channel::unbounded();
        std::thread::spawn(move || {
            for command in received {
                let Command::Secure { secured, reply } = command else { continue };
                take.send(secured.not_after()).unwrap();
                reply.send(()).unwrap();
            }
        });
        let wake = Poller::new(1).unwrap().wake(crate::net::Key(0)).unwrap();
        let renewal = Renewal::new(tls, NodeId(3), &secured, (commands, wake));
        Self { papers, renewal, taken, cert, key }
    }

    /// How many sets were taken since the last call.
    fn taken(&self) -> usize {
        self.taken.try_iter().count()
    }

    fn useless(&self) -> bool {
        self.renewal.seen.lock().useless.is_some()
    }
}

#[test]
fn what_has_changed_is_read_once_nobody_writes_any_more() {
    let mut files = Files::new();
    files.renewal.look();
    files.renewal.look();
    assert_eq!(files.taken(), 0, "nothing has changed");
    let (cert, key) = files.papers.node_files("tenure:node/3").own.unwrap();
    fs::rename(cert, &files.cert).unwrap();
    files.renewal.look();
    // The key is written later.
    fs::rename(key, &files.key).unwrap();
    files.renewal.look();
    assert_eq!((files.taken(), files.useless()), (0, false), "what is being written is not read");
    files.renewal.look();
    assert_eq!((files.taken(), files.useless()), (1, false));
    files.renewal.look();
    assert_eq!(files.taken(), 0);
}

#[test]
fn files_of_no_use_are_told_of_once_and_read_when_they_change_again() {
    let mut files = Files::new();
    let before = fs::read(&files.key).unwrap();
    let other = files.papers.node_files("tenure:node/3").own.unwrap().1;
    fs::copy(other, &files.key).unwrap();
    (0..4).for_each(|_| files.renewal.look());
    assert_eq!((files.taken(), files.useless()), (0, true));
    fs::write(&files.key, before).unwrap();
    files.renewal.look();
    files.renewal.look();
    assert_eq!((files.taken(), files.useless()), (1, false));
    fs::remove_file(&files.cert).unwrap();
    let error = files.renewal.reload().unwrap_err();
    assert_eq!(error.status, Status::Invalid);
    assert!(error.message.contains("cannot read"), "{error}");
    (0..3).for_each(|_| files.renewal.look());
    assert_eq!((files.taken(), files.useless()), (0, true), "whoever ordered it was told");
}

#[test]
fn another_nodes_certificate_and_one_that_is_out_of_date_take_the_place_of_none() {
    let mut files = Files::new();
    let replaced = |files: &mut Files, (cert, key): (PathBuf, PathBuf)| {
        fs::rename(cert, &files.cert).unwrap();
        fs::rename(key, &files.key).unwrap();
        files.renewal.reload()
    };
    let other = files.papers.node_files("tenure:node/2").own.unwrap();
    let error = replaced(&mut files, other).unwrap_err();
    assert!(error.message.contains("is the certificate of node/2, and this is node/3"), "{error}");
    let old = files.papers.expired_node_files("tenure:node/3").own.unwrap();
    let error = replaced(&mut files, old).unwrap_err();
    assert!(error.message.contains(" expired on 2020-01-01"), "{error}");
    assert_eq!(files.taken(), 0);
    let good = files.papers.node_files("tenure:node/3").own.unwrap();
    replaced(&mut files, good).unwrap();
    assert_eq!(files.taken(), 1);
    // An order reads all files, changed or not.
    files.renewal.reload().unwrap();
    assert_eq!(files.taken(), 1);
}

#[test]
fn the_end_of_a_certificate_is_told_of_once_a_day_before_it_and_once_an_hour_behind_it() {
    let (day, ends) = (86_400, 1_000 * 86_400);
    assert_eq!(Reminder::at(ends, ends - 7 * day), Reminder::None);
    assert_eq!(Reminder::at(ends, ends - 7 * day + 1), Reminder::Soon(6));
    assert_eq!(Reminder::at(ends, ends - day), Reminder::Soon(1));
    assert_eq!(Reminder::at(ends, ends), Reminder::Soon(0));
    assert_eq!(Reminder::at(ends, ends + 1), Reminder::Over(0));
    assert_eq!(Reminder::at(ends, ends + 3600), Reminder::Over(1));
    assert_eq!(in_days(1), "in one day");
}
