//! Act one: eight workers contend for three locks; the leader is killed in the middle.

use super::pulse::Pulse;
use super::stage::Stage;
use super::timeline::{Frame, Mark, tokens};
use super::workers::{self, Beliefs, LOCKS, WORKERS};
use crate::cli::cluster::LocalCluster;
use crate::cli::failure::Failure;
use crate::lab::bench::Figures;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tenure::base::NodeId;
use tenure::client::{Client, ClientOptions};
use tenure::sys::{clock, random};

/// Plays the act; gives the figures of the measuring client.
pub fn play(
    stage: &Stage,
    cluster: &mut LocalCluster,
    beliefs: &Beliefs,
) -> Result<Figures, Failure> {
    stage.title("Act one: eight workers, three locks; the leader is killed in the middle")?;
    let endpoints = cluster.endpoints();
    let open = |name: &str| {
        let options = ClientOptions::new().name(name);
        Client::open(&endpoints, options)
    };
    let clients: Vec<Client> = WORKERS.iter().map(|name| open(name)).collect::<Result<_, _>>()?;
    let measuring = open("pulse")?;
    let (stop, pulse) = (AtomicBool::new(false), Pulse::new());
    let mut play = Play::new(stage, beliefs);
    std::thread::scope(|scope| {
        for (worker, client) in WORKERS.iter().zip(&clients) {
            let stop = &stop;
            scope.spawn(move || workers::work(worker, client, beliefs, stop, random::seed()));
        }
        let beating = scope.spawn(|| pulse.beat(&measuring, &stop));
        let directed = play.direct(cluster);
        stop.store(true, Ordering::Relaxed);
        beating.join().expect("the measuring thread does not panic").and(directed)
    })?;
    play.epilogue(&pulse, cluster)?;
    Ok(pulse.figures())
}

/// The course of the act.
#[derive(Debug)]
struct Play<'a> {
    stage: &'a Stage,
    beliefs: &'a Beliefs,
    frame: Frame,
    marks: Vec<Mark>,
    killed: Option<(NodeId, Instant)>,
}

impl<'a> Play<'a> {
    fn new(stage: &'a Stage, beliefs: &'a Beliefs) -> Self {
        let from = clock::boot_nanos();
        let until = from + LENGTH.as_nanos() as u64;
        let frame = Frame { from, until, now: from, columns: COLUMNS };
        Self { stage, beliefs, frame, marks: Vec::new(), killed: None }
    }

    /// Draws, kills and restarts on time.
    fn direct(&mut self, cluster: &mut LocalCluster) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut drawn = 0;
        let mut restarted = false;
        while begun.elapsed() < LENGTH {
            if begun.elapsed() > KILL_AT && self.killed.is_none() {
                self.kill_leader(cluster)?;
            }
            if let (true, false, Some((node, _))) =
                (begun.elapsed() > RESTART_AT, restarted, self.killed)
            {
                cluster.restart(node)?;
                self.mark(format!("node {node} is back"));
                restarted = true;
            }
            drawn = self.stage.picture(&self.lines(), drawn)?;
            std::thread::sleep(DRAW_EVERY);
        }
        self.stage.last_picture(&self.lines(), drawn)
    }

    fn kill_leader(&mut self, cluster: &mut LocalCluster) -> Result<(), Failure> {
        let Some(leader) = cluster.leader() else { return Ok(()) };
        self.killed = Some((leader, Instant::now()));
        self.mark(format!("leader {leader} is killed"));
        cluster.kill(leader)
    }

    fn mark(&mut self, text: String) {
        self.marks.push(Mark { at: clock::boot_nanos(), text });
    }

    fn lines(&mut self) -> Vec<String> {
        self.frame.now = clock::boot_nanos();
        self.frame.draw(&self.beliefs.all(), &self.marks, self.stage.style())
    }

    /// Prints what the picture does not show: the tokens, and how long there was no leader.
    fn epilogue(&self, pulse: &Pulse, cluster: &LocalCluster) -> Result<(), Failure> {
        let all = self.beliefs.all();
        self.stage.say("")?;
        self.stage
            .say("Who was granted each lock, and the token of each grant (they only rise):")?;
        for name in LOCKS {
            self.stage.say(&tokens(name, &all, self.stage.style()))?;
        }
        let Some((node, at)) = self.killed else { return Ok(()) };
        let Some(missed) = pulse.next_grant_after(at) else { return Ok(()) };
        let leader = cluster.leader().map_or(String::new(), |id| format!(" Now node {id} leads."));
        let missed = missed.as_secs_f64() * 1000.0;
        self.stage.say("")?;
        self.stage.say(&format!(
            "Node {node} led when it was killed; the next grant came {missed:.1} ms later.{leader}"
        ))
    }
}

const LENGTH: Duration = Duration::from_secs(12);
const KILL_AT: Duration = Duration::from_secs(4);
const RESTART_AT: Duration = Duration::from_secs(8);
const DRAW_EVERY: Duration = Duration::from_millis(100);
const COLUMNS: usize = 64;
