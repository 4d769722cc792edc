//! Act two: a holder is stopped past the end of its lease; its successor writes; it wakes and writes too.

use super::holder::{Holder, TTL};
use super::stage::Stage;
use super::store::{Fence, Store, Written};
use super::verdict::Outcome;
use super::workers::Beliefs;
use crate::cli::cluster::LocalCluster;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::lab::ink::{Ink, Style};
use std::time::{Duration, Instant};
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};
use tenure::sim::checkers::belief::Held;

/// The two stores: the same writes reach both.
#[derive(Debug)]
struct Stores {
    checked: Store,
    ignored: Store,
    rows: Vec<Vec<String>>,
}

pub fn play(stage: &Stage, cluster: &LocalCluster, beliefs: &Beliefs) -> Result<Outcome, Failure> {
    stage.title("Act two: a holder that is stopped, and does not know it")?;
    let mut stores = Stores::new();
    let mut holder = Holder::start(&cluster.endpoints(), LOCK)?;
    let (stale, from) = holder.read("granted")?;
    let pid = holder.id();
    let ttl = TTL.as_secs();
    stage
        .say(&format!("Process {pid} holds \"{LOCK}\" under token {stale}; its TTL is {ttl} s."))?;
    let read = stores.read(stale);
    stage.say(&format!("It reads the balance, {read}, and wants to write {STALE_VALUE}."))?;
    holder.stop();
    let stopped = Instant::now();
    stage
        .say(&format!("Process {pid} is stopped (SIGSTOP): no code of it runs, its clock does."))?;

    let fresh = succeed(stage, cluster, beliefs, &mut stores, stopped)?;

    holder.go_on();
    let (remaining, until) = holder.read("ended")?;
    let name = LOCK.to_owned();
    beliefs.add(Held { client: "holder".to_owned(), name, token: stale, from, until });
    stage.say(&format!(
        "Process {pid} goes on (SIGCONT). It reads `remaining`: {remaining}. It must not write any more."
    ))?;
    stage.say(
        "Suppose that it had looked a moment before it was stopped, and writes all the same:",
    )?;
    let written = stores.write("the old holder", stale, STALE_VALUE);
    stage.say("")?;
    stage.block(&stores.to_text(stage.style()))?;
    stage.say("")?;
    stage.say(&judge_stores(&stores, written, stale, stage.style()))?;
    Ok(Outcome { remaining, stale, fresh, refused: written == Written::Refused(fresh) })
}

/// The successor waits until the lock is free, and writes. Gives its token.
fn succeed(
    stage: &Stage,
    cluster: &LocalCluster,
    beliefs: &Beliefs,
    stores: &mut Stores,
    stopped: Instant,
) -> Result<u64, Failure> {
    let options = ClientOptions::new().name("successor");
    let client = Client::open(&cluster.endpoints(), options)?;
    let lease = client.acquire(LOCK, GRANT_WAIT, AcquireOptions::default())?;
    let entry = beliefs.begin("successor", &lease);
    let token = lease.token().0;
    stage.say(&format!(
        "{:.2} s later the cluster has ended its session, and another client holds \"{LOCK}\" under token {token}.",
        stopped.elapsed().as_secs_f64()
    ))?;
    let read = stores.read(token);
    stage.say(&format!("It reads the balance, {read}, and writes {FRESH_VALUE}."))?;
    stores.write("the new holder", token, FRESH_VALUE);
    beliefs.renew(entry, &lease);
    lease.release(GRANT_WAIT)?;
    client.close(GRANT_WAIT)?;
    Ok(token)
}

fn judge_stores(stores: &Stores, written: Written, stale: u64, style: Style) -> String {
    let lost = stores.checked.value().abs_diff(stores.ignored.value());
    match written {
        Written::Refused(newest) => {
            let refused = style.paint(Ink::GREEN, &format!("{stale} < {newest}: refused"));
            let corrupted = style.paint(Ink::RED, &format!("corrupted: {lost} are gone"));
            format!("With tokens {refused}. Without them {corrupted}.")
        }
        Written::Done => style.paint(Ink::RED, "The store took the write of a stale holder."),
    }
}

impl Stores {
    fn new() -> Self {
        let head = ["", "token", "writes", "with tokens", "without"].map(str::to_owned);
        Self {
            checked: Store::new(Fence::Checked, START),
            ignored: Store::new(Fence::Ignored, START),
            rows: vec![head.to_vec()],
        }
    }

    /// Reads from both stores, which are equal until a late write.
    fn read(&mut self, token: u64) -> u64 {
        self.ignored.read(token);
        self.checked.read(token)
    }

    /// Writes to both stores; gives the answer of the one that checks.
    fn write(&mut self, who: &str, token: u64, value: u64) -> Written {
        let checked = self.checked.write(token, value);
        let ignored = self.ignored.write(token, value);
        let show = |written, store: &Store| match written {
            Written::Done => format!("{}", store.value()),
            Written::Refused(newest) => format!("{} (refused: {token} < {newest})", store.value()),
        };
        self.rows.push(vec![
            who.to_owned(),
            token.to_string(),
            value.to_string(),
            show(checked, &self.checked),
            show(ignored, &self.ignored),
        ]);
        checked
    }

    fn to_text(&self, style: Style) -> String {
        let table = output::table(&self.rows);
        let (head, rest) = table.split_once('\n').expect("a table has a head");
        format!("{}\n{rest}", style.paint(Ink::DIM, head))
    }
}

const LOCK: &str = "account";
const START: u64 = 100;
const FRESH_VALUE: u64 = 150;
const STALE_VALUE: u64 = 110;
const GRANT_WAIT: Wait = Wait::For(Duration::from_secs(30));
