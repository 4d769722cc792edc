//! The durable log against a disk that loses power, fails and rots, and on real files.
//!
//! Tests are named for the rows of the fault catalogue (`st…`, `h…`, `p…`) that they show.

mod account;
mod compaction;
mod damage;
mod directory;
mod disk;
mod errors;
mod examine;
mod files;
mod grid;
mod history;
mod medium;
mod power_cut;
mod restore;
mod snapshots;
mod storing;
mod tear;
