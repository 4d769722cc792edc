//! Three replicas of a service that elect their leader themselves: each carries a node of the cluster in itself, and no server is needed
//! beside them.
//!
//! ```text
//! MEMBERS=1=127.0.0.1:7411,2=127.0.0.1:7412,3=127.0.0.1:7413
//! for id in 1 2 3; do cargo run --example replicas -- $id /tmp/replica$id $MEMBERS & done
//! ```
//!
//! kill -TERM the leader: it hands over first. kill -KILL it: after an election timeout (150 to 300 ms) another is elected, under a
//! larger token. Never do two lead at once.

use std::error::Error;
use std::io;
use std::time::Duration;
use tenure::node::{Leadership, Node, NodeOptions, parse_cluster};
use tenure::{Descriptor, NodeId, Status};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [id, data_dir, cluster] = &arguments[..] else {
        return Err("usage: replicas ID DATA_DIR 1=HOST:PORT,2=HOST:PORT,3=HOST:PORT".into());
    };
    let mut end = signal(SignalKind::terminate())?;
    let id = NodeId(id.parse()?);
    let node = Node::start(NodeOptions::new(id, data_dir, parse_cluster(cluster)?))?;

    let changes = polled(node.descriptor()?)?;
    let mut last = Leadership::default();
    loop {
        let mut ready = tokio::select! {
            ready = changes.readable() => ready?,
            _ = end.recv() => break,
        };
        // Each change of leader, term or claim. Between two of them a program asks `node.leadership()`, which is local and lock-free, before
        // everything that only the leader may do, and sends its token with every read and write.
        match node.next(Some(Duration::ZERO)) {
            Ok(now) => last = tell(id, last, now),
            Err(error) if error.status == Status::Again => ready.clear_ready(),
            Err(error) => return Err(error.into()),
        }
    }
    // Hands over if it leads.
    node.stop(Some(Duration::from_secs(5)))?;
    println!("replica {id} has stopped");
    Ok(())
}

fn tell(id: NodeId, last: Leadership, now: Leadership) -> Leadership {
    if let Some(token) = now.token.filter(|token| last.token != Some(*token)) {
        println!("replica {id} leads under token {token}");
    } else if !now.is_leader && last.is_leader {
        println!("replica {id} leads no more");
    }
    match now.leader {
        Some(leader) if !now.is_leader && leader != id && now.leader != last.leader => {
            println!("replica {id} follows {leader}");
        }
        _ => {}
    }
    now
}

/// An older tokio calls it `AsyncFd::with_interest`.
#[expect(unsafe_code, reason = "tokio asks for a promise that `Descriptor` keeps")]
fn polled(descriptor: Descriptor) -> io::Result<AsyncFd<Descriptor>> {
    // SAFETY: a `Descriptor` keeps its file open, and never is another.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(registered?)
}
