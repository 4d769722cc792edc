//! Principals: identities that certificates and credentials name, and that rights are given to.
//!
//! A principal is written `KIND/NAME`, in a certificate as the URI `tenure:KIND/NAME`. Kinds never mix: `client/a` and
//! `operator/a` are two.

use crate::base::NodeId;
use crate::base::text::one_line;
use std::fmt;
use std::str::FromStr;

/// One identity: a kind and a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Principal {
    /// A member of the cluster.
    Node(NodeId),
    /// A program that uses locks.
    Client(PrincipalName),
    /// Somebody who operates the cluster.
    Operator(PrincipalName),
    /// A program in the process of this node, which was given no identity of its own.
    Local(NodeId),
}

/// A name within its kind: 1 to 128 letters, digits and `. - _ ~ @ +` of ASCII, in parts by `/`. So it stands in a URI as it is, and two
/// that look alike are the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName(String);

/// Defect of a principal, as the second half of a sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// No `/`, or a kind that there is not.
    #[error("is no identity: it must look like \"node/3\", \"client/NAME\" or \"operator/NAME\"")]
    Kind,
    /// Not the number of a node.
    #[error("names no node: a node's id is a whole number from 1, without zeros before it")]
    Node,
    /// No name behind the kind.
    #[error("has an empty name")]
    Empty,
    /// Too long a name.
    #[error("has a name of more than {PRINCIPAL_NAME_BYTES_MAX} bytes")]
    Long,
    /// Something that no name has.
    #[error("has {0:?} in its name: use letters, digits and . - _ ~ @ + and /")]
    Letter(char),
    /// A `/` at an end, two of them, or `.` and `..` between them.
    #[error("has a part of its name between \"/\" that is empty, \".\" or \"..\"")]
    Part,
    /// A URI of ours that is none of a certificate.
    #[error(
        "is no identity that a certificate can give: those are tenure:node/N, tenure:client/NAME and tenure:operator/NAME"
    )]
    Uri,
}

/// Why a certificate names nobody, as the second half of a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No URI of ours.
    #[error(
        "names nobody: it needs a URI \"tenure:node/N\", \"tenure:client/NAME\" or \"tenure:operator/NAME\" among its alternative names"
    )]
    Missing,
    /// Two of ours, or one twice.
    #[error(
        "has more than one URI that begins with \"tenure:\": give each identity a certificate of its own"
    )]
    Several,
    /// One of ours that does not say who.
    #[error("has the URI \"{0}\", which {1}")]
    Wrong(String, PrincipalError),
}

/// How a node that was dialed by an endpoint is verified. There is no fallback from one to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// Its certificate names the host that was dialed.
    #[default]
    Host,
    /// Its certificate is a node's of the cluster's own authority, wherever that node is.
    Node,
}

/// Scheme of a principal's URI in a certificate.
pub const PRINCIPAL_SCHEME: &str = "tenure:";
/// Bytes of a name.
pub const PRINCIPAL_NAME_BYTES_MAX: usize = 128;

impl Principal {
    /// The principal that a URI of a certificate names; `None`: the URI is not one of ours.
    ///
    /// # Errors
    /// The URI is one of ours and names nobody. Such a certificate is refused, and does not count as one without a
    /// name.
    pub fn from_uri(uri: &str) -> Result<Option<Self>, PrincipalError> {
        let is_ours = uri.split_once(':').is_some_and(|(scheme, _)| {
            scheme.eq_ignore_ascii_case(PRINCIPAL_SCHEME.trim_end_matches(':'))
        });
        if !is_ours {
            return Ok(None);
        }
        match uri.strip_prefix(PRINCIPAL_SCHEME).ok_or(PrincipalError::Uri)?.parse()? {
            Self::Local(_) => Err(PrincipalError::Uri),
            principal => Ok(Some(principal)),
        }
    }

    /// The principal that the URIs of a certificate name, by exactly one of them. URIs of others (SPIFFE's, …) do not
    /// count.
    ///
    /// # Errors
    /// No principal, or more than one: a missing or unclear name is refused, never guessed.
    pub fn of_uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Result<Self, IdentityError> {
        let mut found = None;
        for uri in uris {
            let principal = Self::from_uri(uri).map_err(|why| {
                IdentityError::Wrong(one_line(uri, 2 * PRINCIPAL_NAME_BYTES_MAX), why)
            })?;
            if principal.is_some() && std::mem::replace(&mut found, principal).is_some() {
                return Err(IdentityError::Several);
            }
        }
        found.ok_or(IdentityError::Missing)
    }

    /// How a certificate names it; `None`: none does.
    #[must_use]
    pub fn to_uri(&self) -> Option<String> {
        match self {
            Self::Local(_) => None,
            Self::Node(_) | Self::Client(_) | Self::Operator(_) => {
                Some(format!("{PRINCIPAL_SCHEME}{self}"))
            }
        }
    }
}

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        let (kind, name) = text.split_once('/').ok_or(PrincipalError::Kind)?;
        Ok(match kind {
            "node" => Self::Node(node(name)?),
            "local" => Self::Local(node(name)?),
            "client" => Self::Client(name.parse()?),
            "operator" => Self::Operator(name.parse()?),
            _ => return Err(PrincipalError::Kind),
        })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node/{id}"),
            Self::Client(name) => write!(f, "client/{name}"),
            Self::Operator(name) => write!(f, "operator/{name}"),
            Self::Local(id) => write!(f, "local/{id}"),
        }
    }
}

impl FromStr for PrincipalName {
    type Err = PrincipalError;

    fn from_str(name: &str) -> Result<Self, PrincipalError> {
        if name.is_empty() {
            return Err(PrincipalError::Empty);
        }
        if let Some(letter) = name.chars().find(|letter| !is_allowed(*letter)) {
            return Err(PrincipalError::Letter(letter));
        }
        if name.len() > PRINCIPAL_NAME_BYTES_MAX {
            return Err(PrincipalError::Long);
        }
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(PrincipalError::Part);
        }
        Ok(Self(name.to_owned()))
    }
}

impl PrincipalName {
    /// Its written form, `KIND/NAME`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '~' | '@' | '+' | '/')
}

/// One way to write each: "03" and "+3" are numbers to a parser, and no nodes.
fn node(text: &str) -> Result<NodeId, PrincipalError> {
    let id: u64 = text.parse().map_err(|_| PrincipalError::Node)?;
    if id == 0 || id.to_string() != text {
        return Err(PrincipalError::Node);
    }
    Ok(NodeId(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_read_as_it_is_written() {
        for text in ["node/3", "local/1", "client/billing", "operator/a.b-c_d~e@f+g/h"] {
            assert_eq!(text.parse::<Principal>().unwrap().to_string(), text);
        }
        assert_ne!("client/a".parse::<Principal>(), "operator/a".parse());
    }

    #[test]
    fn what_is_wrong_has_a_name_of_its_own() {
        use PrincipalError::*;
        let long = format!("client/{}", "a".repeat(PRINCIPAL_NAME_BYTES_MAX + 1));
        for (text, why) in [
            ("", Kind),
            ("billing", Kind),
            ("Client/a", Kind),
            ("user/a", Kind),
            ("node/", Node),
            ("node/0", Node),
            ("node/03", Node),
            ("node/+3", Node),
            ("node/-1", Node),
            ("node/3/", Node),
            ("node/18446744073709551616", Node),
            ("client/", Empty),
            ("client/*", Letter('*')),
            ("client/a b", Letter(' ')),
            ("client/a%2fb", Letter('%')),
            ("client/a\0", Letter('\0')),
            ("client/ä", Letter('ä')),
            ("client//a", Part),
            ("client/a/", Part),
            ("client/../a", Part),
            (&long, Long),
        ] {
            assert_eq!(text.parse::<Principal>(), Err(why), "{text}");
        }
        assert!(long[..long.len() - 1].parse::<Principal>().is_ok());
    }

    #[test]
    fn certificates_name_nodes_clients_and_operators_and_nobody_else() {
        for text in ["node/3", "client/billing", "operator/alice"] {
            let principal: Principal = text.parse().unwrap();
            let uri = principal.to_uri().unwrap();
            assert_eq!(Principal::from_uri(&uri), Ok(Some(principal)));
        }
        assert_eq!("local/1".parse::<Principal>().unwrap().to_uri(), None);
        assert_eq!(Principal::from_uri("tenure:local/1"), Err(PrincipalError::Uri));
        assert_eq!(Principal::from_uri("TENURE:node/1"), Err(PrincipalError::Uri));
        assert_eq!(Principal::from_uri("tenure://node/1"), Err(PrincipalError::Kind));
        assert_eq!(Principal::from_uri("tenure:"), Err(PrincipalError::Kind));
        for foreign in ["spiffe://example.org/node/1", "tenured:node/1", "node/1", "", "urn:x"] {
            assert_eq!(Principal::from_uri(foreign), Ok(None), "{foreign}");
        }
    }

    #[test]
    fn a_certificate_has_one_identity_or_none() {
        let of = |uris: &[&str]| Principal::of_uris(uris.iter().copied());
        let one = of(&["spiffe://example.org/a", "tenure:client/a", "https://example.org"]);
        assert_eq!(one.unwrap().to_string(), "client/a");
        assert_eq!(of(&[]), Err(IdentityError::Missing));
        assert_eq!(of(&["spiffe://example.org/a"]), Err(IdentityError::Missing));
        assert_eq!(of(&["tenure:client/a", "tenure:node/1"]), Err(IdentityError::Several));
        assert_eq!(of(&["tenure:node/1", "tenure:node/1"]), Err(IdentityError::Several));
        let wrong = of(&["tenure:node/1", "tenure:node/01\u{202e}"]).unwrap_err();
        let said = "has the URI \"tenure:node/01\\u{202e}\", which names no node: ";
        assert!(wrong.to_string().starts_with(said), "{wrong}");
    }
}
