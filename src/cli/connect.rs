//! How commands reach a cluster: the options that they share, and a client opened by them.

use crate::cli::duration;
use crate::cli::failure::Failure;
use crate::cli::secure::SecureClient;
use clap::Args;
use std::time::Duration;
use tenure::base::ClusterPin;
use tenure::client::{Client, ClientOptions, ClusterAt, Wait, check_endpoints};
use tenure::node::parse_cluster;

/// Where the cluster is, and how long to try.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// Nodes of the cluster; one that answers is enough
    #[arg(long, value_name = "HOST:PORT,…")]
    #[arg(default_value = ENDPOINTS_DEFAULT, value_parser = parse_endpoints)]
    pub endpoints: String,
    /// The cluster that is meant: its id as `tenure status` shows it, or at least the first eight hex digits; nodes of any
    /// other are passed over [default: the one that the nodes agree on]
    #[arg(long, value_name = "HEX", value_parser = ClusterPin::parse)]
    pub cluster_id: Option<ClusterPin>,
    #[command(flatten)]
    pub secure: SecureClient,
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

/// Those of --endpoints.
pub const ENDPOINTS_DEFAULT: &str = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";

impl Connection {
    /// One to `endpoints`, all else by default.
    #[must_use]
    pub fn to(endpoints: &str) -> Self {
        Self {
            endpoints: endpoints.to_owned(),
            cluster_id: None,
            secure: SecureClient::default(),
            timeout: TIMEOUT_DEFAULT,
        }
    }

    /// What a command needs besides to reach the same cluster, as words of a command line.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let endpoints = match self.endpoints.as_str() {
            ENDPOINTS_DEFAULT => None,
            endpoints => Some(("--endpoints", endpoints.to_owned())),
        };
        let pin = self.cluster_id.as_ref().map(|pin| ("--cluster-id", pin.to_string()));
        let given = endpoints.into_iter().chain(pin).chain(self.secure.flags());
        given.flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    /// A client with the default session.
    ///
    /// # Errors
    /// Malformed endpoints; no quorum: which nodes were tried and why each failed.
    pub fn open(&self) -> Result<Client, Failure> {
        Ok(Client::open(&self.endpoints, self.options()?)?)
    }

    /// The options that `open` uses.
    ///
    /// # Errors
    /// Those of TLS contradict each other.
    pub fn options(&self) -> Result<ClientOptions, Failure> {
        let options =
            ClientOptions::new().connect_timeout(self.timeout).request_timeout(self.timeout);
        let options = match &self.cluster_id {
            Some(pin) => options.cluster_id(pin.to_string()),
            None => options,
        };
        Ok(match self.secure.options()? {
            Some(tls) => options.tls(tls),
            None => options,
        })
    }

    /// The cluster, for connections that are no client's.
    ///
    /// # Errors
    /// A file of --ca, --cert, --key or --credential-file is of no use.
    pub fn at(&self) -> Result<ClusterAt, Failure> {
        self.secure.reach(ClusterAt::new(&self.endpoints, self.cluster_id.clone()))
    }

    /// Ends `client`'s session so that nothing of it is left at the server. Its TTL does so if this fails.
    pub fn close(&self, client: &Client) {
        if let Err(error) = client.close(Wait::For(self.timeout)) {
            log::debug!("the session was not closed ({error}); it ends by its TTL");
        }
    }
}
