//! The Raft core, rule by rule: `docs/developers/scenarios.md` maps the scenarios to these tests.

mod checks;
mod disk;
mod harness;
mod messages;
mod network;

mod append;
mod bounds;
mod calm;
mod catching_up;
mod chaos;
mod commit;
mod flow;
mod hardening;
mod hostile;
mod install;
mod lease;
mod members;
mod orders;
mod owed;
mod patience;
mod quorum;
mod reads;
mod seats;
mod shipping;
mod transfer;
mod votes;
