//! `tenure snapshot inspect`: checks all of a snapshot's file, and shows its content.

use crate::cli::failure::Failure;
use crate::cli::{duration, output, size};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tenure::node::SnapshotContent;
use tenure::raft::Member;

/// Check a snapshot's file, and show what is in it.
#[derive(Args, Debug)]
pub struct Options {
    /// The file
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let content = SnapshotContent::read(&options.file);
    let content = content.map_err(|error| Failure::unavailable(error.message))?;
    output::conclude(&if options.json { to_json(&content) } else { to_text(&content) })
}

fn to_json(content: &SnapshotContent) -> String {
    let (meta, machine) = (&content.snapshot.meta, &content.machine);
    let member = |member: &Member| -> Value {
        json!({"id": member.node.0, "address": member.address, "votes": meta.membership.is_voter(member.node)})
    };
    let value = json!({
        "index": meta.index.0,
        "term": meta.term.0,
        "extracted_from": content.node.map(|node| node.0),
        "cluster_id": content.cluster.map(|cluster| cluster.to_string()),
        "ancestors": machine.ancestors().iter().map(|one| one.to_string()).collect::<Vec<_>>(),
        "members": meta.membership.members().iter().map(member).collect::<Vec<_>>(),
        "epoch": machine.epoch(),
        "newest_token": machine.newest_token().0,
        "sessions": machine.session_count(),
        "locks": machine.held_count(),
        "ttl_max_ms": machine.settings().map(|settings| settings.ttl_ms_max),
        "lease_duration_ms": machine.settings().map(|settings| settings.lease_ms),
        "restore_wait_ms": machine.restoring().map(|wait| wait.ms),
        "bytes": content.snapshot.data.len(),
    });
    format!("{value}\n")
}

fn to_text(content: &SnapshotContent) -> String {
    let (meta, machine) = (&content.snapshot.meta, &content.machine);
    let members = meta.membership.members().iter();
    let members: Vec<String> =
        members.map(|member| format!("{}={}", member.node, member.address)).collect();
    let cluster = content.cluster.map_or("not said in this file".to_owned(), |id| id.to_string());
    let mut rows = vec![
        ["entry", &meta.index.to_string()].map(str::to_owned).to_vec(),
        ["term", &meta.term.to_string()].map(str::to_owned).to_vec(),
        ["cluster", &cluster].map(str::to_owned).to_vec(),
        ["members", &members.join(",")].map(str::to_owned).to_vec(),
        ["epoch", &machine.epoch().to_string()].map(str::to_owned).to_vec(),
        ["newest token", &machine.newest_token().to_string()].map(str::to_owned).to_vec(),
        ["sessions", &machine.session_count().to_string()].map(str::to_owned).to_vec(),
        ["locks", &machine.held_count().to_string()].map(str::to_owned).to_vec(),
    ];
    if !machine.ancestors().is_empty() {
        let ancestors: Vec<String> =
            machine.ancestors().iter().map(|one| one.to_string()).collect();
        rows.push(["restored from", &ancestors.join(", ")].map(str::to_owned).to_vec());
    }
    if let Some(settings) = machine.settings() {
        let span = |ms: u32| duration::exact(Duration::from_millis(u64::from(ms)));
        rows.push(["ttl-max", &span(settings.ttl_ms_max)].map(str::to_owned).to_vec());
        rows.push(["lease-duration", &span(settings.lease_ms)].map(str::to_owned).to_vec());
    }
    if let Some(wait) = machine.restoring() {
        let wait = duration::show(Duration::from_millis(wait.ms));
        rows.push(vec!["restored".to_owned(), format!("its wait of {wait} was not over")]);
    }
    if let Some(node) = content.node {
        rows.push(
            ["extracted", &format!("from node {node} alone: something may be missing")]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    let bytes = size::show(content.snapshot.data.len());
    rows.push(vec!["state".to_owned(), format!("{bytes}, intact")]);
    format!("{}{RAISED}", output::table(&rows))
}

/// A caution: changes after the snapshot are not in it.
const RAISED: &str = "ttl-max and lease-duration are as of the snapshot: both may have been raised after it, and then a restore must wait for \
     longer; it waits for 1h unless the largest that any node ever ran with are stated (--largest-ttl-max, \
     --largest-lease-duration)\n";
