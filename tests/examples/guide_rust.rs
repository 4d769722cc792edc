//! The pieces of `docs/guide-rust.md`, compiled as they stand there; `guides.rs` compares the two.

use std::error::Error;
use std::num::NonZeroU64;
use std::time::Duration;
use tenure::client::{
    AcquireOptions, BreakOptions, Client, ClientOptions, EndReason, HandoverOptions, Kind, Lease,
    LeaseState, Members, TlsOptions, Wait,
};
use tenure::node::{Node, NodeOptions, NodeTls, parse_cluster};
use tenure::{NodeId, Status, Token, Verify};

type Done = Result<(), Box<dyn Error>>;

/// All of them: a piece that is not here would be no part of the program.
pub const PIECES: [fn(&Client) -> Done; 14] = [
    connect,
    kinds,
    owners,
    look,
    lose,
    errors,
    errors_of_io,
    descriptors,
    corks,
    elect,
    observe,
    embed,
    tls,
    operate,
];

fn work(token: Token) -> bool {
    token > Token(0)
}

fn connect(_client: &Client) -> Done {
    let options =
        ClientOptions::new().name("billing-1").ttl(Duration::from_secs(12)).cluster_id("3f9a01c2");
    let client = Client::open("10.0.0.1:7401,10.0.0.2:7401,10.0.0.3:7401", options)?;
    println!("{:?}", client.session().remaining);
    Ok(())
}

fn kinds(client: &Client) -> Done {
    // Many readers, or one writer.
    let reader = client.acquire("table", Wait::Forever, AcquireOptions::shared())?;

    // A semaphore: at most ten permits at once, of which this takes two.
    let permits = client.acquire("printers", Wait::Forever, AcquireOptions::semaphore(10, 2))?;

    // All or nothing, in one step: nobody deadlocks over their order.
    let both = client.acquire_all(
        &["accounts/17", "accounts/42"],
        Wait::For(Duration::from_secs(5)),
        AcquireOptions::new().value("a transfer").lock_delay(Duration::from_secs(30)),
    )?;
    drop((reader, permits, both));
    Ok(())
}

fn owners(client: &Client) -> Done {
    let mine = AcquireOptions::new().kind(Kind::Exclusive).owner(NonZeroU64::MIN);
    let outer = client.acquire("tree", Wait::Forever, mine.clone())?;
    let inner = client.acquire("tree", Wait::Forever, mine)?; // enters again, under the same token
    drop((outer, inner));
    Ok(())
}

fn look(client: &Client) -> Done {
    if let Some(holder) = client.holder_of("jobs/nightly")? {
        println!("{} holds it under token {}", holder.client, holder.token);
    }
    println!("{}", client.describe("locks", "jobs/")?); // all locks below jobs/, as JSON
    Ok(())
}

fn lose(client: &Client) -> Done {
    let lease = client.acquire("jobs/nightly", Wait::Forever, AcquireOptions::new())?;

    // 1. Before each step: local, lock-free.
    while !lease.remaining().is_zero() && work(lease.token()) {}

    // 2. Why. Asked: somebody wants it back; it is still held for `remaining`.
    match lease.state() {
        LeaseState::Asked => println!("{:?}", lease.asked()),
        LeaseState::Ended(EndReason::Expired) => println!("start again"),
        _ => {}
    }

    // 3. Whoever wants it back asks for it, and says why.
    client.break_lock("jobs/nightly", BreakOptions::new().reason("host 3 is being drained"))?;
    Ok(())
}

fn errors(client: &Client) -> Done {
    let wait = Wait::For(Duration::from_secs(5));
    match client.acquire("jobs/nightly", wait, AcquireOptions::new()) {
        Ok(lease) => println!("token {}", lease.token()),
        Err(error) => match error.status {
            Status::Timeout | Status::Held => println!("somebody else has it: {error}"),
            Status::Unavailable | Status::Busy => println!("surely not done, try later: {error}"),
            Status::Unknown => println!("may have been done: {error}"),
            _ => return Err(error.into()),
        },
    }
    Ok(())
}

fn errors_of_io(client: &Client) -> Done {
    fn locked(client: &Client) -> std::io::Result<Lease> {
        Ok(client.acquire("jobs/nightly", Wait::Try, AcquireOptions::new())?)
    }
    if let Err(error) = locked(client) {
        println!("{}: {error}", error.kind()); // WouldBlock: somebody has it
    }
    Ok(())
}

fn descriptors(client: &Client) -> Done {
    let pending = client.acquire_start("jobs/nightly", Wait::Forever, AcquireOptions::new())?;
    let decided = pending.descriptor()?; // AsFd: readable once decided
    match pending.take(Wait::Try) {
        Ok(lease) => println!("token {}", lease.token()),
        Err(error) if error.status == Status::Again => println!("poll {decided:?}"),
        Err(error) => return Err(error.into()),
    }
    drop(pending); // withdrawn, if it was not decided
    Ok(())
}

fn corks(client: &Client) -> Done {
    let corked = client.cork();
    let pending: Vec<_> = (0..100)
        .map(|row| {
            client.acquire_start(&format!("rows/{row}"), Wait::Forever, AcquireOptions::new())
        })
        .collect::<Result<_, _>>()?;
    drop(corked); // all have left
    for pending in pending {
        let lease = pending.take(Wait::Forever)?;
        lease.release(Wait::Try)?; // leaves at once, and alone: there is no cork any more
    }
    Ok(())
}

fn elect(client: &Client) -> Done {
    let lease = client.campaign("scheduler", Wait::Forever, b"host-1")?;
    while !lease.remaining().is_zero() && work(lease.token()) {}
    lease.release(Wait::Forever)?; // resigns; dropping it does so in the background
    Ok(())
}

fn observe(client: &Client) -> Done {
    let observer = client.observe("scheduler")?;
    while let Ok(change) = observer.next(Wait::For(Duration::from_secs(600))) {
        match change.holder {
            Some(holder) => println!("{} leads", String::from_utf8_lossy(&holder.value)),
            None => println!("nobody leads"),
        }
    }
    Ok(())
}

fn embed(_client: &Client) -> Done {
    let members = parse_cluster("1=10.0.0.1:7401,2=10.0.0.2:7401,3=10.0.0.3:7401")?;
    let tls = NodeTls::new("/etc/app/ca.crt", "/etc/app/node-1.crt", "/etc/app/node-1.key");
    let options = NodeOptions::new(NodeId(1), "/var/lib/app/tenure", members).tls(tls);
    let node = Node::start(options)?;

    // Local and lock-free. When a leader is lost, another is elected after an election timeout, 150 to 300 ms.
    if let Some(token) = node.leadership().token {
        work(token);
    }

    // A client's own identity: a node's certificate is no client's.
    let tls = TlsOptions::new("/etc/app/ca.crt")
        .identity("/etc/app/client-billing.crt", "/etc/app/client-billing.key");
    let own = Client::open_local(&node.local()?, ClientOptions::new().tls(tls))?;
    own.close(Wait::Forever)?;
    node.stop(Some(Duration::from_secs(5)))?; // hands over first
    Ok(())
}

fn tls(_client: &Client) -> Done {
    let tls = TlsOptions::new("certs/ca.crt")
        .identity("certs/client-billing.crt", "certs/client-billing.key")
        .verify(Verify::Node); // any node of ca, wherever it is; by itself: the host that is dialed
    let billing = Client::open("10.0.0.1:7401,10.0.0.2:7401", ClientOptions::new().tls(tls))?;
    println!("{:?}", billing.cluster());
    Ok(())
}

fn operate(client: &Client) -> Done {
    let members: Members = client.members();
    members.add(NodeId(4), "10.0.0.4:7401")?;
    // Node 4 is started there, by `NodeOptions::joining`.
    members.promote(NodeId(4))?; // once it has caught up, for which it waits
    client.move_leader(Some(NodeId(4)), Wait::For(Duration::from_secs(5)))?;
    members.remove(NodeId(2))?; // one that leads hands over first
    client.hand_over("jobs/nightly", HandoverOptions::new().to("worker-2"))?;
    client.save_snapshot("/var/backups/app")?;
    client.access().allow("client/billing", "acquire,read", Some("jobs/"))?;
    Ok(())
}
