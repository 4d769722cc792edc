//! A thread beside the loop for long tasks, one at a time.

use crate::sys;
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A worker for tasks of one kind. A drop stops the task, ends the thread and waits for it.
#[derive(Debug)]
pub(super) struct Worker<T> {
    /// `None` when the thread is to end.
    tasks: Option<Sender<Task<T>>>,
    results: Receiver<T>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// A task of a worker.
pub(super) type Task<T> = Box<dyn FnOnce(&Stop) -> T + Send>;

/// Whether the disk is being closed: a task checks it between the parts of its work.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// An error once the disk is being closed.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::Error::other("the log is being closed"));
        }
        Ok(())
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread under `name`.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (tasks, tasks_in) = bounded::<Task<T>>(1);
        let (results_out, results) = bounded(1);
        let stop = Stop::default();
        let its_stop = stop.clone();
        let thread = sys::thread::spawn(name, move || {
            for task in tasks_in {
                if results_out.send(task(&its_stop)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { tasks: Some(tasks), results, stop, thread: Some(thread) })
    }

    /// Begins a task; the result of the previous one must have been taken.
    pub(super) fn begin(&mut self, task: Task<T>) {
        let tasks = self.tasks.as_ref().expect("only drop takes it away");
        assert!(tasks.try_send(task).is_ok(), "one task is done at a time");
    }

    /// Takes the result of the task, once.
    ///
    /// # Panics
    /// If the task did.
    pub(super) fn take(&mut self) -> Option<T> {
        match self.results.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("a thread of the disk has panicked"),
        }
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.stop.0.store(true, Ordering::Relaxed);
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // The thread has reported a panic itself.
            let _ = thread.join();
        }
    }
}
