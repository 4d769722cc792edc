//! Access rules and credentials: listed, tested, and changed one at a time.

use super::order::{NotDone, unexpected};
use crate::base::limits::ACCESS_RULES_PER_READ_MAX;
use crate::base::locks::{AccessChange, Name, Names, Rule, Who};
use crate::base::{Credential, Right, Rights, Subject};
use crate::client::{Client, ClusterAt, Operator};
use crate::sys::random;
use crate::wire::{AccessSaid, Order, OrderAnswer, Query, ReadAnswer, RulesShown};
use crate::{Error, Status};
use serde_json::{Value, json};
use std::time::Duration;

/// The access rules and credentials of a cluster. Each change is committed when its call returns.
///
/// ```no_run
/// # use tenure::client::{Client, ClientOptions};
/// # let client = Client::open("127.0.0.1:7401", ClientOptions::new())?;
/// let access = client.access();
/// access.allow("operator/alice", "admin,operate", None)?;
/// access.allow("client/billing", "acquire,read", Some("jobs/"))?;
/// access.turn_on()?;
/// # Ok::<(), tenure::Error>(())
/// ```
///
/// UNAVAILABLE always means that nothing was done, and that the call may be repeated; UNKNOWN that
/// the change may be in force: repeat it, since changes are idempotent. DENIED says which right is
/// missing.
#[derive(Clone, Debug)]
pub struct Access {
    of: Of,
}

/// The cluster whose rights are meant.
#[derive(Clone, Debug)]
enum Of {
    Client(Client),
    Cluster(ClusterAt, Duration),
}

/// The access rules of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// Whether rules are in force: else the kind of identity alone decides.
    pub is_on: bool,
    /// All rules, in the order of principals, then of names.
    pub rules: Vec<Rule>,
    /// The principals that have a credential.
    pub credentials: Vec<Subject>,
}

/// The outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessChanged {
    /// Whether the change had an effect.
    pub is_changed: bool,
    /// Of a `deny`: rights that the rule did not allow.
    pub absent: Rights,
    /// Of a `deny`: another rule that still allows some of the rights.
    pub still: Option<Rule>,
}

impl Rules {
    /// `{"on", "rules": [{"principal", "rights": [], "names"}], "credentials": []}`: `names` is null for a rule of the cluster.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rule = |rule: &Rule| {
            let names = (!rule.names.is_of_cluster()).then(|| rule.names.to_string());
            let rights: Vec<&str> = rule.rights.iter().map(Right::name).collect();
            json!({ "principal": rule.who.to_string(), "rights": rights, "names": names })
        };
        let rules: Vec<Value> = self.rules.iter().map(rule).collect();
        let credentials: Vec<String> = self.credentials.iter().map(ToString::to_string).collect();
        json!({ "on": self.is_on, "rules": rules, "credentials": credentials })
    }
}

impl Client {
    /// The rights of this client's cluster. Each call takes at most the request timeout.
    #[must_use]
    pub fn access(&self) -> Access {
        Access { of: Of::Client(self.clone()) }
    }
}

impl Access {
    /// The rights of the cluster `whom`. Each call takes at most `timeout`.
    #[must_use]
    pub fn of(whom: ClusterAt, timeout: Duration) -> Self {
        Self { of: Of::Cluster(whom, timeout) }
    }

    /// From now on whatever no rule allows is denied.
    ///
    /// # Errors
    /// UNAVAILABLE says why not: nobody could turn rights off again, or a node accepts connections
    /// without TLS.
    pub fn turn_on(&self) -> Result<AccessChanged, Error> {
        Ok(self.change(AccessChange::On)?)
    }

    /// From now on the kind of identity alone decides; rules and credentials stay.
    ///
    /// # Errors
    /// DENIED, UNAVAILABLE, UNKNOWN.
    pub fn turn_off(&self) -> Result<AccessChanged, Error> {
        Ok(self.change(AccessChange::Off)?)
    }

    /// Allows `rights` ("acquire,read") of `names` ("jobs/nightly", "jobs/", "*") to `who`
    /// ("client/billing", "client/team-a/*", "*"); rights of the cluster ("operate", "admin") have
    /// no names.
    ///
    /// # Errors
    /// INVALID: malformed rule; DENIED, UNAVAILABLE, UNKNOWN.
    pub fn allow(
        &self,
        who: &str,
        rights: &str,
        names: Option<&str>,
    ) -> Result<AccessChanged, Error> {
        Ok(self.change(AccessChange::Allow(rule(who, rights, names)?))?)
    }

    /// Takes rights away from the rule of exactly these patterns. Waiters and observers that have
    /// lost the right are refused; locks that are held stay held until released or broken.
    ///
    /// # Errors
    /// As for [`Access::allow`].
    pub fn deny(
        &self,
        who: &str,
        rights: &str,
        names: Option<&str>,
    ) -> Result<AccessChanged, Error> {
        Ok(self.change(AccessChange::Deny(rule(who, rights, names)?))?)
    }

    /// Whether the rules allow this, whether rights are on or off.
    ///
    /// # Errors
    /// INVALID, DENIED, UNAVAILABLE.
    pub fn test(&self, who: &str, right: &str, name: Option<&str>) -> Result<bool, Error> {
        let subject = subject(who)?;
        let right: Right = right.parse().map_err(invalid)?;
        check_name(right.is_of_cluster(), name)?;
        let name = name.map(Name::try_from).transpose().map_err(invalid)?;
        match self.ask(&Query::Allowed { subject, right, name })? {
            ReadAnswer::Valid(is_allowed) => Ok(is_allowed),
            other => Err(strange(&other)),
        }
    }

    /// All rules.
    ///
    /// # Errors
    /// DENIED, UNAVAILABLE.
    pub fn list(&self) -> Result<Rules, Error> {
        let (mut rules, mut after): (Vec<Rule>, Option<(Who, Names)>) = (Vec::new(), None);
        loop {
            let limit = u32::try_from(ACCESS_RULES_PER_READ_MAX).expect("few");
            let shown = match self.ask(&Query::Rules { after: after.clone(), limit })? {
                ReadAnswer::Rules(values) => RulesShown::from_values(&values),
                other => return Err(strange(&other)),
            };
            let RulesShown { is_on, rules: part, more, credentials } = shown;
            let last = part.last().map(|rule| (rule.who.clone(), rule.names.clone()));
            rules.extend(part);
            if !more || last.is_none() {
                return Ok(Rules { is_on, rules, credentials });
            }
            after = last;
        }
    }

    /// Creates a credential: a client that shows it is `who` ("client/billing"), without a
    /// certificate. An earlier credential of `who` is void, and connections that have shown it end.
    /// The result is the line of a file, told once: the cluster keeps only a hash of its secret.
    ///
    /// # Errors
    /// INVALID: `who` is neither a client nor an operator; DENIED, UNAVAILABLE. UNKNOWN: an earlier
    /// credential may be void.
    pub fn create_credential(&self, who: &str) -> Result<String, Error> {
        let principal = who.parse().map_err(|why| invalid(format!("{who:?} {why}")))?;
        let credential = Credential::new(principal, random::bytes32());
        let credential = credential.map_err(|why| invalid(format!("{who:?} {why}")))?;
        let (principal, hash) = (Subject::from(&credential), credential.hash());
        self.change(AccessChange::CreateCredential { principal, hash })?;
        Ok(credential.to_line())
    }

    /// Revokes the credential of `principal`: connections that have shown it end.
    ///
    /// # Errors
    /// NOT_FOUND: there is none; DENIED, UNAVAILABLE, UNKNOWN.
    pub fn revoke_credential(&self, principal: &str) -> Result<AccessChanged, Error> {
        let said = self.give(AccessChange::RevokeCredential { principal: subject(principal)? })?;
        match said.is_absent {
            true => Err(Error::new(Status::NotFound, format!("{principal} has no credential"))),
            false => Ok(said.into()),
        }
    }

    /// Makes a change, with the reason of a failure as a type.
    ///
    /// # Errors
    /// [`NotDone`].
    #[doc(hidden)]
    pub fn change(&self, change: AccessChange) -> Result<AccessChanged, NotDone> {
        self.give(change).map(Into::into)
    }

    fn give(&self, change: AccessChange) -> Result<AccessSaid, NotDone> {
        let mut operator = self.operator().map_err(NotDone::Failed)?;
        match operator.order(&Order::Access { change }).map_err(NotDone::Failed)? {
            OrderAnswer::Access(values) => Ok(AccessSaid::from_values(&values)),
            OrderAnswer::Refused { text } => {
                Err(NotDone::Refused(Error::new(Status::Unavailable, text)))
            }
            other => Err(NotDone::Failed(unexpected(&other))),
        }
    }

    fn ask(&self, query: &Query) -> Result<ReadAnswer, Error> {
        self.operator()?.read(query)
    }

    fn operator(&self) -> Result<Operator, Error> {
        match &self.of {
            Of::Client(client) => Operator::connect(client.whom()?, client.order_timeout()),
            Of::Cluster(whom, timeout) => Operator::connect(whom.clone(), *timeout),
        }
    }
}

impl From<AccessSaid> for AccessChanged {
    fn from(said: AccessSaid) -> Self {
        let AccessSaid { is_changed, absent, still, .. } = said;
        Self { is_changed, absent, still }
    }
}

/// Parses a rule.
///
/// # Errors
/// INVALID says what is wrong with the words.
#[doc(hidden)]
pub fn rule(who: &str, rights: &str, names: Option<&str>) -> Result<Rule, Error> {
    let rights: Rights = rights.parse().map_err(invalid)?;
    let is_of_cluster = rights.are_of_cluster().unwrap_or_default();
    check_name(is_of_cluster, names)?;
    let names = match names {
        Some(names) => names.parse().map_err(invalid)?,
        None => Names::of_cluster(),
    };
    Ok(Rule { who: who.parse().map_err(invalid)?, names, rights })
}

fn check_name(is_of_cluster: bool, name: Option<&str>) -> Result<(), Error> {
    match (is_of_cluster, name) {
        (true, Some(_)) => {
            Err(invalid("operate and admin are rights of the cluster: name no lock"))
        }
        (false, None) => {
            Err(invalid("name the lock, or a prefix that ends in \"/\", or \"*\" for every lock"))
        }
        _ => Ok(()),
    }
}

fn subject(text: &str) -> Result<Subject, Error> {
    text.parse().map_err(|why| invalid(format!("{text:?} {why}")))
}

fn invalid(why: impl ToString) -> Error {
    Error::new(Status::Invalid, why.to_string())
}

fn strange(answer: &ReadAnswer) -> Error {
    Error::new(Status::Unavailable, format!("an answer of another kind came: {answer:?}"))
}
