//! What a build understands beyond 0.1.0, by name. Whoever connects says it in its hello, and is sent nothing else.
//!
//! To add a variant, a kind or a field to what is said on a connection: add an ability here, name it in the `needs` of the message
//! (`wire/needs.rs`), and say the older form, or nothing, to whoever did not name it (docs/developers/versions.md).

use std::fmt;

macro_rules! abilities {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        /// One thing that a build understands. Names and bits are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Ability {
            $($(#[$doc])* $name,)*
        }

        impl Ability {
            /// All that this build has.
            pub const ALL: &'static [Ability] = &[$(Ability::$name,)*];

            fn bit(self) -> u64 {
                match self { $(Ability::$name => 1 << $bit,)* }
            }

            /// Its name on the wire: no blanks.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Ability::$name => $text,)* }
            }
        }
    };
}

abilities! {
    /// `Request::Describe` and `ServerMessage::Described`: a node's status as named values.
    Describe = 0, "describe";
    /// `PeerMessage::Status`: what a peer says of itself, as named values.
    PeerStatus = 1, "peer-status";
    /// `RefusedCode::Version` and `RefusedCode::Level`.
    VersionRefusals = 2, "version-refusals";
    /// `Refusal::Conflict`: a request id that was used for another request.
    Conflicts = 3, "conflicts";
    /// Frames of the kind `Challenge`: a peer can prove that it is a member.
    Challenges = 4, "challenges";
    /// `ServerMessage::Condition`: what keeps a cluster from granting.
    Conditions = 5, "conditions";
    /// `Query::Asked` and `ReadAnswer::Asked`: with what grace and why a holder is asked to end.
    AskedShown = 6, "asked-shown";
    /// `RefusedCode::SlowReader`.
    SlowReaders = 7, "slow-readers";
    /// `ServerMessage::Denied` and `OrderAnswer::Denied`: who asks may not, and what is missing.
    Denials = 8, "denials";
    /// Rights: `Order::Access`, `Query::Rules`, `Query::Allowed` and their answers, `ReadAnswer::Denied`, and `ServerMessage::Denied` for any request.
    Access = 9, "access";
}

/// A set of abilities. Those that this build does not know are not in it: nothing of them is said here.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities(u64);

impl Abilities {
    /// Those of 0.1.0, whose hello names none.
    pub const NONE: Self = Self(0);

    /// All that this build has.
    #[must_use]
    pub fn own() -> Self {
        Self(Ability::ALL.iter().fold(0, |bits, ability| bits | ability.bit()))
    }

    /// Those that are named, parted by blanks.
    #[must_use]
    pub fn named(text: &str) -> Self {
        let names: Vec<&str> = text.split(' ').collect();
        let known = Ability::ALL.iter().filter(|ability| names.contains(&ability.name()));
        Self(known.fold(0, |bits, ability| bits | ability.bit()))
    }

    /// Their names, parted by blanks.
    #[must_use]
    pub fn names(self) -> String {
        let names = Ability::ALL.iter().filter(|ability| self.0 & ability.bit() != 0);
        names.map(|ability| ability.name()).collect::<Vec<_>>().join(" ")
    }

    /// Whether it includes `needed`; what 0.1.0 understands needs none.
    #[must_use]
    pub fn cover(self, needed: Option<Ability>) -> bool {
        needed.is_none_or(|ability| self.0 & ability.bit() != 0)
    }
}

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_later_builds_are_passed_over() {
        let named = Abilities::named("flying describe");
        assert!(named.cover(Some(Ability::Describe)));
        assert!(!named.cover(Some(Ability::PeerStatus)));
        assert!(Abilities::NONE.cover(None), "what 0.1.0 says needs nothing");
        assert_eq!(Abilities::named(""), Abilities::NONE);
    }

    #[test]
    fn own_names_come_back() {
        let own = Abilities::own();
        assert_eq!(Abilities::named(&own.names()), own);
        for ability in Ability::ALL {
            assert!(own.cover(Some(*ability)));
            assert!(!ability.name().contains(' '));
        }
    }
}
