//! How commands reach a cluster: the options that they share, and a client opened by them.

use crate::cli::duration;
use crate::cli::failure::Failure;
use clap::Args;
use std::time::Duration;
use tenure::client::{Client, ClientOptions, Wait, check_endpoints};
use tenure::node::parse_cluster;

/// Where the cluster is, and how long to try.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// Nodes of the cluster; one that answers is enough
    #[arg(long, value_name = "HOST:PORT,…")]
    #[arg(default_value = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403", value_parser = parse_endpoints)]
    pub endpoints: String,
    /// How long to try to reach the cluster, and to wait for each answer
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Endpoints that can be dialed, as far as their form tells.
///
/// # Errors
/// A sentence about the one that cannot.
pub fn parse_endpoints(text: &str) -> Result<String, String> {
    check_endpoints(text).map(|()| text.to_owned()).map_err(|error| error.message)
}

/// Members that can be dialed, as far as their form tells.
///
/// # Errors
/// A sentence about the one that cannot.
pub fn parse_members(text: &str) -> Result<String, String> {
    parse_cluster(text).map(|_| text.to_owned()).map_err(|error| error.message)
}

/// That of --timeout.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

impl Connection {
    /// A client with the default session.
    ///
    /// # Errors
    /// Malformed endpoints; no quorum: which nodes were tried and why each failed.
    pub fn open(&self) -> Result<Client, Failure> {
        Ok(Client::open(&self.endpoints, self.options())?)
    }

    /// The options that `open` uses.
    #[must_use]
    pub fn options(&self) -> ClientOptions {
        ClientOptions::new().connect_timeout(self.timeout).request_timeout(self.timeout)
    }

    /// Ends `client`'s session so that nothing of it is left at the server. Its TTL does so if this fails.
    pub fn close(&self, client: &Client) {
        if let Err(error) = client.close(Wait::For(self.timeout)) {
            log::debug!("the session was not closed ({error}); it ends by its TTL");
        }
    }
}
