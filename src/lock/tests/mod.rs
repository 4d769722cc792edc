//! Tests of the machine, named for the rules that they hold it to.

mod bounds;
mod golden;
mod grants;
mod requests;
mod restore;
mod script;
mod sessions;
mod snapshot;
mod views;
