//! Runs of the raft core and of a lock service that people can read: `raft/*.txt` and `lock/*.txt` beside this file.
//!
//! Each script is prose, commands, and what followed from them; a test plays the commands on the real cores and compares
//! what they did. `TENURE_WRITE_SCRIPTS=1 cargo test --test core scripts::` writes it anew: the diff is what a change of the
//! cores changes in what nodes say. `README.md` has the commands.

mod client;
mod command;
mod lock;
mod lock_words;
mod node;
mod raft;
mod raft_words;
mod script;

#[test]
fn the_scripts_of_raft_replay_as_they_are_written() {
    script::replay_all("raft", raft::World::default);
}

#[test]
fn the_scripts_of_locks_replay_as_they_are_written() {
    script::replay_all("lock", lock::World::default);
}
