//! Certificates whose day is over, for programs that are to refuse them.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tenure::certs::{Authority, Existing, Lifetime, stem};

/// Makes in `directory` an authority that holds, and what it made for a day of last week: `client/late`, and `node/1` at
/// 127.0.0.1.
pub fn make_expired(directory: &Path) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let lifetime =
        |days_ago: u64, days| Lifetime { now: now - days_ago * 86_400, days: Some(days) };
    let authority = Authority::create(lifetime(8, 30)).unwrap();
    authority.issued().save(directory, "ca", Existing::Kept).unwrap();
    let hosts = ["127.0.0.1".parse().unwrap()];
    for (who, hosts) in [("client/late", &[][..]), ("node/1", &hosts)] {
        let principal = who.parse().unwrap();
        let issued = authority.issue(&principal, hosts, lifetime(7, 1)).unwrap();
        issued.save(directory, &stem(&principal), Existing::Kept).unwrap();
    }
}
