//! The pages of the endpoint: their paths, their readers, their answers.

use super::probes::{self, News};
use super::request::Request;
use super::response::{FORBIDDEN, NOT_FOUND, OK, Response, UNAVAILABLE};
use super::stream::Caller;
use super::{Format, metrics};
use crate::base::NodeId;
use crate::base::meters::Meters;
use crate::sys::clock;
use crate::wire::{ClusterHead, Complaint, cluster_to_json, node_to_json};
use serde_json::json;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Index,
    Metrics,
    Live,
    Ready,
    Status,
}

/// The node that answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) node: NodeId,
    /// The address of the node, by its options.
    pub(super) address: &'a str,
    pub(super) meters: &'a Meters,
}

impl Page {
    /// The page at `path`.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Index),
            "/metrics" => Some(Self::Metrics),
            "/livez" => Some(Self::Live),
            "/readyz" => Some(Self::Ready),
            "/status" => Some(Self::Status),
            _ => None,
        }
    }

    /// Whether the page needs an answer of the loop.
    pub(super) fn asks_loop(self) -> bool {
        matches!(self, Self::Live | Self::Ready | Self::Status)
    }

    /// Whether `caller` may read the page.
    pub(super) fn is_for(self, caller: Caller) -> bool {
        caller >= self.least()
    }

    /// The least caller who may read the page.
    fn least(self) -> Caller {
        match self {
            Self::Live | Self::Ready => Caller::Anybody,
            // Counts and members: `Request::Describe` tells these to any client, whatever its
            // rights (`wire/right.rs`).
            Self::Index | Self::Metrics | Self::Status => Caller::Known,
        }
    }
}

/// The answer to a request for `page`; `None`: there is no such page.
pub(super) fn answer(
    page: Option<Page>,
    request: &Request,
    caller: Caller,
    subject: Subject<'_>,
    news: &News<'_>,
) -> Response {
    let Some(page) = page else { return Response::line(NOT_FOUND, PAGES) };
    if !page.is_for(caller) {
        return Response::line(FORBIDDEN, STRANGER);
    }
    match page {
        Page::Index => Response::line(OK, PAGES),
        Page::Metrics => metrics_page(request.format, subject),
        Page::Live => probe(probes::live(news), caller),
        Page::Ready => probe(probes::ready(news), caller),
        Page::Status => status_page(subject, news),
    }
}

fn metrics_page(format: Format, subject: Subject<'_>) -> Response {
    let text = metrics(subject.node, subject.meters, format);
    Response::new(OK, format.content_type(), text)
}

fn probe(verdict: Result<(), Complaint>, caller: Caller) -> Response {
    match verdict {
        Ok(()) => Response::line(OK, "ok"),
        // Sentences may name addresses and files.
        Err(Complaint { word, .. }) if caller == Caller::Anybody => {
            Response::line(UNAVAILABLE, word)
        }
        Err(Complaint { word, sentence }) => {
            Response::line(UNAVAILABLE, &format!("{word}: {sentence}"))
        }
    }
}

/// The row of this node under the head of `tenure status --json`. If the loop does not answer, it
/// is the last known row with its age and the present condition.
fn status_page(subject: Subject<'_>, news: &News<'_>) -> Response {
    let condition = probes::condition(news);
    let row = probes::row(news);
    let said = row.as_ref().map(|(_, status)| status);
    let address = said
        .and_then(|status| status.members.iter().find(|member| member.node == subject.node))
        .map_or(subject.address, |member| &member.address);
    let silent = condition.sentence();
    let age = |at: u64| clock::boot_nanos().saturating_sub(at) / 1_000_000;
    let head = ClusterHead {
        cluster: said.and_then(|status| status.cluster),
        ancestors: said.into_iter().flat_map(|status| status.ancestors.iter()).collect(),
        condition: &condition,
        leader: said.and_then(|status| status.leader),
        leader_since_unix_ms: row.as_ref().and_then(|(told, status)| {
            let before = status.leader_for_ms? + age(told.at);
            Some(clock::unix_ms().saturating_sub(before))
        }),
        behind: serde_json::Value::Array(Vec::new()),
        nodes: vec![node_to_json(Some(subject.node), address, said.ok_or(silent.as_str()))],
    };
    let mut page = cluster_to_json(head);
    page["age_ms"] = json!(row.as_ref().map(|(told, _)| age(told.at)));
    Response::new(OK, "application/json", format!("{page}\n"))
}

const PAGES: &str = "tenure: /metrics /livez /readyz /status";
const STRANGER: &str = "only /livez and /readyz are for everybody: ask by https with a certificate of this cluster's, any of them (`tenure \
                        certs client NAME`)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Told;
    use crate::admin::request::{Method, Parsed, parse};
    use crate::base::meters::Doing;
    use crate::wire::{Condition, NodeStatus, ServiceState};

    fn asked(path: &str, caller: Caller, status: Option<NodeStatus>) -> String {
        let told = status.map(|status| Told { at: 0, status });
        let news = News {
            told: told.as_ref(),
            is_fresh: told.is_some(),
            doing: Doing::Waiting,
            end: None,
        };
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let Parsed::Whole(request, _) = parse(head.as_bytes()) else { panic!("{head}") };
        let meters = Meters::new();
        let subject = Subject { node: NodeId(1), address: "a:1", meters: &meters };
        let response = answer(Page::at(path), &request, caller, subject, &news);
        String::from_utf8(response.to_bytes(Method::Get, true)).unwrap()
    }

    fn waiting() -> NodeStatus {
        let text = "not founded yet: waits to meet node 2 at b:1";
        let condition = Some(Condition::new(ServiceState::WaitsForMembers, text));
        NodeStatus { node: NodeId(1), condition, ..NodeStatus::default() }
    }

    #[test]
    fn anybody_hears_a_word_and_no_names() {
        let ready = asked("/readyz", Caller::Anybody, Some(waiting()));
        assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
        assert!(ready.ends_with("\r\n\r\nwaits_for_members\n"), "{ready}");
        for path in ["/", "/metrics", "/status"] {
            let refused = asked(path, Caller::Anybody, Some(waiting()));
            assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
        }
        for path in ["/", "/metrics", "/status"] {
            let told = asked(path, Caller::Known, Some(waiting()));
            assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
        }
        let told = asked("/readyz", Caller::Known, Some(waiting()));
        assert!(
            told.ends_with("waits_for_members: not founded yet: waits to meet node 2 at b:1\n")
        );
    }

    #[test]
    fn a_status_is_a_row_under_the_head_of_all_nodes() {
        let text = asked("/status", Caller::Known, Some(waiting()));
        let json: serde_json::Value =
            serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(
            (&json["state"], &json["nodes"][0]["id"]),
            (&json!("waits_for_members"), &json!(1))
        );
        assert_eq!(json["nodes"][0]["address"], "a:1");
        let silent = asked("/status", Caller::Known, None);
        assert!(
            silent.contains("\"unreachable\":\"the loop of this node did not turn"),
            "{silent}"
        );
    }

    #[test]
    fn a_path_that_is_nothing_is_told_what_there_is() {
        let text = asked("/metric", Caller::Known, None);
        assert!(text.starts_with("HTTP/1.1 404 ") && text.contains("/metrics"), "{text}");
    }
}
