//! How commands reach a cluster: their shared options, and a client opened with these.

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

/// `text` itself, if its endpoints have a form that can be dialed; names are not looked up.
///
/// # Errors
/// A sentence about the one that cannot.
pub fn parse_endpoints(text: &str) -> Result<String, String> {
    check_endpoints(text).map(|()| text.to_owned()).map_err(|error| error.message)
}

/// `text` itself, if its members have a form that can be dialed; names are not looked up.
///
/// # Errors
/// A sentence about the one that cannot.
pub fn parse_members(text: &str) -> Result<String, String> {
    parse_cluster(text).map(|_| text.to_owned()).map_err(|error| error.message)
}

/// The default of --timeout.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// The default of --endpoints.
pub const ENDPOINTS_DEFAULT: &str = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";

impl Connection {
    /// A connection to `endpoints`, with defaults for the rest.
    #[must_use]
    pub fn to(endpoints: &str) -> Self {
        Self {
            endpoints: endpoints.to_owned(),
            cluster_id: None,
            secure: SecureClient::default(),
            timeout: TIMEOUT_DEFAULT,
        }
    }

    /// The flags by which another command reaches the same cluster.
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
    /// The options of TLS contradict each other.
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

    /// The cluster, for connections that are no client's, as those of `status`.
    ///
    /// # Errors
    /// A file of --ca, --cert, --key or --credential-file cannot be used.
    pub fn at(&self) -> Result<ClusterAt, Failure> {
        self.secure.reach(ClusterAt::new(&self.endpoints, self.cluster_id.clone()))
    }

    /// Ends `client`'s session, so that the server keeps nothing of it. If this fails, the session
    /// ends by its TTL.
    pub fn close(&self, client: &Client) {
        if let Err(error) = client.close(Wait::For(self.timeout)) {
            log::debug!("the session was not closed ({error}); it ends by its TTL");
        }
    }
}
