//! Whatever a server says.

use super::*;

fn any_answer(rng: &mut Rng) -> Answer {
    let token = if rng.chance(1, 5) { Token(rng.number()) } else { Token(rng.below(200)) };
    match rng.below(14) {
        0 => Answer::Queued { ahead: 1 },
        1 => Answer::Held { client: "x".into() },
        2 => Answer::Ended { token },
        3 => Answer::Withdrawn,
        4 => Answer::Done,
        5 => Answer::NotHeld,
        6 if rng.chance(1, 4) => Answer::SessionExpired,
        7 => Answer::Refused(Refusal::Busy),
        8 if rng.chance(1, 4) => Answer::Refused(Refusal::Limit),
        _ => Answer::Granted { token },
    }
}

/// Any message, about what exists and what does not.
fn anything(rng: &mut Rng) -> ServerMessage {
    let session = SessionId(rng.between(99, 102));
    let number = rng.below(40);
    match rng.below(12) {
        0 | 1 => {
            let ttl_ms = u32::try_from(rng.below(20_000)).unwrap();
            ServerMessage::SessionOpened { number, session, ttl_ms, rho_ppm: RHO_PPM }
        }
        2 => ServerMessage::SessionRefused { number, refusal: Refusal::Limit },
        3 if rng.chance(1, 4) => ServerMessage::SessionEnded { session },
        4 | 5 => ServerMessage::Renewed { session, number },
        6 => leader(rng.below(9), Some(rng.between(1, 3))),
        7 => leader(rng.below(9), None),
        8 => {
            let (index, answer) = (Index(rng.number()), ReadAnswer::Valid(true));
            ServerMessage::Read { read: rng.below(40), index, answer }
        }
        _ => {
            let (request, answer) = (RequestId(rng.below(40)), any_answer(rng));
            ServerMessage::Answered { session, request, answer }
        }
    }
}

/// An answer of some kind to one of the last requests that were sent.
fn reply(rig: &mut Rig, rng: &mut Rng) {
    let late = rig.sent.len().saturating_sub(8);
    rig.sent.drain(..late);
    if rig.sent.is_empty() {
        return;
    }
    let at = usize::try_from(rng.below(rig.sent.len() as u64)).unwrap();
    let (link, request) = rig.sent[at].clone();
    let message = match request {
        Request::OpenSession { number, .. } => {
            let session = SessionId(rng.between(99, 102));
            ServerMessage::SessionOpened { number, session, ttl_ms: 10_000, rho_ppm: RHO_PPM }
        }
        Request::Renew { session, number } => ServerMessage::Renewed { session, number },
        Request::Submit { session, request, .. } => {
            ServerMessage::Answered { session, request, answer: any_answer(rng) }
        }
        _ => anything(rng),
    };
    rig.say_on(link, message);
}

/// One random input. `calls` are those made so far.
fn stir(rig: &mut Rig, rng: &mut Rng, calls: &mut Vec<CallId>, leases: u64) {
    let node = rng.between(1, 3);
    match rng.below(16) {
        0 => rig.welcome(node, hint(rng.below(9), Some(rng.between(1, 3)))),
        1 if rng.chance(1, 3) => rig.close_link(node),
        2 => calls.push(rig.acquire_as(rng.below(3), "a", Wait::Forever)),
        3 => calls.push(rig.acquire("b", Wait::For(Duration::from_millis(rng.below(900))))),
        4 if leases > 0 => {
            rig.release(LeaseId(rng.between(1, leases)));
        }
        5 if !calls.is_empty() => {
            let call = calls[usize::try_from(rng.below(calls.len() as u64)).unwrap()];
            rig.cancel(call);
        }
        6 => rig.pass(rig.now + rng.below(4 * SECOND)),
        7 | 8 => rig.say(node, anything(rng)),
        _ => reply(rig, rng),
    }
}

#[test]
fn whatever_a_server_says_an_end_is_final_and_no_belief_reaches_the_ttl() {
    let mut granted = 0;
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut rig = Rig::new();
        rig.welcome_all();
        let mut alive: BTreeMap<LeaseId, bool> = BTreeMap::new();
        let mut calls = Vec::new();
        for _ in 0..200 {
            stir(&mut rig, &mut rng, &mut calls, alive.len() as u64);
            for result in rig.decided.values().flatten() {
                if let Done::Acquired { lease, .. } = result {
                    alive.entry(*lease).or_insert(true);
                }
            }
            for (lease, alive) in &mut alive {
                let remaining = rig.remaining(*lease);
                assert!(*alive || remaining.is_zero(), "seed {seed}: {lease:?} was revived");
                assert!(remaining < TTL, "seed {seed}");
                *alive = !remaining.is_zero();
            }
        }
        granted += alive.len();
    }
    assert!(granted > 300, "only {granted} grants were tried");
}
