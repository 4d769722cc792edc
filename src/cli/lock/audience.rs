//! The audience of a hold without a command: the reader of our stdout, and the process that started
//! us. When one of them is gone, nobody is left to end the hold.
//!
//! A starter that may leave says so as usual: nohup(1) ignores SIGHUP, setsid(1) makes a session of
//! its own. Then only a signal, or the reader's end, ends the hold.

use signal_hook::consts::SIGHUP;
use std::os::fd::{AsRawFd, OwnedFd};
use tenure::sys::inherited_signals::Inherited;
use tenure::sys::poll::{Interest, Ready};
use tenure::sys::process;

/// The reader and the parent, as far as each is watched.
#[derive(Debug)]
pub struct Audience {
    parent: Option<OwnedFd>,
}

/// The one who is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Reader,
    Parent,
}

impl Audience {
    pub fn new() -> Self {
        let is_detached = Inherited::of_this_process().ignores(SIGHUP) || process::leads_session();
        // Without a descriptor to watch the parent, the hold goes on.
        Self { parent: if is_detached { None } else { process::watch_parent().ok().flatten() } }
    }

    /// Descriptors to poll, for [`Audience::gone`].
    pub fn interests(&self) -> Vec<(i32, Interest, Ready)> {
        let reader = (std::io::stdout().as_raw_fd(), Interest::End, Ready::default());
        let parent = self.parent.iter();
        let parent = parent.map(|fd| (fd.as_raw_fd(), Interest::Read, Ready::default()));
        std::iter::once(reader).chain(parent).collect()
    }

    /// The part of the audience that is gone, by the readiness `seen` of [`Audience::interests`].
    pub fn gone(seen: &[(i32, Interest, Ready)]) -> Option<Gone> {
        match seen {
            [(_, _, reader), ..] if reader.readable => Some(Gone::Reader),
            [_, (_, _, parent)] if parent.readable => Some(Gone::Parent),
            _ => None,
        }
    }
}

impl Gone {
    /// A sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Reader => "nobody reads our stdout any more",
            Self::Parent => "the program that started us has ended",
        }
    }
}
