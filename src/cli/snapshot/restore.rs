//! `tenure snapshot restore`: a data directory of a new cluster that begins with a snapshot (safety L15).

use crate::cli::failure::Failure;
use crate::cli::{duration, output, typed};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tenure::base::{ClusterId, NodeId};
use tenure::node::{Bound, CannotRestore, RestoreOptions, Restored, parse_cluster, restore};

/// Make the data directory of one node of a new cluster, which begins with the state in FILE.
///
/// Do the same, with the same file and flags, for each node of the new cluster; then start them.
/// All tokens of the new cluster are larger than all that were granted up to the snapshot and after
/// it. Former sessions and locks are gone. No node of the old cluster may run.
#[derive(Args, Debug)]
pub struct Options {
    /// A file that `tenure snapshot save` or `extract` made
    file: PathBuf,
    /// This node's id, as in --cluster
    #[arg(long, value_name = "ID")]
    id: u64,
    /// Its data directory: empty, or not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// All nodes of the new cluster: 1=host:port,2=host:port,3=host:port
    #[arg(long, value_name = "ID=HOST:PORT,…", value_parser = crate::cli::connect::parse_members)]
    cluster: String,
    /// The new epoch; name one, larger than all before, if this snapshot or an older one was restored already
    /// [default: the snapshot's and one]
    #[arg(long, value_name = "NUMBER")]
    epoch: Option<u64>,
    /// The largest --ttl-max that any node ever ran with, of the old cluster and of all that it was restored from: the new
    /// one grants nothing for so long [default: 1h, the largest that there is]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "waive_wait")]
    largest_ttl_max: Option<Duration>,
    /// The longest --lease-duration of all of them, in the same way [default: 60s, the longest that there is]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "waive_wait")]
    largest_lease_duration: Option<Duration>,
    /// A cluster whose clients come over to the new one by themselves, by its whole id; several times if needed. The one
    /// that FILE names, and those that it was restored from, need not be said
    #[arg(long, value_name = "CLUSTER-ID", value_parser = ClusterId::parse)]
    ancestor: Vec<ClusterId>,
    /// No other node of the old cluster will ever run again: said of a FILE that `extract` made when it was made, and as true
    /// of any other; whoever says it here is not reminded of it
    #[arg(long)]
    others_never_return: bool,
    /// Grant locks at once, although programs may still believe in former leases (no variable
    /// stands for this flag)
    #[arg(long)]
    waive_wait: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let members = parse_cluster(&options.cluster)?;
    let ids: Vec<String> = members.iter().map(|(member, _)| member.to_string()).collect();
    let own = members.iter().find(|(member, _)| member.0 == options.id);
    let address = own.map(|(_, address)| address.clone()).unwrap_or_default();
    let restored = restore(&options.order(members)).map_err(failure)?;
    let reminder = restored.never_return().filter(|_| !options.others_never_return);
    let said = format!(
        "{}{}{}{}",
        said(&restored),
        reminder.map_or(String::new(), |said| format!("{said}\n")),
        clusters_said(&restored),
        options.wait_said(&restored)
    );
    output::conclude(&format!("{said}{}", next_step(options, &ids, &address)))
}

fn failure(why: CannotRestore) -> Failure {
    match why {
        CannotRestore::TooMuch { bound, most } => {
            let flag = match bound {
                Bound::TtlMax => "--largest-ttl-max",
                Bound::Lease => "--largest-lease-duration",
            };
            let most = duration::exact(most);
            Failure::usage(format!("{flag} is at most {most}: no node can have run with more"))
        }
        CannotRestore::Options(error) => Failure::usage(error.message),
        other => Failure::unavailable(other.to_string()),
    }
}

impl Options {
    fn order(&self, members: Vec<(NodeId, String)>) -> RestoreOptions {
        let mut order = RestoreOptions::new(&self.file, NodeId(self.id), &self.data, members)
            .ancestors(self.ancestor.clone())
            .waive_wait(self.waive_wait);
        order.epoch = self.epoch;
        order.largest_ttl_max = self.largest_ttl_max;
        order.largest_lease = self.largest_lease_duration;
        order
    }

    /// A sentence: how long the new cluster grants nothing, why, and which flags shorten it.
    fn wait_said(&self, restored: &Restored) -> String {
        let Some(wait) = restored.wait else {
            return "THE WAIT IS WAIVED: locks are granted at once, while programs may still believe in leases of \
                    before, so that two may believe in the same lock; across this restore only tokens protect\n"
                .to_owned();
        };
        let wait = duration::exact(wait);
        let mut text = format!(
            "for the first {wait} with a leader no lock is granted and no leadership claimed: until then programs may \
             still believe in leases of before\n"
        );
        if self.largest_ttl_max.is_none() || self.largest_lease_duration.is_none() {
            text.push_str(&shorter(restored.named));
        }
        text
    }

    /// The flags about the wait again, for the commands of the other members.
    fn wait_flags(&self) -> String {
        let flag = |name: &str, stated: Option<Duration>| {
            stated.map_or(String::new(), |stated| format!(" {name} {}", duration::exact(stated)))
        };
        let waive = if self.waive_wait { " --waive-wait" } else { "" };
        let ttl = flag("--largest-ttl-max", self.largest_ttl_max);
        let lease = flag("--largest-lease-duration", self.largest_lease_duration);
        format!("{ttl}{lease}{waive}")
    }
}

fn shorter(named: Option<(Duration, Duration)>) -> String {
    let named = named.map_or("no settings".to_owned(), |(ttl, lease)| {
        let (ttl, lease) = (duration::exact(ttl), duration::exact(lease));
        format!("--ttl-max {ttl} and --lease-duration {lease}")
    });
    format!(
        "  so long since nobody stated less: the snapshot names {named}, and they may have been raised after it; if you \
         know the largest that any node ever ran with, restore with --largest-ttl-max and --largest-lease-duration\n"
    )
}

/// A sentence: the new cluster's id, and what it means to clients of the old cluster.
fn clusters_said(restored: &Restored) -> String {
    let ancestors = &restored.ancestors;
    let new = match restored.cluster {
        Some(new) => format!("the new cluster is {new}"),
        None => "the new cluster has an id once all its nodes have met: `tenure status` shows it"
            .to_owned(),
    };
    let Some(old) = ancestors.first() else {
        return format!(
            "{new}; the file does not name the old one (tenure 0.1 saved it), so its clients are refused until they are \
             restarted: to let them come over by themselves restore with --ancestor and the old id\n"
        );
    };
    let others: Vec<String> = ancestors.iter().skip(1).map(|one| one.to_string()).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!(" (and of {})", others.join(", ")),
    };
    format!(
        "{new}; the old one was {old}: clients of it{others} come over by themselves once their sessions have ended, but none \
         that pins it: give those the new id (--cluster-id, TENURE_CLUSTER_ID, cluster_id)\n"
    )
}

/// The report of a restore.
fn said(restored: &Restored) -> String {
    let (epoch, floor) = (restored.epoch, restored.tokens_above);
    format!(
        "restored as epoch {epoch}: all sessions have ended, and all tokens are larger than {floor}\n{}",
        rules_said(restored.rules)
    )
}

/// A caution about access rules: a rule that was removed after the snapshot is back.
fn rules_said((rules, is_on): (usize, bool)) -> String {
    let is_on = if is_on { "on" } else { "off" };
    match rules {
        0 => String::new(),
        _ => format!(
            "rights are {is_on}, with the {rules} rules of the snapshot: what was revoked since it was made is allowed again (`tenure access list`, before clients come)\n"
        ),
    }
}

/// The commands to type next. `address`: where this node listens in the new cluster.
fn next_step(options: &Options, ids: &[String], address: &str) -> String {
    let epoch = options.epoch.map_or(String::new(), |epoch| format!(" --epoch {epoch}"));
    let ancestors: String =
        options.ancestor.iter().map(|cluster| format!(" --ancestor {cluster}")).collect();
    let wait = options.wait_flags();
    let path = |path: &Path| typed::word(&path.to_string_lossy());
    let (id, data, file) = (options.id, path(&options.data), path(&options.file));
    let cluster = typed::word(&options.cluster);
    let insecure = typed::insecure(address);
    let others: Vec<&str> =
        ids.iter().map(String::as_str).filter(|other| *other != id.to_string()).collect();
    let also = match others[..] {
        [] => String::new(),
        _ => format!(
            "do the same for node {}, with the same file and flags ({file}{epoch}{ancestors}{wait}); then start all of \
             them, this one by\n",
            others.join(", node ")
        ),
    };
    format!("{also}  tenure serve --id {id} --data {data} --cluster {cluster}{insecure}\n")
}
