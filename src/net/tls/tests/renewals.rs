//! Open connections while clocks jump and certificates end, and clients whose files are replaced.

use super::*;
use crate::base::Sample;
use crate::net::tls::session::Session;
use crate::net::tls::sides::Judge;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A wall clock that a test sets, in seconds.
#[derive(Debug)]
struct Wall(AtomicU64);

impl Wall {
    fn at_noon(day: u8) -> Arc<Self> {
        let seconds = date_time_ymd(2026, 6, day).unix_timestamp().unsigned_abs();
        Arc::new(Self(AtomicU64::new(seconds + 43_200)))
    }

    fn jump(&self, days: u64) {
        self.0.fetch_add(days * 86_400, Ordering::Relaxed);
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
    }
}

/// Valid until the beginning of a day in June.
fn until(day: u8) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.not_before = date_time_ymd(2026, 5, 1);
        params.not_after = date_time_ymd(2026, 6, day);
    }
}

fn later(hours: u64) -> Sample {
    let now = clock::sample();
    let more = hours * 3_600_000_000_000;
    Sample {
        boot_before: now.boot_before + more,
        monotonic: now.monotonic + more,
        raw: now.raw + more,
        boot_after: now.boot_after + more,
    }
}

#[test]
fn a_wall_clock_that_jumps_ends_no_standing_connection_and_refuses_new_ones() {
    let (mut papers, wall) = (Papers::new(), Wall::at_noon(1));
    let mut material = |params| {
        let mut material = papers.read(&params);
        material.clock = Arc::clone(&wall) as Arc<_>;
        material
    };
    let server = TlsServer::new(&material(changed(node("tenure:node/1"), until(8)))).unwrap();
    let client = TlsClient::new(&material(changed(client("tenure:client/a"), until(2)))).unwrap();
    let pair = Pair::new(&client, Expected::AnyNode, &server);
    assert_eq!((&pair.dialed_error, &pair.dialer_error), (&None, &None));
    wall.jump(3650);
    let (judge, expected) = (Judge::Dialer(&server), Expected::AnyNode);
    // Half a day is left, whatever the wall clock says.
    for hours in [0, 11] {
        assert!(!pair.dialed.is_over(&later(hours)), "{hours}");
        assert_eq!(pair.dialed.examine(judge, &later(hours)), Ok(()));
        assert_eq!(pair.dialer.examine(Judge::Dialed(&client, &expected), &later(hours)), Ok(()));
    }
    let refused = Pair::new(&client, Expected::AnyNode, &server);
    assert!(matches!(refused.dialer_error, Some(TlsError::Outdated(_))), "the wall decides once");
    // Nor does it last longer, set back.
    wall.0.store(0, Ordering::Relaxed);
    assert!(pair.dialed.is_over(&later(13)) && !pair.dialer.is_over(&later(13)));
    let why = pair.dialed.examine(judge, &later(13)).unwrap_err();
    assert_eq!(
        why.of_certificate(),
        Some("expired on 2026-06-02 00:00 UTC: renew it, if the clocks of both machines are right")
    );
    let why = pair.dialer.examine(Judge::Dialed(&client, &expected), &later(24 * 7)).unwrap_err();
    assert!(why.to_string().starts_with("its certificate expired on 2026-06-08"), "{why}");
}

#[test]
fn who_is_trusted_no_more_is_found_among_those_that_stand() {
    let mut papers = Papers::new();
    let (old, client) = (papers.server("tenure:node/1"), papers.client("tenure:client/a"));
    let pair = Pair::new(&client, Expected::AnyNode, &old);
    let files = papers.node_files("tenure:node/1");
    // Another authority for clients.
    let strange = papers.strange_authority();
    let files = TlsFiles { client_ca: Some(strange), ..files };
    let new = TlsMaterial::read(&files).unwrap();
    let server = TlsServer::new(&new).unwrap();
    let why = pair.dialed.examine(Judge::Dialer(&server), &later(0)).unwrap_err();
    assert!(why.to_string().contains("not of an authority that is trusted here"), "{why}");
    assert_eq!(pair.dialed.examine(Judge::Dialer(&old), &later(0)), Ok(()));
    // A handshake under way is judged at its end.
    let handshaking: Session = old.accept(Says::Nothing).unwrap();
    assert_eq!(handshaking.examine(Judge::Dialer(&server), &later(0)), Ok(()));
    assert!(!handshaking.is_over(&later(1 << 20)) && handshaking.ends_at() == u64::MAX);
}

#[test]
fn whom_files_trust_is_equal_where_they_say_the_same() {
    let mut papers = Papers::new();
    let one = papers.node_files("tenure:node/1");
    let two = papers.node_files("tenure:node/1");
    let of = |files: &TlsFiles| TlsMaterial::read(files).unwrap().trusted();
    assert_eq!(of(&one), of(&two), "our own certificate is no matter of trust");
    let same = TlsFiles { client_ca: Some(one.ca.clone()), ..one.clone() };
    assert_ne!(of(&one), of(&same));
    let (first, second) = (std::fs::read_to_string(&one.ca).unwrap(), new_authority().pem());
    let both = papers.write(&format!("{first}{second}"));
    assert_ne!(of(&one), of(&TlsFiles { ca: both, ..one.clone() }));
}

#[test]
fn a_client_dials_with_what_was_renewed_and_goes_on_with_the_old_where_that_is_of_no_use() {
    let mut papers = Papers::new();
    let files = papers.client_files("tenure:client/a");
    let (certificate, key) = files.own.clone().unwrap();
    let dialer = TlsDialer::read(&files, crate::base::Verify::Node).unwrap();
    assert_eq!(dialer.renew(), None);
    let renewed = papers.client_files("tenure:client/a").own.unwrap();
    // Between two writes: said once.
    std::fs::rename(&renewed.0, &certificate).unwrap();
    let Some(Renewed::Useless(why)) = dialer.renew() else { panic!("it fits no key") };
    assert!(why.contains("is not the key of") && why.contains("former ones stay in use"), "{why}");
    assert_eq!(dialer.renew(), None);
    std::fs::rename(&renewed.1, &key).unwrap();
    let Some(Renewed::Used { text, trusts_others }) = dialer.clone().renew() else {
        panic!("both are there")
    };
    assert!(text.contains("is valid until 4096-01-01") && !trusts_others, "{text}");
    assert_eq!(dialer.renew(), None, "clones share what was read");
    let authority = std::fs::read_to_string(&files.ca).unwrap() + &new_authority().pem();
    std::fs::write(&files.ca, authority).unwrap();
    assert!(matches!(dialer.renew(), Some(Renewed::Used { trusts_others: true, .. })));
    std::fs::remove_file(&files.ca).unwrap();
    let Some(Renewed::Useless(why)) = dialer.renew() else { panic!("it is gone") };
    assert!(why.contains("cannot read"), "{why}");
}
