//! Starts a node, on a machine whose network may come up later.
//!
//! A name that no name server knows yet, or an address that this machine does not have yet, is no
//! mistake that a person must mend after each boot: the start waits for it, and says so. Each
//! attempt reads the configuration again.

use super::ending::ended;
use super::orders::{Order, Orders};
use super::supervisor::Supervisor;
use super::{Options, config, join, wait_for};
use crate::cli::failure::Failure;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tenure::node::Node;
use tenure::sys::event::EventFd;
use tenure::sys::thread;
use tenure::{Error, Status};

/// Why no node was started.
#[derive(Debug)]
pub enum NotStarted {
    /// A name or an address is not there yet.
    NotYet(String),
    /// The start failed.
    Failed(Failure),
}

impl From<Failure> for NotStarted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for NotStarted {
    fn from(error: Error) -> Self {
        match error.status {
            Status::Unavailable => Self::NotYet(error.to_string()),
            _ => Self::Failed(ended(error)),
        }
    }
}

/// Starts a node; `None`: a signal came before.
pub fn start(
    flags: &Options,
    orders: &Orders,
    supervisor: &Supervisor,
) -> Result<Option<Node>, Failure> {
    let mut complaint = Complaint::default();
    loop {
        orders.set_level()?;
        let attempt = Attempt::begin(flags.clone())?;
        // On a thread: a name server that does not answer must not keep a signal waiting.
        let ended = attempt.event.as_raw_fd();
        if is_stopped_before(Some(ended), None, orders, supervisor)? {
            return Ok(None);
        }
        match attempt.result.recv() {
            Ok(Ok(node)) => return Ok(Some(node)),
            Ok(Err(NotStarted::NotYet(why))) => complaint.say(why, supervisor),
            Ok(Err(NotStarted::Failed(failure))) => return Err(failure),
            Err(_) => return Err(Failure::unavailable("starting has failed: see above")),
        }
        if is_stopped_before(None, Some(RETRY), orders, supervisor)? {
            return Ok(None);
        }
    }
}

/// Waits for `event`, for `timeout`, or for a signal; whether a signal to stop came.
fn is_stopped_before(
    event: Option<RawFd>,
    timeout: Option<Duration>,
    orders: &Orders,
    supervisor: &Supervisor,
) -> Result<bool, Failure> {
    loop {
        wait_for(&[Some(orders.fd()), event], timeout)?;
        match orders.heed() {
            Order::Stop => {
                supervisor.tell_stopping();
                return Ok(true);
            }
            Order::None => return Ok(false),
            // The next attempt reads the configuration anyway.
            Order::Reload => {}
        }
    }
}

/// One attempt, on a thread of its own.
struct Attempt {
    event: Arc<EventFd>,
    result: Receiver<Result<Node, NotStarted>>,
}

impl Attempt {
    fn begin(flags: Options) -> Result<Self, Failure> {
        let cannot = |error| Failure::unavailable(format!("cannot start: {error}"));
        let event = Arc::new(EventFd::new().map_err(cannot)?);
        let (tell, result) = mpsc::channel();
        let ended = Arc::clone(&event);
        let body = move || {
            // After a signal nobody receives.
            let _ = tell.send(attempt(flags));
            ended.set();
        };
        thread::spawn("tenure-start", body).map_err(cannot)?;
        Ok(Self { event, result })
    }
}

fn attempt(flags: Options) -> Result<Node, NotStarted> {
    let (options, endpoints) = config::node_options(flags)?;
    let options = match endpoints {
        Some(endpoints) => join::told_by(&endpoints, options)?,
        None => options,
    };
    Ok(Node::start(options)?)
}

/// The last reason to wait, and when it was logged.
#[derive(Default)]
struct Complaint(Option<(String, Instant)>);

impl Complaint {
    /// Logs a reason that is new, or was not logged for [`AGAIN`].
    fn say(&mut self, why: String, supervisor: &Supervisor) {
        let is_news = |(said, at): &(String, Instant)| *said != why || at.elapsed() >= AGAIN;
        if self.0.as_ref().is_none_or(is_news) {
            log::warn!("waiting to start: {why}");
            supervisor.tell_waiting(&why);
            self.0 = Some((why, Instant::now()));
        }
    }
}

const RETRY: Duration = Duration::from_secs(1);
/// How often an unchanged reason is logged, for a reader of the log after hours of waiting.
const AGAIN: Duration = Duration::from_secs(60);
