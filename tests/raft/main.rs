//! The Raft core, rule by rule: `docs/scenarios.md` maps the scenarios to these tests.

mod harness;
mod network;

mod append;
mod commit;
mod votes;
