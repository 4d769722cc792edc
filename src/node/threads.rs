//! The threads of a node: for its loop, for reading its directory first, and for watching
//! certificates.

use crate::Error;
use crate::base::error::Status;
use crate::base::meters::Meters;
use crate::node::FileDisk;
use crate::node::config::NodeOptions;
use crate::node::event_loop::{EventLoop, disk_error, error_of, panic_error};
use crate::node::network::Network;
use crate::node::renewal::Renewal;
use crate::server::{Server, ServerOptions};
use crate::sys::{clock, random, thread};
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;

/// The renewal of certificates, and the handle that keeps its thread alive.
pub(super) type Watched = (Arc<Renewal>, Sender<()>);

/// Has certificates read again when their files change, if there are any, as long as the second
/// value is kept.
pub(super) fn begin_renewal(
    options: &NodeOptions,
    network: &Network,
) -> Result<Option<Watched>, Error> {
    let (Some(tls), Some(secured)) = (&options.tls, &network.handshakes.secured) else {
        return Ok(None);
    };
    secured.warn();
    let loop_of = (network.commands.clone(), network.wake());
    let renewal = Renewal::new(tls.clone(), options.id, secured, loop_of);
    let watch = renewal.watch().map_err(exhausted)?;
    Ok(Some((renewal, watch)))
}

/// Begins the thread of the loop; once that has released everything, the second value is
/// disconnected.
pub(super) fn begin_loop(
    event_loop: EventLoop<FileDisk>,
) -> Result<(JoinHandle<()>, Receiver<()>), Error> {
    let (finish, finished) = crossbeam_channel::bounded::<()>(0);
    let body = move || {
        event_loop.run();
        drop(finish);
    };
    let thread = thread::spawn("tenure-node", body).map_err(exhausted)?;
    Ok((thread, finished))
}

/// Opens the data directory on a thread of its own, on which all signals are blocked: a write beyond RLIMIT_FSIZE is an
/// error there, and no SIGXFSZ that kills the host.
pub(super) fn open_directory(
    options: &NodeOptions,
    meters: &Arc<Meters>,
) -> Result<Server<FileDisk>, Error> {
    let path = options.data_dir.clone();
    let server_options = ServerOptions { meters: Arc::clone(meters), ..options.server_options() };
    let opening = thread::spawn("tenure-open", move || {
        let disk = FileDisk::open(path).map_err(disk_error)?;
        Server::open(server_options, disk, random::bytes16(), &clock::sample()).map_err(error_of)
    });
    let opened = opening.map_err(exhausted)?.join();
    opened.unwrap_or_else(|panic| Err(panic_error(panic.as_ref())))
}

pub(super) fn exhausted(error: std::io::Error) -> Error {
    let text = format!(
        "the process may have no more threads or files ({error}): raise its limits (ulimit)"
    );
    Error::new(Status::Limit, text).because_of(error)
}
