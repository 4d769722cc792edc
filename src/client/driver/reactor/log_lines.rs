//! Lines for the log, which run the host's code: logged without a client's mutex, and those of the
//! reactor's thread by a thread that exists while there are lines, so that a log that hangs holds
//! up nobody.

use crate::sys::thread;
use log::Level;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client::driver) struct Line {
    pub(in crate::client::driver) level: Level,
    pub(in crate::client::driver) text: String,
}

/// Logs lines on this thread.
pub(in crate::client::driver) fn say(lines: impl IntoIterator<Item = Line>) {
    for Line { level, text } in lines {
        log::log!(level, "{text}");
    }
}

/// Logs lines on another thread, in order.
#[derive(Debug, Default)]
pub(in crate::client::driver) struct LogThread(Arc<Mutex<Unsaid>>);

#[derive(Debug, Default)]
struct Unsaid {
    lines: VecDeque<Line>,
    lost: u64,
    is_running: bool,
}

impl LogThread {
    /// Queues lines; beyond the bound the newest are lost.
    pub(in crate::client::driver) fn say(&self, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        let mut unsaid = self.0.lock();
        for line in lines {
            match unsaid.lines.len() < LINES_MAX {
                true => unsaid.lines.push_back(line),
                false => unsaid.lost += 1,
            }
        }
        if !unsaid.is_running {
            let of_thread = Arc::clone(&self.0);
            // Without a thread the lines wait for the next call.
            unsaid.is_running = thread::spawn("tenure-log", move || say_all(&of_thread)).is_ok();
        }
    }
}

fn say_all(unsaid: &Mutex<Unsaid>) {
    while let Some(line) = next(&mut unsaid.lock()) {
        say([line]);
    }
}

fn next(unsaid: &mut Unsaid) -> Option<Line> {
    let line = unsaid.lines.pop_front();
    let lost = || {
        let lost = std::mem::take(&mut unsaid.lost);
        let text =
            format!("{lost} lines of clients' threads are lost: the log was not read in time");
        (lost > 0).then_some(Line { level: Level::Warn, text })
    };
    let line = line.or_else(lost);
    unsaid.is_running = line.is_some();
    line
}

/// The most lines that wait.
const LINES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Line {
        Line { level: Level::Info, text: number.to_string() }
    }

    #[test]
    fn beyond_the_bound_lines_are_counted_and_that_is_said_behind_the_others() {
        let log = LogThread::default();
        // As if it hung.
        log.0.lock().is_running = true;
        log.say((0..LINES_MAX + 3).map(line).collect());
        let mut unsaid = log.0.lock();
        for number in 0..LINES_MAX {
            assert_eq!(next(&mut unsaid), Some(line(number)));
        }
        let lost = next(&mut unsaid).unwrap();
        assert!(lost.text.starts_with("3 lines "), "{lost:?}");
        assert_eq!(next(&mut unsaid), None);
        assert!(!unsaid.is_running);
    }
}
