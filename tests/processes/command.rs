//! `tenure lock NAME -- CMD` from the shell.

use crate::cluster::{Cluster, check_rising, tenure};
use tenure::base::Token;

#[test]
fn each_call_of_tenure_lock_has_a_larger_token_through_all_kills() {
    let mut cluster = Cluster::start();
    let mut tokens = Vec::new();

    for _ in 0..CALLS {
        tokens.push(token_of_call(&cluster));
    }
    for _ in 0..KILLS {
        let leader = cluster.leader();
        cluster.kill(leader);
        tokens.push(token_of_call(&cluster));
        cluster.start_node(leader);
        tokens.push(token_of_call(&cluster));
        cluster.wait_caught_up(leader);
    }
    cluster.kill_all();
    cluster.start_all();
    for _ in 0..CALLS {
        tokens.push(token_of_call(&cluster));
    }

    check_rising(&tokens);
    assert_eq!(tokens.len(), 2 * CALLS + 2 * KILLS);
}

/// What `tenure lock jobs/x -- sh -c 'echo $TENURE_TOKEN'` prints.
fn token_of_call(cluster: &Cluster) -> Token {
    let output = tenure()
        .args(["lock", "jobs/x", "--timeout", "60s", "--endpoints", &cluster.endpoints()])
        .args(["--", "sh", "-c", "echo $TENURE_TOKEN"])
        .output()
        .expect("tenure can be run");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaints}", output.status);
    let text = String::from_utf8(output.stdout).expect("a number");
    Token(text.trim_end().parse().unwrap_or_else(|_| panic!("expected a token, got {text:?}")))
}

const CALLS: usize = 3;
const KILLS: usize = 3;
