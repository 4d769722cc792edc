//! The bytes of every frame kind and every message variant, pinned: a change here is a change of the
//! protocol, and needs a new version (docs/developers/wire-protocol.md).

use crate::common::root::root;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::fmt::Write as _;
use tenure::base::founding::FoundingRecord;
use tenure::base::{
    Ancestors, ClusterId, Credential, DirectoryId, Index, NodeId, Owner, RequestId, Right, Round,
    SessionId, SessionKey, Subject, Term, Token,
};
use tenure::lock::{
    AccessChange, Acquire, Answer, BreakWay, HolderView, LockView, Mode, Name, Operation, Refusal,
    Rule, SessionView, WaiterView,
};
use tenure::raft::{
    Append, AppendOutcome, AppendResponse, Cause, Change, Entry, EntryHeader, EntryKind, Heartbeat,
    HeartbeatResponse, Membership, Message, Payload, Seat, SnapshotChunk, SnapshotMeta,
    SnapshotOutcome, SnapshotResponse, TimeoutNow, VoteRequest, VoteResponse,
};
use tenure::wire::{
    Abilities, AccessSaid, Challenge, ClientHello, ClientWelcome, FixedStatus, FoundingOffer,
    FrameDecoder, FrameKind, Hello, HolderSaid, LeaderHint, MemberStatus, NodeStatus, Order,
    OrderAnswer, OrderShown, PeerHello, PeerMessage, Proof, Query, ReadAnswer, Refused,
    RefusedCode, Request, RulesShown, ServerMessage, Speech, Values, Welcomed, encode_frame,
};

/// Collects `name: hex of the frame`, after checking that each frame decodes to what it was made of.
#[derive(Default)]
struct Golden(String);

impl Golden {
    fn add<T>(&mut self, name: &str, kind: FrameKind, value: &T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let mut bytes = Vec::new();
        encode_frame(kind, value, &mut bytes);
        let mut decoder = FrameDecoder::new();
        decoder.push(&bytes);
        let frame = decoder.next_frame().unwrap().expect("one whole frame");
        assert_eq!((frame.kind, &frame.decode::<T>().unwrap()), (kind, value), "{name}");
        write!(self.0, "{name}: ").unwrap();
        bytes.iter().for_each(|byte| write!(self.0, "{byte:02x}").unwrap());
        self.0.push('\n');
    }

    fn peer(&mut self, name: &str, message: Message) {
        self.add(name, FrameKind::Peer, &PeerMessage::Raft(message));
    }

    fn request(&mut self, name: &str, request: Request) {
        self.add(name, FrameKind::Request, &request);
    }

    fn submit(&mut self, name: &str, operation: Operation) {
        let (session, request, floor) = (SessionId(5), RequestId(6), RequestId(4));
        self.request(name, Request::Submit { session, request, floor, operation });
    }

    fn server(&mut self, name: &str, message: ServerMessage) {
        self.add(name, FrameKind::Server, &message);
    }

    fn answered(&mut self, name: &str, answer: Answer) {
        let (session, request) = (SessionId(5), RequestId(6));
        self.server(name, ServerMessage::Answered { session, request, answer });
    }

    fn read(&mut self, name: &str, answer: ReadAnswer) {
        self.server(name, ServerMessage::Read { read: 7, index: Index(8), answer });
    }

    /// Compares with the file. TENURE_WRITE_GOLDEN=1 writes it instead, for a new message.
    fn check(&self, file: &str) {
        let path = root(format!("tests/golden/{file}"));
        if std::env::var_os("TENURE_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &self.0).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        for (ours, pinned) in self.0.lines().zip(golden.lines()) {
            assert_eq!(ours, pinned, "the bytes of a message changed");
        }
        assert_eq!(self.0.lines().count(), golden.lines().count(), "messages in {file}");
    }
}

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}

fn hint() -> LeaderHint {
    LeaderHint { term: Term(3), leader: Some((NodeId(2), "a:1".to_owned())) }
}

fn rule() -> Rule {
    let rights = "acquire,read".parse().unwrap();
    Rule { who: "client/*".parse().unwrap(), names: "jobs/".parse().unwrap(), rights }
}

fn lock_view() -> LockView {
    LockView {
        name: name("n"),
        token: Token(9),
        session: SessionId(5),
        client: "c".to_owned(),
        value: vec![1, 2],
        since_unix_ms: 1000,
        mode: Mode::Shared,
        limit: 3,
        taken: 4,
        others: vec![HolderView {
            token: Token(10),
            session: SessionId(7),
            client: "h".to_owned(),
            since_unix_ms: 1002,
            permits: 2,
        }],
        holding: 2,
        is_asked: true,
        is_delayed: true,
        waiters: vec![WaiterView {
            session: SessionId(6),
            client: "w".to_owned(),
            since_unix_ms: 1001,
            mode: Mode::Exclusive,
            permits: 2,
        }],
        waiting: 1,
    }
}

#[test]
fn handshake_frames_keep_their_bytes() {
    let mut golden = Golden::default();
    let hello = PeerHello {
        node: NodeId(1),
        to: NodeId(2),
        directory: DirectoryId([3; 16]),
        cluster: Some(ClusterId([4; 16])),
        boot: 5,
        rho_ppm: 10_000,
    };
    golden.add("peer hello", FrameKind::PeerHello, &hello);
    golden.add(
        "peer welcome",
        FrameKind::PeerWelcome,
        &PeerHello { cluster: None, ..hello.clone() },
    );
    let client = ClientHello { client: "host:1".to_owned(), cluster: None };
    golden.add("client hello", FrameKind::ClientHello, &client);
    let welcome =
        ClientWelcome { node: NodeId(1), cluster: Some(ClusterId([4; 16])), leader: hint() };
    golden.add("client welcome", FrameKind::ClientWelcome, &welcome);
    let codes = [
        RefusedCode::Cluster,
        RefusedCode::Node,
        RefusedCode::Directory,
        RefusedCode::ClockRate,
        RefusedCode::State,
        RefusedCode::Full,
        RefusedCode::Removed,
        RefusedCode::Version,
        RefusedCode::Level,
        RefusedCode::SlowReader,
    ];
    for code in codes {
        let refused = Refused { code, text: "no".to_owned() };
        golden.add(&format!("refused {code:?}"), FrameKind::Refused, &refused);
    }
    let abilities = Abilities::named("describe peer-status version-refusals");
    let version = "0.2.0".to_owned();
    let speech = Speech {
        protocol_min: 1,
        protocol_max: 1,
        abilities,
        level_max: 2,
        version,
        requires_tls: None,
    };
    let credential = Credential::new("client/a".parse().unwrap(), [8; 32]).ok();
    let named = [
        ("named peer hello", Hello::Peer(hello.clone(), speech.clone())),
        ("named client hello", Hello::Client(client.clone(), speech.clone(), None)),
    ];
    for (name, hello) in named {
        golden.add(name, FrameKind::Hello, &hello.to_values());
    }
    let named = |ancestors| {
        Welcomed { welcome: welcome.clone(), speech: speech.clone(), ancestors }.to_values()
    };
    golden.add("named client welcome", FrameKind::Welcome, &named(Ancestors::NONE));
    let shown = Hello::Client(client, speech.clone(), credential).to_values();
    let challenge = Challenge { boot: 5, nonce: [6; 32] };
    golden.add("challenge", FrameKind::Challenge, &challenge.to_values());
    golden.add("proof", FrameKind::Proof, &Proof { mac: [7; 32] }.to_values());
    let ancestors = Ancestors::new([5, 6].map(|id| ClusterId([id; 16])));
    golden.add("named client welcome of a restored cluster", FrameKind::Welcome, &named(ancestors));
    let speech = Speech { requires_tls: Some(true), ..speech };
    let hello = Hello::Peer(hello, speech).to_values();
    golden.add("named peer hello of a node that requires TLS", FrameKind::Hello, &hello);
    golden.add("named client hello with a credential", FrameKind::Hello, &shown);
    golden.check("handshake.txt");
}

#[test]
fn peer_frames_keep_their_bytes() {
    let mut golden = Golden::default();
    let record = FoundingRecord::new([(NodeId(1), DirectoryId([1; 16]))]);
    let directory = DirectoryId([1; 16]);
    for origin in [None, Some([9; 16])] {
        let record = Some(record.clone().with_origin(origin));
        let offer = FoundingOffer { directory, origin, record };
        golden.add("founding", FrameKind::Peer, &PeerMessage::Founding(offer));
    }
    let (last_index, last_term) = (Index(7), Term(3));
    let vote = VoteRequest { term: Term(4), last_index, last_term, cause: Cause::Silence };
    golden.peer("pre-vote", Message::PreVote(vote.clone()));
    golden.peer("vote", Message::Vote(vote.clone()));
    golden
        .peer("vote in a transfer", Message::Vote(VoteRequest { cause: Cause::Transfer, ..vote }));
    let given = VoteResponse { term: Term(4), granted: true };
    golden.peer("pre-vote response", Message::PreVoteResponse(given.clone()));
    golden.peer("vote response", Message::VoteResponse(given));
    let kinds = [EntryKind::NoOp, EntryKind::Command, EntryKind::Membership, EntryKind::Relinquish];
    let entries = kinds.map(|kind| Entry {
        term: Term(4),
        index: Index(8),
        header: EntryHeader { format: 1, kind, proposer_unix_ms: 1000 },
        payload: Payload::from(vec![0xaa, 0xbb]),
    });
    golden.peer(
        "append",
        Message::Append(Append {
            term: Term(4),
            round: Round(2),
            prev_index: Index(7),
            prev_term: Term(3),
            commit: Index(6),
            entries: entries.to_vec(),
        }),
    );
    let outcomes = [
        AppendOutcome::Accepted { matched: Index(8) },
        AppendOutcome::Rejected { prev_index: Index(7), hint_index: Index(5), hint_term: Term(2) },
    ];
    for outcome in outcomes {
        let response = AppendResponse { term: Term(4), round: Round(2), outcome };
        golden.peer("append response", Message::AppendResponse(response));
    }
    let heartbeat = Heartbeat { term: Term(4), round: Round(2), commit: Index(6) };
    golden.peer("heartbeat", Message::Heartbeat(heartbeat));
    let response = HeartbeatResponse { term: Term(4), round: Round(2) };
    golden.peer("heartbeat response", Message::HeartbeatResponse(response));
    golden.peer(
        "part of a snapshot",
        Message::SnapshotChunk(SnapshotChunk {
            term: Term(4),
            round: Round(2),
            meta: snapshot_meta(),
            total: 5,
            crc: 0x0102_0304,
            offset: 3,
            bytes: Payload::from(vec![0xaa, 0xbb]),
        }),
    );
    for outcome in [SnapshotOutcome::Received { next: 5 }, SnapshotOutcome::Stored] {
        let (term, round, index) = (Term(4), Round(2), Index(6));
        let response = SnapshotResponse { term, round, index, outcome };
        golden.peer("snapshot response", Message::SnapshotResponse(response));
    }
    golden.peer("timeout now", Message::TimeoutNow(TimeoutNow { term: Term(4) }));
    golden.check("peer.txt");
}

/// One member in each seat.
fn snapshot_meta() -> SnapshotMeta {
    let voters = [1, 2, 3, 4].map(|id| (NodeId(id), DirectoryId([id as u8; 16]), "a:1".to_owned()));
    let learner = |node| Change::AddLearner { node: NodeId(node), address: "b:1".to_owned() };
    let changes = [learner(5), Change::Remove { node: NodeId(4) }];
    let membership = Membership::founding(voters).changed(&changes).unwrap();
    let bind = Change::Bind { node: NodeId(5), directory: DirectoryId([5; 16]) };
    let changes = [
        bind,
        Change::Promote { node: NodeId(5) },
        Change::Demote { node: NodeId(2) },
        Change::Remove { node: NodeId(3) },
        learner(6),
    ];
    let membership = membership.changed(&changes).unwrap();
    assert!(membership.is_joint());
    SnapshotMeta { index: Index(6), term: Term(3), membership, membership_index: Index(5) }
}

#[test]
fn orders_and_their_answers_keep_their_bytes() {
    let mut golden = Golden::default();
    let (node, address) = (NodeId(4), "d:4".to_owned());
    let changes = vec![
        Change::AddLearner { node, address: address.clone() },
        Change::Bind { node, directory: DirectoryId([4; 16]) },
        Change::Promote { node },
        Change::Demote { node },
        Change::Remove { node },
        Change::Readdress { node, address },
    ];
    let orders = [
        Order::ChangeMembers { changes },
        Order::MoveLeader { to: None },
        Order::MoveLeader { to: Some(node) },
        Order::Snapshot { at_least: Some(Index(6)), offset: 3 },
    ];
    for order in orders {
        golden.request("order", Request::Order { read: 7, order });
    }
    let change = AccessChange::Allow(rule());
    golden.request("access", Request::Order { read: 7, order: Order::Access { change } });
    let said = AccessSaid {
        index: Index(6),
        is_changed: true,
        still: Some(rule()),
        ..AccessSaid::default()
    };
    let answer = OrderAnswer::Access(said.to_values());
    golden.server("access", ServerMessage::Ordered { read: 7, answer });
    let answers = [
        OrderAnswer::Done { index: Index(6) },
        OrderAnswer::Refused { text: "no".to_owned() },
        OrderAnswer::Begun { at_least: Index(6) },
        OrderAnswer::Part {
            meta: snapshot_meta(),
            total: 5,
            crc: 0x0102_0304,
            offset: 3,
            bytes: Payload::from(vec![0xaa, 0xbb]),
        },
    ];
    for answer in answers {
        golden.server("ordered", ServerMessage::Ordered { read: 7, answer });
    }
    golden.check("order.txt");
}

/// Proclaim, transfer and break, with and without what may be left out.
fn operations_on_a_grant() -> Vec<Operation> {
    let (name, token, reason) = (name("n"), Token(9), "r".to_owned());
    let to = || Some("c".to_owned());
    let broken = |way, to| {
        let (name, reason) = (name.clone(), reason.clone());
        Operation::Break { name, token, way, to, reason }
    };
    vec![
        Operation::Proclaim { name: name.clone(), token, value: vec![1, 2] },
        Operation::Transfer { name: name.clone(), token, to: None },
        Operation::Transfer { name: name.clone(), token, to: to() },
        broken(BreakWay::Ask { grace_ms: None }, None),
        broken(BreakWay::Ask { grace_ms: Some(500) }, to()),
        broken(BreakWay::Now, to()),
    ]
}

#[test]
fn request_frames_keep_their_bytes() {
    let mut golden = Golden::default();
    let key = SessionKey([7; 16]);
    let (session, number, client) = (SessionId(5), 1, "c".to_owned());
    golden.request("open session", Request::OpenSession { number, ttl_ms: 10_000, key, client });
    golden.request("attach", Request::Attach { session, key });
    golden.request("renew", Request::Renew { session, number });
    let acquire = |mode| Acquire {
        name: name("n"),
        value: vec![1, 2],
        mode,
        limit: 0,
        permits: 1,
        owner: Owner(3),
        delay_ms: 0,
        try_only: true,
    };
    for mode in [Mode::Exclusive, Mode::Shared] {
        golden.submit("acquire", Operation::Acquire(acquire(mode)));
    }
    let (acquire, also) = (acquire(Mode::Shared), vec![name("m")]);
    golden.submit("acquire all", Operation::AcquireAll { acquire, also });
    golden.submit("release", Operation::Release { name: name("n"), token: Token(9) });
    golden.submit("withdraw", Operation::Withdraw { acquire: RequestId(2) });
    golden.submit("close", Operation::Close);
    for operation in operations_on_a_grant() {
        golden.submit("on a grant", operation);
    }
    let queries = [
        Query::Lock { name: name("n") },
        Query::Locks { prefix: "p/".to_owned(), after: Some(name("p/a")), limit: 10 },
        Query::Validate { name: name("n"), token: Token(9) },
        Query::Session { session },
        Query::Waits { name: name("n"), client: None },
        Query::Waits { name: name("n"), client: Some("c".to_owned()) },
        Query::Asked { names: vec![name("n"), name("m")] },
        Query::Rules { after: None, limit: 2 },
        Query::Rules { after: Some((rule().who, rule().names)), limit: 2 },
        Query::Allowed { subject: Subject::Anonymous, right: Right::Read, name: Some(name("n")) },
    ];
    for query in queries {
        golden.request("read", Request::Read { read: 7, query });
    }
    golden.request("status", Request::Status { read: 7 });
    for since in [None, Some(Index(8))] {
        golden.request("observe", Request::Observe { read: 7, name: name("n"), since });
    }
    golden.request("unobserve", Request::Unobserve { read: 7 });
    golden.check("request.txt");
}

#[test]
fn server_frames_keep_their_bytes() {
    let mut golden = Golden::default();
    let (session, number) = (SessionId(5), 1);
    golden.server(
        "session opened",
        ServerMessage::SessionOpened { number, session, ttl_ms: 10_000, rho_ppm: 10_000 },
    );
    let refusal = Refusal::Limit;
    golden.server("session refused", ServerMessage::SessionRefused { number, refusal });
    golden.server("attached", ServerMessage::Attached { session });
    golden.server("attach denied", ServerMessage::AttachDenied { session });
    golden.server("renewed", ServerMessage::Renewed { session, number });
    golden.server("session ended", ServerMessage::SessionEnded { session });
    golden.server("leader", ServerMessage::Leader(hint()));
    golden.server("no leader", ServerMessage::Leader(LeaderHint::default()));
    let fixed = FixedStatus {
        node: NodeId(1),
        role: "leader".to_owned(),
        term: Term(4),
        leader: Some(NodeId(1)),
        commit: Index(6),
        applied: Index(5),
        last: Index(7),
        log_bytes: 100,
        log_bytes_max: 1000,
        sessions: 2,
        locks: 3,
        members: vec![MemberStatus {
            node: NodeId(1),
            address: "a:1".to_owned(),
            seat: Seat::Voter,
            matched: Some(Index(6)),
        }],
        snapshot: Index(3),
        refused_connections: 4,
        version: "0.1.0".to_owned(),
    };
    let status = fixed.clone();
    golden.server("status", ServerMessage::Status { read: 7, status });
    let status = NodeStatus {
        cluster: Some(ClusterId([4; 16])),
        level: Some(1),
        level_max: Some(2),
        ..NodeStatus::from(fixed)
    };
    let values = status.to_values();
    golden.server("described", ServerMessage::Described { read: 7, values });
    let mut values = Values::new();
    values.add("flag", true);
    values.add("bytes", [1; 16]);
    golden.server("every kind of value", ServerMessage::Described { read: 7, values });
    golden.server("standing", ServerMessage::Standing { session });
    let (name, token, reason) = (name("n"), Token(9), "r".to_owned());
    golden.server("asked", ServerMessage::Asked { session, name, token, grace_ms: 500, reason });
    let (client, value, since_unix_ms) = ("c".to_owned(), vec![1, 2], 1000);
    let holder = Some(HolderSaid { token, client, value, since_unix_ms });
    for (holder, gap) in [(holder, false), (None, true)] {
        let (read, index) = (7, Index(8));
        golden.server("changed", ServerMessage::Changed { read, index, holder, gap });
    }
    golden.check("server.txt");
}

#[test]
fn answers_keep_their_bytes() {
    let mut golden = Golden::default();
    golden.answered("granted", Answer::Granted { token: Token(9) });
    golden.answered("queued", Answer::Queued { ahead: 2 });
    golden.answered("held", Answer::Held { client: "c".to_owned() });
    golden.answered("ended", Answer::Ended { token: Token(9) });
    golden.answered("withdrawn", Answer::Withdrawn);
    golden.answered("done", Answer::Done);
    golden.answered("not held", Answer::NotHeld);
    golden.answered("session expired", Answer::SessionExpired);
    let refusals = [
        Refusal::Unsupported,
        Refusal::Invalid,
        Refusal::Limit,
        Refusal::Busy,
        Refusal::Denied,
        Refusal::BelowFloor,
        Refusal::Conflict,
    ];
    for refusal in refusals {
        golden.answered(&format!("refused {refusal:?}"), Answer::Refused(refusal));
    }
    golden.answered("deadlock", Answer::Deadlock { circle: "c".to_owned() });
    golden.answered("no waiter", Answer::NoWaiter);
    golden.read("lock", ReadAnswer::Lock { lock: Some(lock_view()), session_remaining_ms: 500 });
    golden.read("locks", ReadAnswer::Locks { locks: vec![(lock_view(), 500)], more: true });
    golden.read("valid", ReadAnswer::Valid(true));
    let client = "c".to_owned();
    let view = SessionView { session: SessionId(5), client, ttl_ms: 10_000, grants: 1, waiting: 2 };
    golden.read("session", ReadAnswer::Session(Some(view)));
    golden.read("read refused", ReadAnswer::Refused(Refusal::Busy));
    let order = OrderShown {
        name: name("n"),
        token: Token(9),
        grace_ms: 250,
        reason: "r".to_owned(),
        heir: Some("c".to_owned()),
    };
    golden.read("asked", ReadAnswer::Asked(OrderShown::to_values(&[order])));
    golden.read("denied", ReadAnswer::Denied { text: "no".to_owned() });
    let credentials = vec!["client/a".parse().unwrap()];
    let shown = RulesShown { is_on: true, rules: vec![rule()], more: false, credentials };
    golden.read("rules", ReadAnswer::Rules(shown.to_values()));
    golden.answered("denied", Answer::Denied { right: Right::Acquire, name: name("n") });
    golden.check("answer.txt");
}

/// One frame written out by hand, so that the files above are anchored in something that is not our code:
/// the CRC-32C is from its definition, bit by bit.
#[test]
fn a_renewal_written_by_hand_is_the_one_that_is_sent() {
    let mut expected = vec![20, 0, 0, 0, 1, 32, 0, 0];
    let body = [2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let crc = !expected.iter().chain(&body).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1)))
    });
    expected.extend(crc.to_le_bytes());
    expected.extend(body);
    let mut bytes = Vec::new();
    let renew = Request::Renew { session: SessionId(5), number: 1 };
    encode_frame(FrameKind::Request, &renew, &mut bytes);
    assert_eq!(bytes, expected);
}

/// What 0.1.0 said is said and understood as it was: its lines are among those that are compared above.
#[test]
fn every_frame_of_0_1_is_among_the_golden_ones() {
    let root = root("tests");
    let root = root.display();
    let mut count = 0;
    for entry in std::fs::read_dir(format!("{root}/fixtures/0.1.0/frames")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let old = std::fs::read_to_string(format!("{root}/fixtures/0.1.0/frames/{file}")).unwrap();
        let now = std::fs::read_to_string(format!("{root}/golden/{file}")).unwrap();
        for line in old.lines() {
            assert!(now.lines().any(|known| known == line), "{file} lacks {line}");
            count += 1;
        }
    }
    assert_eq!(count, 94, "frames of 0.1.0");
}
