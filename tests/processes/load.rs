//! A client at work: it takes one lock and gives it back, on and on, and tells each token.

use crate::cluster::{Cluster, check_rising};
use crate::patience;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use tenure::base::{SessionId, Token};
use tenure::client::{AcquireOptions, Client, Wait};

/// The client, and its thread. Dropped it ends with its present turn.
#[derive(Debug)]
pub struct Load {
    client: Client,
    session: SessionId,
    told: Receiver<Token>,
    tokens: Vec<Token>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins, on the lock `name`.
    pub fn start(cluster: &Cluster, name: &'static str) -> Self {
        let client = cluster.client(name);
        let (tell, told) = mpsc::channel();
        let is_ending = Arc::new(AtomicBool::new(false));
        let work = client.clone();
        let end = Arc::clone(&is_ending);
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let lease = work.acquire(name, Wait::Forever, AcquireOptions::default());
                let lease = lease.expect("an acquire that waits for ever is granted");
                if tell.send(lease.token()).is_err() {
                    return;
                }
                lease.release(Wait::Forever).expect("what is held can be released");
            }
        });
        let session = client.session().session.expect("it has one");
        Self { client, session, told, tokens: Vec::new(), is_ending, thread: Some(thread) }
    }

    /// Waits until `count` more grants came after all that came so far.
    pub fn wait_for_grants(&mut self, count: usize) {
        self.tokens.extend(self.told.try_iter());
        for _ in 0..count {
            self.tokens.push(patience::next("a client at work gets its next grant", &self.told));
        }
    }

    /// Ends it, and checks that its tokens rose all along, in the one session with which it began.
    pub fn finish(mut self) -> Vec<Token> {
        self.is_ending.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is finished once");
        patience::until("a client at work ends", || thread.is_finished().then_some(()));
        thread.join().expect("each acquire and release was done");
        self.tokens.extend(self.told.try_iter());
        check_rising(&self.tokens);
        assert_eq!(self.client.session().session, Some(self.session), "its session was lost");
        std::mem::take(&mut self.tokens)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }
}
