//! Endpoints in the form "host:port,…", parsed and checked.

use crate::base::address;
use crate::base::limits::MEMBERS_MAX;
use crate::{Error, Status};

/// Checks the form of endpoints; names are not looked up.
///
/// # Errors
/// INVALID: which endpoint is malformed, and how.
pub fn check_endpoints(text: &str) -> Result<(), Error> {
    parse(text).map(drop)
}

/// The addresses in `text`, each checked to have a host and a port.
pub(super) fn parse(text: &str) -> Result<Vec<String>, Error> {
    let mut endpoints: Vec<String> = Vec::new();
    for endpoint in text.split(',').map(str::trim) {
        address::check(endpoint).map_err(|why| {
            let message = format!("endpoint {endpoint:?} of {text:?} {why}; write host:port,…");
            Error::new(Status::Invalid, message)
        })?;
        if !endpoints.iter().any(|known| known == endpoint) {
            endpoints.push(endpoint.to_owned());
        }
    }
    if endpoints.len() > ENDPOINTS_MAX {
        let message = format!("{} endpoints are more than {ENDPOINTS_MAX}", endpoints.len());
        return Err(Error::new(Status::Invalid, message));
    }
    Ok(endpoints)
}

/// Two endpoints for each of the most members.
const ENDPOINTS_MAX: usize = 2 * MEMBERS_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_hosts_with_ports() {
        let parsed = parse("127.0.0.1:7401, db.example:7402,[::1]:7403,127.0.0.1:7401").unwrap();
        assert_eq!(parsed, ["127.0.0.1:7401", "db.example:7402", "[::1]:7403"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("", "is empty"),
            ("db", "has no port"),
            ("a:1,,b:2", "is empty"),
            ("a:1,", "is empty"),
            ("http://db:7401", "is a URL"),
            ("a:1 b:2", "has a blank in it"),
            (":7401", "has no host"),
            ("::1:7401", "without brackets"),
            ("db:0", "has port 0"),
            ("db:70000", "no port from 1 to 65535"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.status, Status::Invalid);
            assert!(error.message.contains(why), "{text:?}: {}", error.message);
        }
    }
}
