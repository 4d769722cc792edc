//! docs/security.md: who may what, as the lines that stand there give it.

use super::done;
use super::text::{lines, with};
use crate::program::eventually;
use crate::secured::{Papers, leader, run_as};
use serde_json::Value;

#[test]
fn a_credential_is_made_and_used_as_the_page_says() {
    let lines = lines("security.md", "Credentials");
    let [create, lock] = &lines[..] else { panic!("two lines: {lines:?}") };
    let papers = Papers::new();
    let (cluster, operator) = (papers.cluster(), papers.flags("operator-alice"));
    leader(&cluster, &operator);
    eventually("the level of rights", || {
        let status = run_as(&cluster, &operator, "status", &["--json"]);
        let status: Value = serde_json::from_slice(&status.stdout).ok()?;
        status["nodes"].as_array()?.iter().all(|node| node["level"] == 3).then_some(())
    });
    let (ca, file) = (papers.path("ca.crt"), papers.path("billing.credential"));
    let with_files = |line: &str| {
        let places = [("ca.crt", &*ca), ("billing.credential", &*file), ("./nightly", "echo done")];
        format!("export TENURE_ENDPOINTS={}; {}", cluster.endpoints(), with(line, &places))
    };
    let shown: Vec<String> = operator
        .chunks(2)
        .map(|pair| format!("TENURE_{}={}", pair[0][2..].to_ascii_uppercase(), pair[1]))
        .collect();
    let created = done(&format!("export {}; {}", shown.join(" "), with_files(create)));
    assert!(created.contains("client/billing has a credential, in "), "{created}");
    assert_eq!(done(&with_files(lock)), "done\n");
}
