//! Placement of a thread, as threads that it starts inherit it: its priority, its processors, its network namespace.
//!
//! A thread that works for several threads of a program must not run at a lower priority than one of them, nor dial
//! from another network.

use std::os::unix::fs::MetadataExt;

/// The placement that a thread passes on to threads that it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    policy: libc::c_int,
    priority: libc::c_int,
    nice: libc::c_int,
    processors: Vec<bool>,
    /// Device and number of its network namespace.
    network: Option<(u64, u64)>,
}

impl Placement {
    /// That of the calling thread, now.
    #[must_use]
    pub fn of_this_thread() -> Self {
        let (policy, priority, nice) = scheduling();
        let network = std::fs::metadata("/proc/thread-self/ns/net").ok();
        let network = network.map(|file| (file.dev(), file.ino()));
        Self { policy, priority, nice, processors: processors(), network }
    }
}

fn scheduling() -> (libc::c_int, libc::c_int, libc::c_int) {
    // SAFETY: a sched_param is plain data, valid when zeroed, and lives through the call that writes it. 0 is the calling
    // thread, for all three.
    unsafe {
        let mut param: libc::sched_param = std::mem::zeroed();
        libc::sched_getparam(0, &raw mut param);
        let nice = libc::getpriority(libc::PRIO_PROCESS, 0);
        (libc::sched_getscheduler(0), param.sched_priority, nice)
    }
}

/// None, where the machine has more of them than the set has room for.
fn processors() -> Vec<bool> {
    // SAFETY: a cpu_set_t is plain data, valid when zeroed, and lives through the call that writes it.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        set
    };
    // SAFETY: the numbers are within the set.
    (0..libc::CPU_SETSIZE as usize).map(|at| unsafe { libc::CPU_ISSET(at, &set) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_thread_is_placed_as_the_one_that_started_it_until_it_moves() {
        let here = Placement::of_this_thread();
        let (before, behind) = thread::spawn(|| {
            let before = Placement::of_this_thread();
            let param = libc::sched_param { sched_priority: 0 };
            // SAFETY: `param` lives through the call; 0 is the calling thread, which ends behind this.
            unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const param) };
            (before, Placement::of_this_thread())
        })
        .join()
        .unwrap();
        assert_eq!(before, here);
        assert_ne!(behind, here);
        assert_eq!(Placement::of_this_thread(), here);
    }
}
