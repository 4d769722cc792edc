//! Descriptors that a forked child gives up: sockets, and the files of a data directory.
//!
//! All descriptors close on exec. A child that forks and never execs, such as a worker of a pre-fork server, would
//! keep them open: peers and servers would not see the end of its parent, and nobody could take the parent's port or
//! its data directory, whose lock belongs to the open file. So the child replaces each of them by one that does
//! nothing. The number stays taken: its owner in the child may still close it, and closes nothing else.
//!
//! For each number we note the file for which it was made. If it is another file at the fork, ours was closed before,
//! and the number is somebody else's. The child allocates nothing and takes no lock.

use super::fork;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Notes the descriptors that `make` opens: a child forked from now on does not keep them.
///
/// # Errors
/// Those of `make`.
pub fn by_no_child<T: AsRawFd>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    fork::watch();
    let _making = Making::begin();
    let made = make()?;
    note(made.as_raw_fd());
    Ok(made)
}

/// Before a fork: lets threads that are opening a descriptor note it first, if that does not take long.
pub(super) fn before_fork() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    wait_briefly(|| MAKING.load(Ordering::SeqCst) == 0);
}

/// In the parent, behind the fork.
pub(super) fn in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

/// In the child: lets go of all. The threads that counted themselves are not here.
pub(super) fn in_child() {
    FORKING.store(0, Ordering::SeqCst);
    MAKING.store(0, Ordering::SeqCst);
    // SAFETY: no pointers.
    let nothing = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    for (number, block) in NOTES.iter().enumerate() {
        // SAFETY: a block that was published is never freed.
        let Some(block) = (unsafe { block.load(Ordering::Acquire).as_ref() }) else { continue };
        for (at, noted) in block.iter().enumerate() {
            let fd = (number * BLOCK + at) as RawFd;
            if noted.take().is_some_and(|noted| identity(fd) == Some(noted)) {
                let_go(fd, nothing);
            }
        }
    }
    if nothing >= 0 {
        // SAFETY: it was made above, and nobody else has it.
        unsafe { libc::close(nothing) };
    }
}

fn let_go(fd: RawFd, nothing: RawFd) {
    // SAFETY: no pointers. `fd` is open, and was made by this library. Its owner in this process sees a descriptor on
    // which nothing happens, as a child is told of everything that its parent had (L20).
    unsafe {
        if nothing < 0 || libc::dup3(nothing, fd, libc::O_CLOEXEC) < 0 {
            libc::close(fd);
        }
    }
}

/// Which file is open: its device and number there. Sockets have numbers of their own, too.
type Identity = (u64, u64);

fn identity(fd: RawFd) -> Option<Identity> {
    // SAFETY: a stat is plain data, valid when zeroed, and lives through the call, which writes it.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(fd, &raw mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
    }
}

fn note(fd: RawFd) {
    let (Ok(at), Some((device, number))) = (usize::try_from(fd), identity(fd)) else { return };
    // Beyond the most that a process has by default of the system (fs.nr_open) nothing is noted.
    let Some(block) = NOTES.get(at / BLOCK) else { return };
    let noted = &block_or_allocate(block)[at % BLOCK];
    noted.number.store(0, Ordering::SeqCst);
    noted.device.store(device, Ordering::SeqCst);
    noted.number.store(number, Ordering::SeqCst);
}

/// The file for which one number was made; 0: none.
#[derive(Debug, Default)]
struct Noted {
    device: AtomicU64,
    number: AtomicU64,
}

impl Noted {
    fn take(&self) -> Option<Identity> {
        // Looked at first: what is written in a child is a page that it shares no more with its parent.
        if self.number.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let number = self.number.swap(0, Ordering::SeqCst);
        Some((self.device.load(Ordering::SeqCst), number))
    }
}

type Block = [Noted; BLOCK];

fn block_or_allocate(place: &AtomicPtr<Block>) -> &'static Block {
    let mut found = place.load(Ordering::Acquire);
    if found.is_null() {
        let made = Box::into_raw(Box::new(std::array::from_fn(|_| Noted::default())));
        match place.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => found = made,
            Err(first) => {
                // SAFETY: another thread was first; this block was made above and nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                found = first;
            }
        }
    }
    // SAFETY: not null, and a block that was published is never freed.
    unsafe { &*found }
}

/// A thread that is making a descriptor, and did not note it yet.
struct Making;

impl Making {
    fn begin() -> Self {
        MAKING.fetch_add(1, Ordering::SeqCst);
        if FORKING.load(Ordering::SeqCst) > 0 {
            // Behind the fork, if that does not take long: it may be this thread that forks, in a signal handler.
            drop(Self);
            wait_briefly(|| FORKING.load(Ordering::SeqCst) == 0);
            MAKING.fetch_add(1, Ordering::SeqCst);
        }
        Self
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // In a child that was forked meanwhile it is 0 already.
        let less = |making: u32| making.checked_sub(1);
        let _counted = MAKING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }
}

fn wait_briefly(done: impl Fn() -> bool) {
    for _ in 0..YIELDS_MAX {
        if done() {
            return;
        }
        std::thread::yield_now();
    }
}

static MAKING: AtomicU32 = AtomicU32::new(0);
static FORKING: AtomicU32 = AtomicU32::new(0);
static NOTES: [AtomicPtr<Block>; BLOCKS] = [const { AtomicPtr::new(ptr::null_mut()) }; BLOCKS];

const YIELDS_MAX: u32 = 1000;
const BLOCK: usize = 1024;
/// Room for 1,048,576 descriptors in all.
const BLOCKS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::FromRawFd;
    use std::os::unix::net::UnixStream;

    /// The byte that `look` gives in a forked child. `look` makes system calls alone.
    fn in_a_child(look: impl FnOnce() -> u8) -> u8 {
        let (mut here, there) = UnixStream::pair().unwrap();
        // SAFETY: the child makes system calls alone, and ends without running any destructor.
        match unsafe { libc::fork() } {
            0 => {
                let byte = [look()];
                // SAFETY: `byte` is one readable byte.
                unsafe {
                    libc::write(there.as_raw_fd(), byte.as_ptr().cast(), 1);
                    libc::_exit(0);
                }
            }
            child => {
                let mut byte = [0];
                here.read_exact(&mut byte).unwrap();
                // SAFETY: `child` is ours, and not waited for yet.
                unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
                byte[0]
            }
        }
    }

    fn is_same(fd: RawFd, before: Option<Identity>) -> bool {
        before.is_some() && identity(fd) == before
    }

    #[test]
    fn a_child_lets_go_of_what_was_noted_and_of_nothing_else() {
        let ours = by_no_child(|| TcpListener::bind("127.0.0.1:0")).unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (our_fd, other_fd) = (ours.as_raw_fd(), other.as_raw_fd());
        let (of_ours, of_other) = (identity(our_fd), identity(other_fd));
        let seen = in_a_child(|| {
            let stays_taken = identity(our_fd).is_some() && !is_same(our_fd, of_ours);
            u8::from(stays_taken) | u8::from(is_same(other_fd, of_other)) << 1
        });
        assert_eq!(seen, 3);
        assert!(is_same(our_fd, of_ours), "the parent keeps it");
    }

    #[test]
    fn a_number_that_is_somebody_elses_by_now_is_left_alone() {
        let ours = by_no_child(|| TcpListener::bind("127.0.0.1:0")).unwrap();
        let fd = ours.as_raw_fd();
        let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
        // SAFETY: both are open; the number goes on as theirs, and is owned once.
        let theirs = unsafe {
            assert_eq!(libc::dup3(theirs.as_raw_fd(), fd, libc::O_CLOEXEC), fd);
            drop(theirs);
            std::mem::forget(ours);
            TcpListener::from_raw_fd(fd)
        };
        let before = identity(fd);
        assert_eq!(in_a_child(|| u8::from(is_same(fd, before))), 1);
        drop(theirs);
    }

    #[test]
    fn the_other_side_sees_the_parents_end_while_its_child_lives() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut ours = by_no_child(|| TcpStream::connect(address)).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        let (hold, mut held) = UnixStream::pair().unwrap();
        // SAFETY: the child waits in a system call until the test ends it, and runs no destructor.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let mut byte = 0u8;
            // SAFETY: `byte` is one writable byte.
            unsafe {
                libc::read(hold.as_raw_fd(), (&raw mut byte).cast(), 1);
                libc::_exit(0);
            }
        }
        ours.write_all(b"x").unwrap();
        drop(ours);
        let mut said = Vec::new();
        theirs.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"x");
        held.write_all(b"x").unwrap();
        // SAFETY: `child` is ours, and not waited for yet.
        unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
    }
}
