//! Tests of the machine, named for the rules that they hold it to.

mod access;
mod access_table;
mod bounds;
mod breaking;
mod changes;
mod deadlocks;
mod delays;
mod formats;
mod golden;
mod grants;
mod heirs;
mod key;
mod orders;
mod parts;
mod re_entry;
mod requests;
mod restore;
mod script;
mod semaphores;
mod sessions;
mod several;
mod shared;
mod snapshot;
mod transfer;
mod unfinished;
mod views;
