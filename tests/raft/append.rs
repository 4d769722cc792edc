//! Scenarios of the section *Append and commit*.

use crate::network::Network;

#[test]
fn a_cluster_elects_and_commits() {
    let mut network = Network::new(3);
    network.elect(1);
    let index = network.node(1).propose();
    network.deliver();
    assert_eq!(network.node(1).raft.commit(), index);
    network.run(40);
    for node in &network.nodes {
        assert_eq!(node.raft.commit(), index);
    }
}
