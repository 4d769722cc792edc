//! Nodes whose certificate ends, or is trusted no more, while a client is connected to them.

use super::*;
use crate::base::{SessionKey, Verify};
use crate::client::core::CoreOptions;
use crate::client::driver::Shared;
use crate::net::{Connection, Listener, Papers, TlsDialer, TlsFiles};
use crate::sys::poll::{self, Interest, Ready};
use crate::sys::random;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// A client, and the node that it is connected to.
struct Met {
    client: Arc<Shared>,
    files: TlsFiles,
    papers: Papers,
    _node: Connection,
}

impl Met {
    fn new() -> Self {
        let mut papers = Papers::new();
        let server = papers.server_for_a_day("tenure:node/1");
        let files = papers.client_files("tenure:client/a");
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let options = CoreOptions {
            endpoints: vec![listener.address().unwrap().to_string()],
            pin: None,
            client: "test".to_owned(),
            ttl: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(600),
            request_timeout: Duration::from_secs(600),
            progress: None,
            key: SessionKey(random::bytes16()),
            seed: random::seed(),
        };
        let tls = TlsDialer::read(&files, Verify::Node).unwrap();
        let client = Shared::start(options, None, Some(tls)).unwrap();
        client.with(|_, _| ()).unwrap();
        let accepted = loop {
            match listener.accept(1 << 20).unwrap() {
                Some(accepted) => break accepted,
                None => std::thread::yield_now(),
            }
        };
        let mut node = accepted.answering_over_tls(&server);
        let mut frames = Vec::new();
        while frames.is_empty() {
            let readable = (node.as_raw_fd(), Interest::Read, Ready::default());
            poll::wait(&mut [readable], None).unwrap();
            node.receive(&mut frames, 1 << 20).unwrap();
        }
        Self { client, files, papers, _node: node }
    }

    /// The log lines of `act`.
    fn refused(&self, act: impl FnOnce(&mut Inner, &Sample, &mut Round)) -> Vec<String> {
        let found = self.client.with(|inner, now| {
            let mut round = Round::default();
            act(inner, now, &mut round);
            let told: Vec<_> = inner.lines.drain(..).map(|line| line.text).collect();
            for (_, why) in &round.failed {
                assert!(told.contains(&format!("disconnected from a node: {why}")), "{told:?}");
            }
            round.failed.into_iter().map(|(_, why)| why).collect()
        });
        found.unwrap()
    }
}

fn in_hours(now: &Sample, hours: u64) -> Sample {
    let more = hours * 3_600_000_000_000;
    Sample {
        boot_before: now.boot_before + more,
        monotonic: now.monotonic + more,
        raw: now.raw + more,
        boot_after: now.boot_after + more,
    }
}

#[test]
fn a_node_whose_certificate_has_ended_is_hung_up_on_and_that_is_due() {
    let met = Met::new();
    let ended = |hours| {
        met.refused(|inner, now, round| {
            let due = inner.certificates_end();
            assert!(in_hours(now, 23).boot() < due && due < in_hours(now, 25).boot());
            assert!(inner.next_deadline() <= due);
            inner.end_certificates(&in_hours(now, hours), round);
        })
    };
    assert!(ended(23).is_empty());
    let [why] = &ended(25)[..] else { panic!("it has ended") };
    assert!(why.contains(": its certificate expired on ") && why.contains(": renew it"), "{why}");
}

#[test]
fn who_is_trusted_no_more_is_hung_up_on_with_the_next_dial() {
    let mut met = Met::new();
    let strange = met.papers.strange_authority();
    std::fs::rename(strange, &met.files.ca).unwrap();
    let [why] = &met.refused(|inner, _, round| inner.renew_certificates(round))[..] else {
        panic!("its authority is another")
    };
    assert!(why.contains("not of an authority that is trusted here"), "{why}");
}
