//! "host:port" as people write it, checked before anybody dials it. Names are not looked up.

/// Defect of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No text at all.
    #[error("is empty: there is a comma too many, or a variable is not set")]
    Empty,
    /// A scheme before it.
    #[error("is a URL: leave the scheme and what stands behind the port away")]
    Url,
    /// Something that no host and no port has.
    #[error("has a \"/\" in it")]
    Path,
    /// White space in it.
    #[error("has a blank in it: part addresses by commas")]
    Blank,
    /// All addresses, as other programs write them.
    #[error(
        "has \"*\" for its host: 0.0.0.0 is all addresses to listen on, and nobody can dial all"
    )]
    Star,
    /// A host alone.
    #[error("has no port")]
    NoPort,
    /// A port alone.
    #[error("has no host")]
    NoHost,
    /// Such as "::1:7401".
    #[error("is an IPv6 address without brackets, which must look like \"[::1]:7401\"")]
    NoBrackets,
    /// Listeners may ask for any port; nobody can dial that.
    #[error("has port 0, which nobody can dial")]
    PortZero,
    /// Not a number, or too large a one.
    #[error("has no port from 1 to 65535")]
    Port,
}

/// Whether `text` can be dialed, as far as its form tells.
///
/// # Errors
/// The defect, as the second half of a sentence about it.
pub fn check(text: &str) -> Result<(), AddressError> {
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if text.contains("://") {
        return Err(AddressError::Url);
    }
    if text.contains(char::is_whitespace) {
        return Err(AddressError::Blank);
    }
    if text.contains('/') {
        return Err(AddressError::Path);
    }
    let is_bracketed = |host: &str| host.starts_with('[') && host.ends_with(']');
    let (host, port) = match text.rsplit_once(':') {
        Some(_) if is_bracketed(text) => return Err(AddressError::NoPort),
        Some((host, port)) => (host, port),
        None => return Err(AddressError::NoPort),
    };
    match port.parse::<u16>() {
        _ if host.is_empty() => Err(AddressError::NoHost),
        _ if host == "*" => Err(AddressError::Star),
        _ if host.contains(':') && !is_bracketed(host) => Err(AddressError::NoBrackets),
        Ok(0) => Err(AddressError::PortZero),
        Ok(_) => Ok(()),
        Err(_) => Err(AddressError::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_are_addresses() {
        for text in ["127.0.0.1:7401", "db.example:1", "[::1]:65535", "[fe80::1%eth0]:7"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_name_of_its_own() {
        use AddressError::*;
        for (text, why) in [
            ("", Empty),
            ("http://db:7401", Url),
            ("tenure://db", Url),
            ("db:7401/", Path),
            ("a:1 b:2", Blank),
            ("db: 7401", Blank),
            ("db", NoPort),
            ("[::1]", NoPort),
            (":7401", NoHost),
            ("::1:7401", NoBrackets),
            ("::1", NoBrackets),
            ("db:0", PortZero),
            ("db:70000", Port),
            ("db:-1", Port),
            ("db:", Port),
            ("db:http", Port),
        ] {
            assert_eq!(check(text), Err(why), "{text}");
        }
    }
}
