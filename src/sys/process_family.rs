//! A command and all of its descendants: observed to their end without being reaped, and ended as a whole.
//!
//! The process that starts a family is the *subreaper* of all of it (prctl(2)): a descendant that loses its parent
//! becomes our own child, whatever group or session it has put itself into. So a second fork or setsid(2) is no
//! escape: when all children are dead, everything is. And a pid that we signal is never a stranger's, since nobody but
//! us reaps a child of ours.
//!
//! One family per process, and no other children: it waits for every child that there is.

use super::process::{change, check, die_with_parent};
use crate::sys::poll::{self, Interest, Ready};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// The leader of a process group of its own, not reaped yet, and its descendants.
#[derive(Debug)]
pub struct Family {
    leader: Child,
    changes: OwnedFd,
}

/// Which part of a family is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Its group, and the other groups of our session: the jobs of an interactive shell. Descendants in a session of
    /// their own (setsid) stay.
    Session,
    /// All of it.
    All,
}

impl Family {
    /// Starts `command` as the leader of a new process group. The leader dies with the thread that calls this, which
    /// must have SIGCHLD blocked.
    ///
    /// # Errors
    /// NotFound and PermissionDenied as execve(2) has them; the process has no descriptor left.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        adopt_orphans()?;
        let changes = changes()?;
        die_with_parent(command);
        Ok(Self { leader: command.process_group(0).spawn()?, changes })
    }

    /// The group, which is also the leader's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// Readable when a child stopped or ended.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.changes.as_raw_fd()
    }

    /// Makes [`Family::fd`] unreadable, and reaps whom the family left to us.
    pub fn take_changes(&self) {
        let mut news = [0u8; size_of::<libc::signalfd_siginfo>()];
        // SAFETY: `news` is so many writable bytes. EAGAIN means that there is none.
        unsafe { libc::read(self.fd(), news.as_mut_ptr().cast(), news.len()) };
        // An ended leader hides those that ended after it; they are reaped with it.
        while let Some((id, _)) = change(libc::P_ALL, 0, libc::WEXITED | libc::WNOWAIT) {
            if id == self.id() {
                break;
            }
            reap(id);
        }
    }

    /// The signal that stopped the leader, told once for each stop.
    #[must_use]
    pub fn take_stop(&self) -> Option<i32> {
        change(libc::P_PID, self.id(), libc::WSTOPPED).map(|(_, signal)| signal)
    }

    /// Whether the leader has ended. It is not reaped by this.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        change(libc::P_PID, self.id(), libc::WEXITED | libc::WNOWAIT).is_some()
    }

    /// Kills those of `scope`, and returns when none of them is left: how the leader ended.
    ///
    /// # Errors
    /// PermissionDenied: the leader may not be killed by us (it runs as somebody else), and goes on.
    pub fn end(mut self, scope: Scope) -> io::Result<ExitStatus> {
        // The whole group at once. No fork escapes this, since the kernel refuses it to a process that is being
        // killed. The leader is not reaped, so the group is no stranger's. A failure is reported below, by lines that
        // meet it too.
        let _ = kill(-(self.id() as libc::pid_t));
        loop {
            let left = self.kill_children(scope);
            if left == Left::None && self.has_ended() {
                return self.leader.wait();
            }
            if left == Left::None {
                kill(self.id() as libc::pid_t)?;
            }
            let mut set = [(self.fd(), Interest::Read, Ready::default())];
            // If even this fails we look again at once.
            let _ = poll::wait(&mut set, Some(LOOK_AGAIN));
            self.take_changes();
        }
    }

    /// One round: those whom the family leaves to us now are the next one's.
    fn kill_children(&self, scope: Scope) -> Left {
        // SAFETY: no pointers.
        let own_session = unsafe { libc::getsid(0) };
        let mut left = Left::None;
        for child in children() {
            if child.has_ended && child.id != self.id() {
                reap(child.id);
            }
            let is_spared = scope == Scope::Session && child.session != own_session;
            if !child.has_ended && !is_spared && kill(child.id as libc::pid_t).is_ok() {
                left = Left::Some;
            }
        }
        left
    }
}

/// Makes this process the subreaper: a descendant that loses its parent becomes our child, unless another subreaper
/// adopts it first.
///
/// # Errors
/// The kernel is older than Linux 3.4.
pub fn adopt_orphans() -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) })
}

/// Reaps child `id` of this process if it has ended: how.
#[must_use]
pub fn take_end(id: u32) -> Option<ExitStatus> {
    let id = id as libc::pid_t;
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    let reaped = unsafe { libc::waitpid(id, &raw mut status, libc::WNOHANG) };
    (reaped == id).then(|| ExitStatus::from_raw(status))
}

/// Kills all children of this process, and whom they leave to it, until there is none, or only such as may not be killed
/// or wait in the kernel: for one that has adopted a family whose own parent was killed. Whether none is left that may be
/// killed; it tries for a second.
pub fn end_orphans() -> bool {
    for _ in 0..ORPHAN_ROUNDS {
        let mut left = Left::None;
        for child in children() {
            if child.has_ended {
                reap(child.id);
            } else if kill(child.id as libc::pid_t).is_ok() {
                left = Left::Some;
            }
        }
        if left == Left::None {
            return true;
        }
        std::thread::sleep(ORPHAN_PAUSE);
    }
    false
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    None,
    Some,
}

/// A child of this process.
#[derive(Debug, PartialEq, Eq)]
struct Kin {
    id: u32,
    session: libc::pid_t,
    has_ended: bool,
}

/// Our children as /proc shows them; where there is none, the group is all that is known.
fn children() -> Vec<Kin> {
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        // The process may have ended meanwhile.
        let status = std::fs::read(format!("/proc/{id}/stat")).ok()?;
        let (parent, kin) = parse(id, &String::from_utf8_lossy(&status))?;
        (parent == own).then_some(kin)
    })
    .collect()
}

/// The parent and the rest of proc_pid_stat(5): "id (name) state parent group session …", where the name may have
/// anything in it.
fn parse(id: u32, status: &str) -> Option<(u32, Kin)> {
    let mut fields = status[status.rfind(')')? + 1..].split_ascii_whitespace();
    let has_ended = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some((parent, Kin { id, session, has_ended }))
}

fn kill(id: libc::pid_t) -> io::Result<()> {
    // SAFETY: no pointers. It is a child of ours, or the group of one, and not reaped: nobody else has its number.
    check(unsafe { libc::kill(id, libc::SIGKILL) })
}

fn reap(id: u32) {
    change(libc::P_PID, id, libc::WEXITED);
}

/// A descriptor that is readable when SIGCHLD came, which is blocked.
fn changes() -> io::Result<OwnedFd> {
    // SAFETY: a sigset_t is plain data, valid when zeroed, and lives through the calls; the result is checked.
    let fd = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    check(fd)?;
    // SAFETY: the descriptor was just made and is owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// How long a killed process may take before we look whether anybody else is there. Only a lost SIGCHLD, or a process
/// that is stuck in the kernel, makes us wait for so long.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Each generation of a family takes a round.
const ORPHAN_ROUNDS: u32 = 500;
/// How long a killed process is given to leave its children to us.
const ORPHAN_PAUSE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    // Tests of a family need a process of their own: tests/cli/guard.rs.

    #[test]
    fn a_name_with_blanks_and_brackets_is_passed_over() {
        let kin = |id, session, has_ended| Kin { id, session, has_ended };
        let line = "17 (a) Z (b)) S 4 17 9 0 -1 4194560";
        assert_eq!(parse(17, line), Some((4, kin(17, 9, false))));
        assert_eq!(parse(18, "18 (sh) Z 4 18 18 0"), Some((4, kin(18, 18, true))));
        for cut in ["", "18", "18 (sh)", "18 (sh) Z", "18 (sh) Z 4 18"] {
            assert_eq!(parse(18, cut), None, "{cut:?}");
        }
    }

    #[test]
    fn a_child_is_found_and_a_grandchild_is_not() {
        let script = "sleep 1000 & echo $!; wait";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        io::BufRead::read_line(&mut io::BufReader::new(output), &mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let found = children();
        assert!(found.iter().any(|kin| kin.id == child.id() && !kin.has_ended), "{found:?}");
        assert!(found.iter().all(|kin| kin.id != grandchild), "{found:?}");
        kill(-(child.id() as libc::pid_t)).unwrap();
        child.wait().unwrap();
    }
}
