//! `tenure snapshot extract`: a snapshot out of a stopped node's directory, where a majority is lost and there is no backup
//! (safety L15).

use crate::cli::failure::Failure;
use crate::cli::serve::ended;
use crate::cli::{output, size, typed};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use tenure::Status;
use tenure::base::ClusterId;
use tenure::client::place_file;
use tenure::node::{self, Extract, SnapshotContent};
use tenure::wal::snapshot_file;

/// Make a snapshot of what the data directory of a stopped node holds: the last resort.
///
/// For a cluster whose majority is gone for good, with no backup newer than that directory. OUT is for `tenure snapshot
/// restore`. All of the log counts, also what was perhaps not committed; it says from which entry on something may be
/// missing. The directory is read as a start reads it, and not changed; damage is refused, and nothing of it is skipped.
#[derive(Args, Debug)]
pub struct Options {
    /// The file to write
    out: PathBuf,
    /// The data directory of the node, which must not run
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// No other node of that cluster will ever run again: one that is only cut off goes on granting, and then no wait of the
    /// new cluster protects anything (no variable stands for this flag)
    #[arg(long)]
    others_never_return: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    if !options.others_never_return {
        return Err(Failure::usage(MUST_BE_SAID));
    }
    check_outside(&options.out, &options.data)?;
    let data = options.data.display();
    let extract = node::extract(&options.data).map_err(|error| {
        let advice = advice(error.status);
        let Failure { code, message } = ended(error);
        // The advice to a node is for an existing cluster.
        let what = message.split(". Nothing was changed").next().unwrap_or_default();
        Failure::new(code, format!("nothing is taken out of {data}: {what}{advice}"))
    })?;
    let Extract { node, cluster, snapshot, .. } = &extract;
    let bytes = snapshot_file::encode_extracted(snapshot, *cluster, *node);
    let content =
        SnapshotContent::of(snapshot.clone(), Some(*cluster)).map_err(Failure::unavailable)?;
    let size = bytes.len() as u64;
    place_file(&options.out, bytes).map_err(|error| Failure::unavailable(error.message))?;
    let said = Said { options, extract: &extract, content: &content, bytes: size };
    output::conclude(&if options.json { said.to_json() } else { said.to_text() })
}

/// Refuses an OUT within the directory, which is not to be changed.
fn check_outside(out: &Path, data: &Path) -> Result<(), Failure> {
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    match (parent, data.canonicalize()) {
        (Ok(parent), Ok(data)) if parent.starts_with(&data) => Err(Failure::usage(format!(
            "{} is in the data directory, which is left as it is: write to another place",
            out.display()
        ))),
        _ => Ok(()),
    }
}

fn advice(status: Status) -> &'static str {
    match status {
        Status::Corrupt => {
            ". Damage is never skipped over: try the directory of another node, else restore the newest backup"
        }
        Status::Io => {
            ". Stop the node that runs on it; with a disk that fails, copy it to a good one first"
        }
        _ => "",
    }
}

/// The report of an extract.
struct Said<'a> {
    options: &'a Options,
    extract: &'a Extract,
    content: &'a SnapshotContent,
    bytes: u64,
}

impl Said<'_> {
    fn to_json(&self) -> String {
        let Extract { node, cluster, snapshot, committed, torn_bytes, .. } = self.extract;
        let value = json!({
            "file": self.options.out.to_string_lossy(),
            "bytes": self.bytes,
            "node": node.0,
            "cluster_id": cluster.to_string(),
            "index": snapshot.meta.index.0,
            "term": snapshot.meta.term.0,
            "surely_committed": committed.0,
            "perhaps_missing_from": committed.next().0,
            "torn_bytes": torn_bytes,
            "epoch": self.content.machine.epoch(),
            "newest_token": self.content.machine.newest_token().0,
        });
        format!("{value}\n")
    }

    fn to_text(&self) -> String {
        let Extract { node, snapshot, committed, torn_bytes, .. } = self.extract;
        let (out, size) = (self.options.out.display(), size::show(self.bytes));
        let mut text = format!("{out}: {}, {size}, of node {node} alone\n", self.content.summary());
        let (first, last) = (committed.next(), snapshot.meta.index);
        let missing = match first > last {
            true => "what was committed and acknowledged behind it is not here".to_owned(),
            false => format!(
                "what is here of it, to entry {last}, was perhaps never committed, and what was committed and acknowledged in its \
                 place, or behind it, is not here"
            ),
        };
        text += &format!("from entry {first} on something may be missing: {missing}\n");
        if *torn_bytes > 0 {
            text += &format!(
                "the log ended in {torn_bytes} bytes of a write that was cut short, or is damaged: they are left out, and count as \
                 missing\n"
            );
        }
        let epoch = self.content.machine.epoch();
        text += &format!(
            "a restore ends all sessions and waits, and its tokens are larger than all that this cluster ever granted, \
             missing ones too: it takes epoch {}; name another one (--epoch) if this cluster, or a backup of it, was ever \
             restored before\n",
            epoch + 1
        );
        text += &format!(
            "next, on each node of the new cluster: tenure snapshot restore {}{} --id ID --data DIR --cluster \
             ID=HOST:PORT,…\n",
            typed::word(&self.options.out.to_string_lossy()),
            ancestors_said(self.extract, self.content),
        );
        text
    }
}

/// The ancestors, which the directory knows and a state below level 2 does not.
fn ancestors_said(extract: &Extract, content: &SnapshotContent) -> String {
    let said: Vec<ClusterId> = content.machine.ancestors().iter().collect();
    let unsaid = extract.ancestors.iter().filter(|one| !said.contains(one));
    unsaid.map(|one| format!(" --ancestor {one}")).collect()
}

const MUST_BE_SAID: &str = "say --others-never-return, if no other node of that cluster will ever run again: a majority that is only cut \
     off goes on granting, and then no wait protects, so that two programs hold one lock. If one of them may come back, start \
     what is left and wait for it instead";
