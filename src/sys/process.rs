//! A child process in a process group of its own: signalled as a whole, waited for without SIGCHLD.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

/// A command and all that it starts. Until it is reaped the leader's process id stays taken, so that a
/// signal to the group never reaches a stranger. Dropped before that, the whole group is killed.
#[derive(Debug)]
pub struct Group {
    child: Child,
    ended: OwnedFd,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unreaped,
    Reaped,
}

impl Group {
    /// Starts `command` as the leader of a new process group.
    ///
    /// # Errors
    /// NotFound and PermissionDenied as execve(2) has them; the process has no descriptor left.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        match pidfd(child.id()) {
            Ok(ended) => Ok(Self { child, ended, state: State::Unreaped }),
            Err(error) => {
                signal_group(child.id(), libc::SIGKILL);
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The group, which is also the leader's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Readable once the leader has ended.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.ended.as_raw_fd()
    }

    /// Sends `signal` to every process of the group.
    pub fn signal(&self, signal: i32) {
        signal_group(self.child.id(), signal);
    }

    /// Whether the leader has ended. It is not reaped by this.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        wait_state(self.child.id(), libc::WEXITED | libc::WNOWAIT).is_some()
    }

    /// The signal that stopped the leader, told once for each stop.
    #[must_use]
    pub fn take_stop(&self) -> Option<i32> {
        wait_state(self.child.id(), libc::WSTOPPED)
    }

    /// Waits for the leader's end, and reaps it.
    ///
    /// # Errors
    /// waitpid(2)'s own.
    pub fn reap(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.state = State::Reaped;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.state == State::Unreaped {
            self.signal(libc::SIGKILL);
            // Nothing is left to be done if even this fails.
            let _ = self.child.wait();
        }
    }
}

/// Lets the kernel kill the process of `command` when the thread that starts it ends: for helpers that
/// would otherwise outlive a killed parent, stopped ones among them.
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and makes one system call, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

/// Sends `signal` to one child that was not waited for yet.
pub fn signal_child(child: &Child, signal: i32) {
    // SAFETY: no pointers. The child is not reaped, so its id is nobody else's.
    unsafe { libc::kill(child.id() as libc::pid_t, signal) };
}

/// Whether this process was started with `signal` ignored, as nohup(1) does.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: a sigaction is plain data, valid when zeroed; it lives through the call, which only reads.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

fn signal_group(id: u32, signal: i32) {
    // SAFETY: no pointers. The leader is not reaped, so the group's id is nobody else's. ESRCH is fine.
    unsafe { libc::kill(-(id as libc::pid_t), signal) };
}

fn pidfd(id: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the result is checked.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, id as libc::pid_t, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and is owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// The exit code or signal of a change of state that `options` ask for, if there is one now.
fn wait_state(id: u32, options: i32) -> Option<i32> {
    // SAFETY: a siginfo_t is plain data, valid when zeroed, and lives through the call; with WNOHANG and
    // nothing to tell it stays zeroed, which si_pid shows.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let result = libc::waitid(libc::P_PID, id, &raw mut info, options | libc::WNOHANG);
        (result == 0 && info.si_pid() != 0).then(|| info.si_status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::{Interest, Ready, wait};
    use std::os::unix::process::ExitStatusExt;

    fn wait_for(group: &Group) {
        let mut set = [(group.fd(), Interest::Read, Ready::default())];
        while !set[0].2.readable {
            wait(&mut set, None).unwrap();
        }
    }

    #[test]
    fn the_end_of_the_leader_is_seen_before_it_is_reaped() {
        let group = Group::spawn(Command::new("sh").args(["-c", "exit 7"])).unwrap();
        wait_for(&group);
        assert!(group.has_ended());
        assert_eq!(group.reap().unwrap().code(), Some(7));
    }

    #[test]
    fn a_signal_reaches_the_whole_group() {
        let mut command = Command::new("sh");
        // A shell gives what it puts in the background no input, unless told which.
        command.args(["-c", "exec 3<&0; cat <&3 & echo started; wait"]).stdout(std::process::Stdio::piped());
        let (input, hold) = io::pipe().unwrap();
        let mut group = Group::spawn(command.stdin(input)).unwrap();
        let output = group.child.stdout.take().unwrap();
        let mut reader = io::BufReader::new(output);
        let mut line = String::new();
        io::BufRead::read_line(&mut reader, &mut line).unwrap();
        group.signal(libc::SIGKILL);
        // The end of file comes only when every process that has the pipe is gone.
        io::Read::read_to_string(&mut reader, &mut line).unwrap();
        assert_eq!(group.reap().unwrap().signal(), Some(libc::SIGKILL));
        drop(hold);
    }

    #[test]
    fn a_stop_is_told_once() {
        let (input, hold) = io::pipe().unwrap();
        let mut group = Group::spawn(Command::new("cat").stdin(input)).unwrap();
        group.signal(libc::SIGSTOP);
        let told = std::iter::repeat_with(|| group.take_stop()).find_map(|stop| stop);
        assert_eq!((told, group.take_stop()), (Some(libc::SIGSTOP), None));
        assert!(!group.has_ended() && group.child.try_wait().unwrap().is_none());
        drop(hold);
    }

    #[test]
    fn a_missing_program_is_not_found() {
        let error = Group::spawn(&mut Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
