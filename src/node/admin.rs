//! Starts the admin endpoint of a node by its options.

use crate::Error;
use crate::admin::{Admin, Exposure, Mailbox, Teller};
use crate::base::meters::Meters;
use crate::net::Wake;
use crate::node::config::NodeOptions;
use crate::node::listen::resolve;
use crate::node::secured::{Secured, TlsMode};
use crate::node::threads::exhausted;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

/// Listens where `options` say; `None`: nowhere.
///
/// # Errors
/// One sentence that says what to do.
pub(super) fn listen(
    options: &NodeOptions,
    secured: Option<&Secured>,
) -> Result<Option<(TcpListener, Exposure)>, Error> {
    let Some(wanted) = &options.admin else { return Ok(None) };
    options.check_admin(options.listen.as_deref().unwrap_or(options.own_address()?))?;
    let exposure = exposure(options, secured);
    let address = resolve(wanted).map_err(|error| {
        let text = format!("the admin endpoint: {}", error.message);
        error.reworded(text)
    })?;
    Ok(Some((Admin::listen(address, &exposure)?, exposure)))
}

/// Checks that the endpoint may be at `address`, by the options.
pub(super) fn check_exposure(address: SocketAddr, options: &NodeOptions) -> Result<(), Error> {
    if options.insecure || options.tls.is_some() {
        Ok(())
    } else {
        Exposure::Loopback.check(address)
    }
}

/// The exposure: with TLS certificates decide; without, or while TLS is optional, the option
/// `insecure`.
fn exposure(options: &NodeOptions, secured: Option<&Secured>) -> Exposure {
    match secured {
        Some(secured) if options.insecure && secured.mode() == TlsMode::Optional => {
            Exposure::Open(Some(secured.admin_server()))
        }
        Some(secured) => Exposure::Secured(secured.admin_server()),
        None if options.insecure => Exposure::Open(None),
        None => Exposure::Loopback,
    }
}

/// Serves `listener`; gives the loop's side of the mailbox. `wake` wakes the loop, once there is
/// one.
///
/// # Errors
/// LIMIT: threads or descriptors.
pub(super) fn start(
    listener: Option<(TcpListener, Exposure)>,
    options: &NodeOptions,
    meters: &Arc<Meters>,
    wake: Arc<OnceLock<Wake>>,
) -> Result<Option<(Admin, Teller)>, Error> {
    let Some(listener) = listener else { return Ok(None) };
    // Before there is a loop no question is sent.
    let wake_loop = move || {
        if let Some(wake) = wake.get() {
            wake.wake();
        }
    };
    let (mailbox, teller) = Mailbox::new(wake_loop).map_err(exhausted)?;
    let node = (options.id, options.own_address()?.to_owned());
    let scheme = listener.1.scheme();
    let admin = Admin::start(listener, node, Arc::clone(meters), (mailbox, teller.clone()))?;
    log::info!("node {} has its admin endpoint at {scheme}://{}/", options.id, admin.address());
    Ok(Some((admin, teller)))
}
