//! Child processes: started so that they cannot outlive us, or so that they are spared our signals.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Lets the kernel kill the process of `command` when the thread that starts it ends: for helpers that
/// would otherwise outlive a killed parent, stopped ones among them.
pub fn die_with_parent(command: &mut Command) {
    die_with(command, std::process::id());
}

/// The same, given the expected parent. A parent that was killed before the kernel knew of this request kills nobody,
/// so the child compares its parent.
fn die_with(command: &mut Command, parent: u32) {
    // SAFETY: the closure runs between fork and exec and makes two system calls, which are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            match libc::getppid() == parent as libc::pid_t {
                true => Ok(()),
                false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            }
        });
    }
}

/// Starts the process of `command` in a group of its own, so that no signal of our terminal reaches it, and with
/// `inherited` open under its number. One that is stopped when the thread that starts it ends is continued by that.
pub fn set_apart(command: &mut Command, inherited: &UnixStream) {
    let inherited = inherited.as_raw_fd();
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and makes two system calls, which are async-signal-safe. The
    // descriptor is the parent's, which is open while `command` is spawned, or the call fails.
    unsafe {
        command.pre_exec(move || {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGCONT))?;
            check(libc::fcntl(inherited, libc::F_SETFD, 0))
        });
    }
}

/// Blocks all signals in this thread, so that none but SIGKILL and SIGSTOP reaches a process of one thread.
pub fn block_signals() {
    // SAFETY: a sigset_t is plain data, valid when zeroed; it lives through the calls.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}

/// Lets `signal` reach this thread, even if this process was started with it blocked.
pub fn unblock(signal: i32) {
    // SAFETY: a sigset_t is plain data, valid when zeroed; it lives through the calls.
    unsafe {
        let mut one: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut one, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const one, std::ptr::null_mut());
    }
}

/// Has the kernel keep how a child ended until it was asked for. A process that was started with SIGCHLD ignored could
/// not learn it, nor that a child ended at all.
pub fn keep_children() {
    // SAFETY: no handler is installed, so there is none that could be wrong.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// The socket that this process was started with under `number`, by [`set_apart`]. It is not inherited further. Once for
/// each number.
///
/// # Errors
/// It is not open, or no socket.
pub fn take_inherited(number: RawFd) -> io::Result<UnixStream> {
    // SAFETY: no pointers; a descriptor that is not open is refused.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and nobody else in this process knows of it: it came from the parent.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(number) });
    socket.peer_addr()?;
    Ok(socket)
}

/// Replaces the terminal, files or pipes that this process was started with by /dev/null: a reader at the other end
/// must not wait for us.
///
/// # Errors
/// There is no /dev/null.
pub fn leave_standard_streams() -> io::Result<()> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: no pointers; `null` is open. The standard library expects that these three are open, and they are.
        check(unsafe { libc::dup2(null.as_raw_fd(), stream) })?;
    }
    Ok(())
}

/// Calls this process so where the system shows no more than the name of a program (at most 15 bytes).
pub fn rename(name: &std::ffi::CStr) {
    // SAFETY: `name` ends with a zero and lives through the call, which copies it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Whether this process began a session (setsid, a terminal's first program): then no parent is expected to end it.
#[must_use]
pub fn leads_session() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::getsid(0) == libc::getpid() }
}

/// A descriptor that is readable once the process that started this one has ended; `None` if it has already, and init
/// or nobody that we see is our parent.
///
/// # Errors
/// The process has no descriptor left; the kernel is older than Linux 5.3.
pub fn watch_parent() -> io::Result<Option<OwnedFd>> {
    loop {
        // SAFETY: no pointers.
        let parent = unsafe { libc::getppid() };
        if parent <= 1 {
            return Ok(None);
        }
        let watched = open_process(parent as u32);
        // Only a parent that is still ours cannot have been reaped before, and its number given to another.
        // SAFETY: no pointers.
        if unsafe { libc::getppid() } == parent {
            return watched.map(Some);
        }
    }
}

/// A pidfd: this process, and never another that gets its number.
///
/// # Errors
/// There is no such process, or no descriptor left; the kernel is older than Linux 5.3.
pub(super) fn open_process(id: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the result is checked.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, id as libc::pid_t, 0) };
    check(fd as libc::c_int)?;
    // SAFETY: the descriptor was just made and is owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends `signal` to one child that was not waited for yet.
pub fn signal_child(child: &Child, signal: i32) {
    // SAFETY: no pointers. The child is not reaped, so its id is nobody else's.
    unsafe { libc::kill(child.id() as libc::pid_t, signal) };
}

/// Whether `child` was stopped since this was asked last.
#[must_use]
pub fn take_stop(child: &Child) -> bool {
    change(libc::P_PID, child.id(), libc::WSTOPPED).is_some()
}

/// Whether `child` is stopped now, by a signal or a debugger.
#[must_use]
pub fn is_stopped(child: &Child) -> bool {
    let status = std::fs::read(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    // "id (name) state …", where the name may have anything in it.
    let state = status.rfind(')').and_then(|at| status[at + 1..].split_ascii_whitespace().next());
    matches!(state, Some("T" | "t"))
}

/// The process and the exit code or signal of a change of state that `options` ask for, if there is one now.
pub(super) fn change(whom: libc::idtype_t, id: u32, options: libc::c_int) -> Option<(u32, i32)> {
    // SAFETY: a siginfo_t is plain data, valid when zeroed, and lives through the call; with WNOHANG and
    // nothing to tell it stays zeroed, which si_pid shows.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let result = libc::waitid(whom, id, &raw mut info, options | libc::WNOHANG);
        (result == 0 && info.si_pid() != 0).then(|| (info.si_pid() as u32, info.si_status()))
    }
}

/// The kernel's answer as a result.
pub(super) fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_whose_parent_was_killed_before_it_was_bound_to_it_does_not_run() {
        let mut orphan = Command::new("true");
        die_with(&mut orphan, 1);
        assert_eq!(orphan.spawn().unwrap_err().raw_os_error(), Some(libc::ESRCH));
        let mut child = Command::new("true");
        die_with_parent(&mut child);
        assert!(child.status().unwrap().success());
    }
}
