//! A process group that another process of ours started, held by its leader's identity and not by its number.
//!
//! A number may be given to a stranger once the last process of the group is gone. A pidfd stands for the one
//! process that had it when it was opened, and for the group that was founded with it (Linux 6.9): a signal sent
//! through it reaches that group or nobody.

use super::poll::{self, Interest, Ready};
use super::process::open_process;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A group of processes.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: OwnedFd,
    id: u32,
}

impl ProcessGroup {
    /// The group that process `id` leads. It must not be reaped before this returns.
    ///
    /// # Errors
    /// There is no such process, or no descriptor left.
    pub fn open(id: u32) -> io::Result<Self> {
        Ok(Self { leader: open_process(id)?, id })
    }

    /// Readable once its leader has ended.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.leader.as_raw_fd()
    }

    /// Whether its leader has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let mut set = [(self.fd(), Interest::Read, Ready::default())];
        poll::wait(&mut set, Some(Duration::ZERO)).is_ok() && set[0].2.readable
    }

    /// The number of the group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends `signal` to every process of the group. Nothing happens if there is none left.
    pub fn signal(&self, signal: i32) {
        let leader = self.leader.as_raw_fd();
        // SAFETY: the pointer to a siginfo_t may be null; no others.
        let sent = unsafe {
            let information = std::ptr::null::<libc::siginfo_t>();
            libc::syscall(libc::SYS_pidfd_send_signal, leader, signal, information, WHOLE_GROUP)
        };
        let why = io::Error::last_os_error().raw_os_error();
        if sent < 0 && [Some(libc::EINVAL), Some(libc::ENOSYS)].contains(&why) {
            // An older kernel. The leader's parent does not reap it before it has killed the group, so its number
            // is a stranger's at most in the moment between that and its word to us.
            // SAFETY: no pointers.
            unsafe { libc::kill(-(self.id as libc::pid_t), signal) };
        }
    }
}

const WHOLE_GROUP: libc::c_uint = libc::PIDFD_SIGNAL_PROCESS_GROUP;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, Stdio};

    #[test]
    fn a_signal_reaches_the_whole_group() {
        let mut command = Command::new("sh");
        // A shell gives no input to a background command, unless told which.
        command
            .args(["-c", "exec 3<&0; cat <&3 & echo started; wait"])
            .stdout(Stdio::piped())
            .process_group(0);
        let (input, hold) = io::pipe().unwrap();
        let mut child = command.stdin(input).spawn().unwrap();
        let group = ProcessGroup::open(child.id()).unwrap();
        let mut reader = io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        io::BufRead::read_line(&mut reader, &mut line).unwrap();
        group.signal(libc::SIGKILL);
        // The end of file comes only when every process that has the pipe is gone.
        io::Read::read_to_string(&mut reader, &mut line).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        drop(hold);
        // The number may be another's now: nobody is reached.
        group.signal(libc::SIGKILL);
    }

    #[test]
    fn a_process_that_was_reaped_leads_no_group() {
        let mut child = Command::new("true").process_group(0).spawn().unwrap();
        child.wait().unwrap();
        assert!(ProcessGroup::open(child.id()).is_err());
    }
}
