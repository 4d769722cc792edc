//! The admin endpoint of a node, as its options ask for it.

use crate::Error;
use crate::admin::{Admin, Exposure, Mailbox, Teller};
use crate::base::error::Status;
use crate::base::meters::Meters;
use crate::net::Wake;
use crate::node::config::NodeOptions;
use crate::node::listen::resolve;
use std::net::TcpListener;
use std::sync::{Arc, OnceLock};

/// Listens where `options` say; `None`: nowhere.
///
/// # Errors
/// One sentence that says what to do.
pub(super) fn listen(options: &NodeOptions) -> Result<Option<TcpListener>, Error> {
    let Some(wanted) = &options.admin else { return Ok(None) };
    let exposure = if options.insecure { Exposure::Anywhere } else { Exposure::Loopback };
    let address = resolve(wanted).map_err(|error| {
        Error::new(error.status, format!("the admin endpoint: {}", error.message))
    })?;
    Admin::listen(address, exposure).map(Some)
}

/// Serves what listens, and gives what the loop answers with, which `wake` wakes once there is one.
///
/// # Errors
/// LIMIT: threads or descriptors.
pub(super) fn start(
    listener: Option<TcpListener>,
    options: &NodeOptions,
    meters: &Arc<Meters>,
    wake: Arc<OnceLock<Wake>>,
) -> Result<Option<(Admin, Teller)>, Error> {
    let Some(listener) = listener else { return Ok(None) };
    // Until there is a loop nobody is asked.
    let wake_loop = move || {
        if let Some(wake) = wake.get() {
            wake.wake();
        }
    };
    let (mailbox, teller) =
        Mailbox::new(wake_loop).map_err(|error| Error::new(Status::Limit, error.to_string()))?;
    let node = (options.id, options.own_address()?.to_owned());
    let admin = Admin::start(listener, node, Arc::clone(meters), (mailbox, teller.clone()))?;
    log::info!("node {} has its admin endpoint at http://{}/", options.id, admin.address());
    Ok(Some((admin, teller)))
}
